//! What a client may write on a snapshot.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use mariasnap_dbus::properties::{ID, MEMBERS, NAMESPACE, RESERVED, STATE, STATE_UNPROVEN, TARGET};
use mariasnap_dbus::{HelperError, PropertyKey, TargetName, limits};

use crate::request::invalid;
use crate::storage::Properties;

/// Checks a client's properties and puts the namespace before their keys. Refusals never echo a value.
pub(crate) fn from_client(sent: BTreeMap<String, String>) -> Result<Properties, HelperError> {
    let (count, most) = (sent.len(), limits::MAX_PROPERTIES);
    if count > most {
        return Err(invalid(format!("{count} properties, at most {most} are allowed")));
    }
    sent.into_iter().map(|(key, value)| entry(&key, value)).collect()
}

fn entry(key: &str, value: String) -> Result<(String, String), HelperError> {
    let key = PropertyKey::parse(key).map_err(invalid)?;
    let refused = |why: &str| Err(invalid(format!("property {key} {why}")));
    if RESERVED.contains(&key.as_str()) {
        return refused("is set by the helper alone");
    }
    if value.len() > limits::MAX_PROPERTY_VALUE_BYTES {
        return refused("is too long");
    }
    if value.chars().any(char::is_control) {
        return refused("has a control character");
    }
    Ok((format!("{NAMESPACE}{key}"), value))
}

/// Adds the helper's own marks of a newborn snapshot.
pub(crate) fn mark_newborn(properties: &mut Properties, target: &TargetName, id: &str, members: usize) {
    let members = members.to_string();
    for (key, value) in [
        (TARGET, target.as_str()),
        (STATE, STATE_UNPROVEN),
        (ID, id),
        (MEMBERS, &members),
    ] {
        properties.insert(format!("{NAMESPACE}{key}"), value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, value: &str) -> bool {
        from_client(BTreeMap::from([(key.to_owned(), value.to_owned())])).is_err()
    }

    #[test]
    fn bounds() {
        assert!(!refused("gtid", &"x".repeat(8191)));
        assert!(refused("gtid", &"x".repeat(8192)));
        for bad in ["a\nb", "a\0", "\u{7f}", "\u{85}"] {
            assert!(refused("gtid", bad));
        }
        for reserved in RESERVED {
            assert!(refused(reserved, "x"));
        }
        assert!(refused("org.mariasnap:state", "x") && refused("State", "x") && refused("", "x"));
        let many = |n| from_client((0..n).map(|i| (format!("k{i}"), String::new())).collect());
        assert!(many(64).is_ok() && many(65).is_err());
    }
}
