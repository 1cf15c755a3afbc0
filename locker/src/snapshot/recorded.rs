//! A position among a snapshot's properties: written at the cut, read back from a listing.

use std::collections::BTreeMap;

use mariasnap_dbus::{limits, properties as key};
use serde::{Deserialize, Serialize};

use crate::database::{MAX_GTID_BYTES, Position, SourcePosition};
use crate::helper::Properties;

/// The position that a snapshot carries, long values joined, as `list --json` shows it. Fields are only ever added.
/// What isn't there, or isn't what was written there, is null; the properties themselves are shown beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Recorded {
    pub(crate) binlog_file: Option<String>,
    pub(crate) binlog_position: Option<u64>,
    pub(crate) gtid: Option<String>,
    pub(crate) gtid_current: Option<String>,
    pub(crate) gtid_slave: Option<String>,
    sources: Vec<Source>,
    pub(crate) galera: Option<String>,
    innodb_lsn: Option<u64>,
}

/// One source of a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    channel: String,
    file: String,
    position: u64,
}

/// Adds the position to the properties of a snapshot that is about to be taken.
pub(super) fn write(position: &Position, properties: &mut Properties) {
    let mut add = |key, value: Option<String>| add_split(properties, key, value.unwrap_or_default());
    let (file, offset) = position.binlog.clone().unzip();
    add(key::BINLOG_FILE, file);
    add(key::BINLOG_POSITION, offset.map(|offset| offset.to_string()));
    for (key, gtid) in [
        (key::GTID, &position.gtid),
        (key::GTID_CURRENT, &position.gtid_current),
        (key::GTID_SLAVE, &position.gtid_slave),
    ] {
        add(key, Some(gtid.clone()).filter(|gtid| gtid.len() <= MAX_GTID_BYTES));
    }
    match position.sources.as_slice() {
        [] => {}
        [only] => {
            add(key::SOURCE_CHANNEL, Some(only.channel.clone()));
            add(key::SOURCE_FILE, Some(only.file.clone()));
            add(key::SOURCE_POSITION, Some(only.offset.to_string()));
        }
        several => {
            let sources: Vec<_> = several.iter().map(Source::from).collect();
            add(key::SOURCES, Some(serde_json::json!(sources).to_string()));
        }
    }
    add(key::GALERA, position.galera.clone());
    add(key::INNODB_LSN, position.innodb_lsn.map(|lsn| lsn.to_string()));
}

/// A value too long for one property goes into `KEY.0`, `KEY.1`... to be joined without anything between.
fn add_split(properties: &mut Properties, key: &str, value: String) {
    match value.len() {
        0 => {}
        short if short <= limits::MAX_PROPERTY_VALUE_BYTES => {
            properties.insert(key.to_owned(), value);
        }
        _ => {
            let mut rest = value.as_str();
            for number in 0.. {
                if rest.is_empty() {
                    break;
                }
                let (chunk, after) = split_within(rest, limits::MAX_PROPERTY_VALUE_BYTES);
                properties.insert(format!("{key}.{number}"), chunk.to_owned());
                rest = after;
            }
        }
    }
}

/// The text's beginning of at most so many bytes, in whole characters, and the rest.
pub(super) fn split_within(text: &str, bytes: usize) -> (&str, &str) {
    let most = text.len().min(bytes);
    // 0 is always one.
    text.split_at((0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0))
}

/// The value of a key, joined where it was split.
fn joined(properties: &BTreeMap<String, String>, key: &str) -> Option<String> {
    let mut chunks = (0..).map_while(|number: u32| properties.get(&format!("{key}.{number}")));
    match chunks.next() {
        None => properties.get(key).cloned(),
        Some(first) => Some(chunks.fold(first.clone(), |joined, chunk| joined + chunk)),
    }
}

impl Recorded {
    /// The position as it would be recorded.
    pub(crate) fn of(position: &Position) -> Self {
        let mut properties = Properties::new();
        write(position, &mut properties);
        Self::read(&properties)
    }

