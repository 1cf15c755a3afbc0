//! The properties known only under the lock.

use std::time::Duration;

use mariasnap_dbus::properties as key;

use super::recorded;
use crate::helper::Properties;
use crate::lock::Held;

/// Adds what the lock showed.
pub(super) fn at_the_cut(mut properties: Properties, held: &Held) -> Properties {
    recorded::write(held.position(), &mut properties);
    properties.insert(key::WAIT_MS.to_owned(), milliseconds(held.waited()).to_string());
    properties
}

/// What is known only after the unlock.
pub(super) fn after_unlock(hold: Duration) -> Properties {
    Properties::from([(key::HOLD_MS.to_owned(), milliseconds(hold).to_string())])
}

/// Whole milliseconds, rounded up: a hold is never reported as shorter than it was.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_rounded_up() {
        assert_eq!(milliseconds(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(7)), 7);
    }
}
