//! The figures as a picture: of each side every gap, the median, and the reach to 95 % and to the largest.

use std::fmt::{Error, Write};

use super::table::ms;
use super::{DISKS, Figures, Profile, SIDES, Side, Stall};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 820.0;
const TOP: f64 = 64.0;
const ROW: f64 = 26.0;
/// Height of one disk's part: its title, its rows, the axis below them.
const PANEL: f64 = 34.0 + ROW * SIDES.len() as f64 + 40.0;

/// The colours follow the reader's preference; the ground is painted, so that they fit it anywhere. Not by variables,
/// which not every viewer knows.
const STYLE: &str = "
  text { font: 12px sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: bold }
  .faint { fill: #59636e }
  .ground { fill: #ffffff }
  .grid { stroke: #d1d9e0 }
  .ours { fill: #0a6e31; stroke: #0a6e31 }
  .others { fill: #9a4a00; stroke: #9a4a00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .faint { fill: #9198a1 }
    .ground { fill: #0d1117 }
    .grid { stroke: #3d444d }
    .ours { fill: #4ac26b; stroke: #4ac26b }
    .others { fill: #f0883e; stroke: #f0883e }
  }
  .dot { fill-opacity: .28; stroke: none }
  text.value { stroke: none; font-weight: bold }
";

/// The logarithmic axis that all disks share.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn of(stall: &Stall) -> Self {
        let figures = stall.profiles.values().flat_map(|profile| profile.sides.values());
        let gaps = figures.flat_map(|figures| &figures.gaps_ms).copied();
        let (least, most) = gaps.fold((10f64, 100f64), |(least, most), gap| (least.min(gap), most.max(gap)));
        Self {
            from: *steps(0.1, least).last().unwrap_or(&0.1),
            to: most * 1.6,
        }
    }

    fn x(&self, ms: f64) -> f64 {
        let share = (ms.max(self.from) / self.from).ln() / (self.to / self.from).ln();
        LEFT + share * (RIGHT - LEFT)
    }
}

/// 1, 2, 5, 10, 20... within bounds.
fn steps(from: f64, to: f64) -> Vec<f64> {
    let all = (-1..6).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power)));
    all.filter(|step| *step >= from * 0.999 && *step <= to * 1.001)
        .collect()
}

/// The picture, as SVG.
pub fn svg(stall: &Stall) -> Result<String, Error> {
    let axis = Axis::of(stall);
    let mut out = String::new();
    let disks: Vec<_> = DISKS
        .iter()
        .filter_map(|disk| Some((disk, stall.profiles.get(disk.name)?)))
        .collect();
    let height = TOP + PANEL * disks.len() as f64 + 16.0;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Longest time without a commit around a snapshot, by the way it is taken\">"
    )?;
    writeln!(out, "<style>{STYLE}</style>")?;
    writeln!(out, "<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>")?;
    text(
        &mut out,
        20.0,
        26.0,
        "title",
        "How long commits stand still around a snapshot",
    )?;
    let what = format!(
        "milliseconds, logarithmic; dots: each of {} snapshots; disc and figure: median; bar: to 95 %; tick: largest",
        stall.rounds
    );
    text(&mut out, 20.0, 46.0, "faint", &what)?;
    for (place, (disk, profile)) in disks.iter().enumerate() {
        let title = format!("{}: {}", disk.name, profile.disk);
        panel(&mut out, &axis, TOP + PANEL * place as f64, &title, profile)?;
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn panel(out: &mut String, axis: &Axis, top: f64, title: &str, profile: &Profile) -> Result<(), Error> {
    text(out, 20.0, top + 20.0, "title", title)?;
    let (first, last) = (top + 34.0, top + 34.0 + ROW * SIDES.len() as f64);
    for step in steps(axis.from, axis.to) {
        let x = axis.x(step);
        writeln!(out, "<path class=\"grid\" d=\"M{x:.1} {first:.1}V{last:.1}\"/>")?;
        let label = format!(
            "<text class=\"faint\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">",
            last + 16.0
        );
        writeln!(out, "{label}{step}</text>")?;
    }
    for (place, side) in SIDES.iter().enumerate() {
        let middle = first + ROW * (place as f64 + 0.5);
        let label = side.label.replace('`', "");
        text(out, 20.0, middle + 4.0, "", &label)?;
        if let Some(figures) = profile.sides.get(side.name) {
            row(out, axis, middle, side, figures)?;
        }
    }
    Ok(())
}

fn row(out: &mut String, axis: &Axis, y: f64, side: &Side, figures: &Figures) -> Result<(), Error> {
    let class = if side.ours { "ours" } else { "others" };
    let (median, p95, max) = (
        axis.x(figures.gap_ms_median),
        axis.x(figures.gap_ms_p95),
        axis.x(figures.gap_ms_max),
    );
    for gap in &figures.gaps_ms {
        let x = axis.x(*gap);
        writeln!(
            out,
            "<circle class=\"{class} dot\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
            y + 5.0
        )?;
    }
    let bar = format!("M{median:.1} {:.1}H{p95:.1}M{max:.1} {:.1}v10", y - 3.0, y - 8.0);
    writeln!(
        out,
        "<path class=\"{class}\" stroke-width=\"2\" fill=\"none\" d=\"{bar}\"/>"
    )?;
    writeln!(
        out,
        "<circle class=\"{class}\" cx=\"{median:.1}\" cy=\"{:.1}\" r=\"4.5\"/>",
        y - 3.0
    )?;
    let value = format!("{class} value");
    text(out, max.max(p95) + 8.0, y + 3.0, &value, &ms(figures.gap_ms_median))
}

fn text(out: &mut String, x: f64, y: f64, class: &str, words: &str) -> Result<(), Error> {
    writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>")
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn every_gap_is_a_dot_within_the_frame() {
        let svg = svg(&sample()).unwrap();
        assert_eq!(svg.matches(" dot\"").count(), 2 * 7 * 40);
        let places = svg.split("cx=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for x in places.map(|x| x.parse::<f64>().unwrap()) {
            assert!((LEFT..=RIGHT).contains(&x), "{x}");
        }
    }

    #[test]
    fn the_axis_is_logarithmic() {
        let axis = Axis { from: 1.0, to: 100.0 };
        assert!((axis.x(10.0) - (LEFT + RIGHT) / 2.0).abs() < 1e-9);
        assert_eq!(axis.x(0.0), LEFT, "nothing is left of the frame");
        assert_eq!(steps(1.0, 100.0), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }
}