    /// What these properties tell.
    pub(crate) fn read(properties: &BTreeMap<String, String>) -> Self {
        let text = |key| joined(properties, key);
        let number = |key| text(key).and_then(|value| value.parse().ok());
        let several = text(key::SOURCES).and_then(|json| serde_json::from_str(&json).ok());
        let only = || {
            Some(Source {
                channel: text(key::SOURCE_CHANNEL).unwrap_or_default(),
                file: text(key::SOURCE_FILE)?,
                position: number(key::SOURCE_POSITION)?,
            })
        };
        Self {
            binlog_file: text(key::BINLOG_FILE),
            binlog_position: number(key::BINLOG_POSITION),
            gtid: text(key::GTID),
            gtid_current: text(key::GTID_CURRENT),
            gtid_slave: text(key::GTID_SLAVE),
            sources: several.unwrap_or_else(|| only().into_iter().collect()),
            galera: text(key::GALERA),
            innodb_lsn: number(key::INNODB_LSN),
        }
    }
}

impl From<&SourcePosition> for Source {
    fn from(source: &SourcePosition) -> Self {
        Self {
            channel: source.channel.clone(),
            file: source.file.clone(),
            position: source.offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(position: &Position) -> Properties {
        let mut properties = Properties::new();
        write(position, &mut properties);
        properties
    }

    fn source(channel: &str, offset: u64) -> SourcePosition {
        SourcePosition {
            channel: channel.to_owned(),
            file: "b.000001".to_owned(),
            offset,
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let position = Position {
            binlog: Some(("b.000007".to_owned(), 8_192)),
            gtid: "0-1-5".to_owned(),
            gtid_current: "0-1-5,1-1-9".to_owned(),
            gtid_slave: "1-1-9".to_owned(),
            sources: vec![source("a \"b\"\n", 4), source("", 5)],
            galera: Some("u:9".to_owned()),
            innodb_lsn: Some(42),
            ..Position::default()
        };
        let properties = written(&position);
        assert!(!properties.values().any(|value| value.chars().any(char::is_control)));
        let expected = serde_json::json!({
            "binlog_file": "b.000007", "binlog_position": 8192,
            "gtid": "0-1-5", "gtid_current": "0-1-5,1-1-9", "gtid_slave": "1-1-9",
            "sources": [
                {"channel": "a \"b\"\n", "file": "b.000001", "position": 4},
                {"channel": "", "file": "b.000001", "position": 5},
            ],
            "galera": "u:9", "innodb_lsn": 42,
        });
        assert_eq!(serde_json::json!(Recorded::read(&properties)), expected);
    }

    #[test]
    fn one_source_has_plain_properties() {
        let position = Position {
            sources: vec![source("", 4)],
            ..Position::default()
        };
        let properties = written(&position);
        let plain = [("source-file", "b.000001"), ("source-position", "4")];
        assert_eq!(
            properties,
            plain.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        );
        assert_eq!(
            Recorded::read(&properties).sources,
            [Source::from(&position.sources[0])]
        );
    }

    #[test]
    fn long_gtid_sets_are_split_and_join_again() {
        let long: String = (0..3000).map(|n| format!("{n}-1-{n},")).collect();
        let position = Position {
            gtid: long.clone(),
            ..Position::default()
        };
        let properties = written(&position);
        assert!(properties.len() > 1 && properties.contains_key("gtid.0"));
        assert!(
            properties
                .values()
                .all(|value| value.len() <= limits::MAX_PROPERTY_VALUE_BYTES)
        );
        assert_eq!(Recorded::read(&properties).gtid, Some(long));
    }

    #[test]
    fn long_lists_of_sources_are_split_between_characters() {
        // Of two lists that differ by one byte, one is cut within a character unless care is taken.
        for pad in 0..2 {
            let channel = format!("{}{}", "x".repeat(pad), "ü".repeat(5000));
            let position = Position {
                sources: vec![source(&channel, 4), source("", 5)],
                ..Position::default()
            };
            let properties = written(&position);
            assert!(properties.len() > 1);
            let sources: Vec<_> = position.sources.iter().map(Source::from).collect();
            assert_eq!(Recorded::read(&properties).sources, sources);
        }
    }

    #[test]
    fn sets_too_long_for_a_snapshot_and_empty_ones_are_left_out() {
        let position = |bytes| Position {
            gtid: "x".repeat(bytes),
            ..Position::default()
        };
        assert_eq!(written(&position(MAX_GTID_BYTES + 1)), Properties::new());
        assert_eq!(written(&position(0)), Properties::new());
        assert_eq!(written(&position(MAX_GTID_BYTES)).len(), 8);
    }

    #[test]
    fn what_is_not_there_is_not_made_up() {
        assert_eq!(Recorded::read(&BTreeMap::new()), Recorded::default());
        let odd = BTreeMap::from([("binlog-position".to_owned(), "many".to_owned())]);
        assert_eq!(Recorded::read(&odd), Recorded::default());
    }
}
