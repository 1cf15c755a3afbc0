//! Tables for people.

use jiff::Timestamp;
use mariasnap_dbus::properties::{GTID, HOLD_MS, LOCK, STATE, shown_state};
use mariasnap_dbus::{DestroyOutcome, Snapshot, Target};

/// One line for each snapshot, oldest first.
pub(crate) fn snapshots(snapshots: &[Snapshot]) -> String {
    let head = [
        "NAME", "CREATED", "STATE", "USED", "REFER", "HOLD MS", "GTID", "KEPT BY",
    ]
    .map(str::to_owned);
    let rows = snapshots.iter().map(|snapshot| {
        let property = |key| snapshot.property(key).unwrap_or("-").to_owned();
        [
            snapshot.name.clone(),
            created(snapshot.creation),
            shown_state(snapshot.property(STATE), snapshot.property(LOCK)).to_owned(),
            size(snapshot.used),
            size(snapshot.referenced),
            property(HOLD_MS),
            property(GTID),
            kept_by(snapshot),
        ]
    });
    columns(std::iter::once(head).chain(rows).collect())
}

/// One line for each target.
pub(crate) fn targets(targets: &[Target]) -> String {
    let head = ["TARGET", "PREFIX", "MIN KEEP", "DATASETS"].map(str::to_owned);
    let rows = targets.iter().map(|target| {
        let shown = |dataset: &mariasnap_dbus::TargetDataset| match dataset.children {
            true => format!("{}/*", dataset.name),
            false => dataset.name.clone(),
        };
        let datasets: Vec<_> = target.datasets.iter().map(shown).collect();
        [
            target.name.clone(),
            target.prefix.clone(),
            target.min_keep.to_string(),
            datasets.join(" "),
        ]
    });
    columns(std::iter::once(head).chain(rows).collect())
}

/// One line for each snapshot that was to be destroyed.
pub(crate) fn outcomes(outcomes: &[DestroyOutcome]) -> String {
    let rows = outcomes
        .iter()
        .map(|o| [o.name.clone(), o.outcome.clone(), o.detail.clone()]);
    columns(rows.collect())
}

/// Lines up the cells of rows, the first of which is the head.
pub(crate) fn columns<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  "));
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn created(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

fn kept_by(snapshot: &Snapshot) -> String {
    let holds = (snapshot.holds > 0).then(|| format!("{} holds", snapshot.holds));
    holds
        .into_iter()
        .chain(snapshot.clones.iter().cloned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Bytes in the largest unit that leaves a whole number in front of the point, as `zfs list` shows them.
fn size(bytes: u64) -> String {
    let units = ["B", "K", "M", "G", "T", "P", "E"];
    let power = (1..units.len()).take_while(|power| bytes >> (10 * power) > 0).count();
    let unit = units.get(power).unwrap_or(&"B");
    match power {
        0 => format!("{bytes}B"),
        _ => {
            let tenths = (u128::from(bytes) * 10) >> (10 * power);
            format!("{}.{}{unit}", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, shown) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (1536, "1.5K"),
            (u64::MAX, "15.9E"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn columns_line_up_and_end_without_blanks() {
        let rows = vec![["a".to_owned(), "b".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(columns(rows), "a     b\nlong\n");
    }
}
