//! The properties known only under the lock.

use std::time::Duration;

use mariasnap_dbus::{limits, properties as key};

use crate::database::Position;
use crate::helper::Properties;
use crate::lock::Held;

/// Adds what the lock showed.
pub(super) fn at_the_cut(mut properties: Properties, held: &Held) -> Properties {
    add_position(&mut properties, held.position());
    properties.insert(key::WAIT_MS.to_owned(), milliseconds(held.waited()).to_string());
    properties
}

/// Longest value of the property that carries warnings, in bytes: every listing shows it.
const MAX_WARNING_BYTES: usize = 1024;

/// The layout's warnings, as far as a property carries them; the report has them whole.
pub(super) fn as_property(warnings: &[String]) -> Option<(String, String)> {
    let text = warnings.join("; ").replace(char::is_control, " ");
    let mut ends = (0..=text.len().min(MAX_WARNING_BYTES)).rev();
    let end = ends.find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    (!text.is_empty()).then(|| (key::WARNINGS.to_owned(), text.get(..end).unwrap_or_default().to_owned()))
}

/// What is known only after the unlock.
pub(super) fn after_unlock(hold: Duration) -> Properties {
    Properties::from([(key::HOLD_MS.to_owned(), milliseconds(hold).to_string())])
}

/// Whole milliseconds, rounded up: a hold is never reported as shorter than it was.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

fn add_position(properties: &mut Properties, position: &Position) {
    let files = [
        (key::BINLOG_FILE, key::BINLOG_POSITION, &position.binlog),
        (key::SOURCE_FILE, key::SOURCE_POSITION, &position.source),
    ];
    for (file_key, offset_key, place) in files {
        if let Some((file, offset)) = place {
            properties.insert(file_key.to_owned(), file.clone());
            properties.insert(offset_key.to_owned(), offset.to_string());
        }
    }
    add_split(properties, key::GTID, &position.gtid);
    add_split(properties, key::GTID_SLAVE, &position.gtid_slave);
}

/// A value too long for one property goes into `KEY.0`, `KEY.1`... to be joined without anything between.
fn add_split(properties: &mut Properties, key: &str, value: &str) {
    match value.len() {
        0 => {}
        short if short <= limits::MAX_PROPERTY_VALUE_BYTES => {
            properties.insert(key.to_owned(), value.to_owned());
        }
        _ => {
            let chunks = value.as_bytes().chunks(limits::MAX_PROPERTY_VALUE_BYTES);
            for (number, chunk) in chunks.enumerate() {
                let chunk = String::from_utf8_lossy(chunk).into_owned();
                properties.insert(format!("{key}.{number}"), chunk);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtids(value: &str) -> Properties {
        let mut properties = Properties::new();
        let position = Position {
            gtid: value.to_owned(),
            ..Position::default()
        };
        add_position(&mut properties, &position);
        properties
    }

    #[test]
    fn long_gtid_sets_are_split_and_join_again() {
        let long: String = (0..3000).map(|n| format!("{n}-1-{n},")).collect();
        let properties = gtids(&long);
        let joined: String = (0..properties.len())
            .map(|n| properties[&format!("gtid.{n}")].as_str())
            .collect();
        assert_eq!(joined, long);
        assert!(
            properties
                .values()
                .all(|value| value.len() <= limits::MAX_PROPERTY_VALUE_BYTES)
        );
    }

    #[test]
    fn short_ones_are_whole_and_empty_ones_left_out() {
        assert_eq!(
            gtids("0-1-5"),
            Properties::from([("gtid".to_owned(), "0-1-5".to_owned())])
        );
        assert_eq!(gtids(""), Properties::new());
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
