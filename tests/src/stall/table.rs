//! The figures as the README has them.

use std::fmt::Write;

use super::{DISKS, Figures, SIDES, Stall};

const BEGIN: &str = "<!-- make bench writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// `page` with the figures in place of what its markers enclose.
pub fn put_into(page: &str, stall: &Stall) -> Result<String, String> {
    let parts = page
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or(format!("no {BEGIN:?} followed by {END:?}"))?;
    let block = block(stall).map_err(|_| "no text")?;
    Ok(format!("{before}{BEGIN}{block}{END}{after}"))
}

/// Three digits at most, as many as mean something.
pub fn ms(value: f64) -> String {
    match value {
        small if small < 9.95 => format!("{small:.1}"),
        value => format!("{value:.0}"),
    }
}

fn block(stall: &Stall) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let accelerator = stall.machine.get("accelerator").map_or("", String::as_str);
    writeln!(
        text,
        "Median of {} snapshots a way, in brackets 95 % and the largest, in ms. One run of `make bench` on {} at {}, in the \
         {accelerator} test machine.\n",
        stall.rounds, stall.date, stall.commit
    )?;
    let disks: Vec<_> = DISKS
        .iter()
        .filter_map(|disk| Some((disk, stall.profiles.get(disk.name)?)))
        .collect();
    let heads = disks
        .iter()
        .map(|(disk, _)| format!(" {}: gap | lock held |", disk.name));
    writeln!(text, "| |{}", heads.collect::<String>())?;
    writeln!(text, "|---|{}", "---|---|".repeat(disks.len()))?;
    for side in SIDES {
        let star = if side.ours { "**" } else { "" };
        let cells = disks.iter().map(|(_, profile)| cells(profile.sides.get(side.name)));
        writeln!(text, "| {star}{}{star} |{}", side.label, cells.collect::<String>())?;
    }
    writeln!(text)?;
    for (disk, profile) in &disks {
        writeln!(
            text,
            "`{}` is {}; there the pool's open transaction group moves on {} ms after a snapshot is asked for (median).",
            disk.name,
            profile.disk,
            ms(profile.txg_advance_ms_median)
        )?;
    }
    writeln!(
        text,
        "\n![The same as a picture, every snapshot a dot](docs/bench/stall.svg)"
    )?;
    Ok(text)
}

fn cells(figures: Option<&Figures>) -> String {
    let Some(figures) = figures else {
        return " | |".to_owned();
    };
    let held = match (figures.hold_ms_median, figures.hold_ms_max) {
        (Some(median), Some(max)) => format!("{} ({})", ms(median), ms(max)),
        _ => String::new(),
    };
    format!(
        " **{}** ({}, {}) | {held} |",
        ms(figures.gap_ms_median),
        ms(figures.gap_ms_p95),
        ms(figures.gap_ms_max)
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn the_figures_replace_what_the_markers_enclose() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let once = put_into(&page, &sample()).unwrap();
        assert!(once.starts_with("before\n") && once.ends_with(&format!("{END}after\n")));
        assert!(!once.contains("old"));
        let row = "| **mariasnap `exact`** | **62** (63, 63) | 14 (14) | **62** (63, 63) | 14 (14) |\n";
        assert!(once.contains(row), "{once}");
        assert_eq!(put_into(&once, &sample()).unwrap(), once);
    }

    #[test]
    fn a_page_without_markers_is_an_error() {
        assert!(put_into(&format!("{END}{BEGIN}"), &sample()).is_err());
    }

    #[test]
    fn digits() {
        assert_eq!([ms(0.0), ms(9.94), ms(9.96), ms(447.4)], ["0.0", "9.9", "10", "447"]);
    }
}
