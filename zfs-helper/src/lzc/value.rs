//! nvlists as Rust values: what crosses into C is copied, so no C pointer outlives a call.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;

/// One value of an nvlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Present, without a value.
    Flag,
    /// `boolean_value`.
    Bool(bool),
    /// Any integer; a guid comes back from a channel program as a negative number where its top bit is set.
    Int(i64),
    /// A string; bytes that aren't UTF-8 come back as U+FFFD.
    Text(String),
    /// An array of strings.
    Texts(Vec<String>),
    /// An nvlist.
    Map(Map),
}

/// An nvlist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map(pub BTreeMap<String, Value>);

impl Map {
    /// With one more entry.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.0.insert(key.to_owned(), value);
        self
    }

    /// An integer, if there is one by that name.
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.0.get(key) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// An unsigned 64-bit number that a channel program returned: the same bits.
    pub fn unsigned(&self, key: &str) -> Option<u64> {
        self.int(key).map(i64::cast_unsigned)
    }

    /// A string, if there is one by that name.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key) {
            Some(Value::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// A nested map, if there is one by that name.
    pub fn map(&self, key: &str) -> Option<&Map> {
        match self.0.get(key) {
            Some(Value::Map(value)) => Some(value),
            _ => None,
        }
    }

    /// The nested maps with their names.
    pub fn maps(&self) -> impl Iterator<Item = (&str, &Map)> {
        self.0.iter().filter_map(|(key, value)| match value {
            Value::Map(map) => Some((key.as_str(), map)),
            _ => None,
        })
    }
}

impl fmt::Display for Map {
    /// As the tail of an error's text: `; NAME: WORDS` for each entry that has words or an errno.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.0 {
            match value {
                Value::Text(words) => write!(f, "; {key}: {words}")?,
                Value::Int(errno) => write!(f, "; {key}: error {errno}")?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl<K: Into<String>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
