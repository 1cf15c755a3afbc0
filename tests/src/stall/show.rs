//! The figures and their aims, for the one who waited for them.

use std::fmt::{Error, Write};

use super::{Figures, Profile, SIDES, Stall, aims};

/// All of it, line by line.
pub fn text(stall: &Stall) -> Result<String, Error> {
    let mut out = String::new();
    for (disk, profile) in &stall.profiles {
        let head = "gap: median     95 %  largest   held: median  largest      took";
        writeln!(out, "== {disk}\n  {:<14} {head}", "ms")?;
        for side in SIDES {
            if let Some(figures) = profile.sides.get(side.name) {
                row(&mut out, side.name, figures)?;
            }
        }
        txg(&mut out, profile)?;
    }
    writeln!(out, "== aims")?;
    for aim in aims::aims(stall) {
        let verdict = if aim.is_met() { "met" } else { "MISSED" };
        writeln!(
            out,
            "  {:<62} {:6.2}, at most {:5.2}: {verdict}",
            aim.what, aim.value, aim.at_most
        )?;
    }
    Ok(out)
}

fn row(out: &mut String, name: &str, figures: &Figures) -> Result<(), Error> {
    let held = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.1}"));
    write!(
        out,
        "  {name:<14} {:11.1} {:8.1} {:8.1}   {:>12} {:>8}  {:8.0}",
        figures.gap_ms_median,
        figures.gap_ms_p95,
        figures.gap_ms_max,
        held(figures.hold_ms_median),
        held(figures.hold_ms_max),
        figures.took_ms_median
    )?;
    match figures.early_unlocks {
        Some(early) => writeln!(out, "   {early} of {} unlocked early", figures.n),
        None => writeln!(out),
    }
}

fn txg(out: &mut String, profile: &Profile) -> Result<(), Error> {
    let (bare, synced) = (profile.txg_advance_ms_median, profile.txg_advance_synced_ms_median);
    writeln!(
        out,
        "  a snapshot moves the open transaction group on after {bare:.1} ms, right after a sync after {synced:.1} ms"
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn every_side_and_every_aim_has_its_line() {
        let stall = sample();
        let text = text(&stall).unwrap();
        assert_eq!(text.matches("\n  exact ").count(), 2, "{text}");
        assert_eq!(text.matches(", at most ").count(), aims::aims(&stall).len());
        assert!(text.contains("   2 of 40 unlocked early\n"));
    }
}
