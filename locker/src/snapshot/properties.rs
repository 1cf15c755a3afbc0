//! What a snapshot carries, and when it is known.

use std::time::Duration;

use mariasnap_dbus::properties as key;

use super::recorded;
use crate::database::Position;
use crate::helper::Properties;
use crate::lock::{Held, Hold, Proven};

/// What the snapshot is born with, as little as can be, since the database is locked: whose it is, and where commits go on
/// under the lock, the position that it is past, which is known by then.
pub(super) fn at_birth(run: &str, held: &Held) -> Properties {
    let mut properties = held.floor().map(|floor| bound(key::FLOOR, floor)).unwrap_or_default();
    properties.insert(key::RUN.to_owned(), run.to_owned());
    properties
}

/// Longest value of the property that carries warnings, in bytes: every listing shows it.
const MAX_WARNING_BYTES: usize = 1024;

/// The layout's warnings, as far as a property carries them; the report has them whole.
pub(super) fn as_property(warnings: &[String]) -> Option<(String, String)> {
    let text = warnings.join("; ").replace(char::is_control, " ");
    let (carried, _) = recorded::split_within(&text, MAX_WARNING_BYTES);
    (!text.is_empty()).then(|| (key::WARNINGS.to_owned(), carried.to_owned()))
}

/// All the rest, once the lock is proven and given back.
pub(super) fn of(known: Properties, hold: &Hold, proven: Proven, open_txg: Option<u64>) -> Properties {
    let mut properties = known;
    match hold.kind.stops_commits() {
        true => recorded::write(&proven.position.settled_by(proven.later), &mut properties),
        false => properties.extend(bound(key::CEILING, &proven.later)),
    }
    properties.extend([
        (key::WAIT_MS.to_owned(), milliseconds(hold.waited).to_string()),
        (key::HOLD_MS.to_owned(), milliseconds(hold.held).to_string()),
    ]);
    properties.extend(open_txg.map(|open_txg| (key::UNLOCK_TXG.to_owned(), open_txg.to_string())));
    properties
}

/// A position that isn't the snapshot's, under keys that say so.
fn bound(prefix: &str, position: &Position) -> Properties {
    let mut plain = Properties::new();
    recorded::write(position, &mut plain);
    let named = plain.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value));
    named.collect()
}

/// Whole milliseconds, rounded up: a hold is never reported as shorter than it was.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_never_passes_for_the_position() {
        let position = Position {
            gtid: "0-1-5".to_owned(),
            binlog: Some(("b.000001".to_owned(), 42)),
            ..Position::default()
        };
        let properties = bound(key::FLOOR, &position);
        let keys: Vec<_> = properties.keys().map(String::as_str).collect();
        assert_eq!(keys, ["floor-binlog-file", "floor-binlog-position", "floor-gtid"]);
    }

    #[test]
    fn warnings_are_cut_to_what_a_property_may_hold() {
        assert_eq!(as_property(&[]), None);
        let warnings = ["a\nb".to_owned(), "c".to_owned()];
        assert_eq!(
            as_property(&warnings),
            Some(("warnings".to_owned(), "a b; c".to_owned()))
        );
        let (_, long) = as_property(&["\u{e4}".repeat(1000)]).unwrap();
        assert_eq!(long.len(), 1024);
        let (_, odd) = as_property(&[format!("x{}", "\u{e4}".repeat(1000))]).unwrap();
        assert_eq!(odd.len(), 1023);
    }

    #[test]
    fn a_hold_is_rounded_up() {
        assert_eq!(milliseconds(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(7)), 7);
    }
}
