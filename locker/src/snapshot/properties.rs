//! The properties known only once the lock has been given back.

use std::time::Duration;

use mariasnap_dbus::properties as key;

use super::recorded;
use crate::helper::Properties;
use crate::lock::Hold;

/// What the lock showed, for the confirmation. They aren't sent with the cut itself, so that it needn't wait for them;
/// until they are there, nobody takes the snapshot for more than unproven.
pub(super) fn after_unlock(hold: &Hold, open_txg: Option<u64>) -> Properties {
    let mut properties = Properties::from([
        (key::WAIT_MS.to_owned(), milliseconds(hold.waited).to_string()),
        (key::HOLD_MS.to_owned(), milliseconds(hold.held).to_string()),
    ]);
    if let Some(open_txg) = open_txg {
        properties.insert(key::UNLOCK_TXG.to_owned(), open_txg.to_string());
    }
    recorded::write(&hold.position, &mut properties);
    properties
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
