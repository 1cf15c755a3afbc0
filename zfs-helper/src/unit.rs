//! Which unit a caller is of, for the log alone: nothing is decided by it.
//!
//! journald would add it to an entry's OBJECT_PID, but does so for root's entries only; so systemd is asked.
#![forbid(unsafe_code)]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use zbus::OwnedObjectPath;

/// Questions under way; with more, callers' units stay untold.
const MAX_ASKED: usize = 64;
const PATIENCE: Duration = Duration::from_secs(5);
const UNITS: &str = "/org/freedesktop/systemd1/unit/";

/// A unit's name once systemd has told it.
pub(crate) type Unit = Arc<OnceLock<String>>;

/// systemd on the system bus.
#[derive(Debug)]
pub(crate) struct Units {
    systemd: zbus::Proxy<'static>,
    places: Arc<Semaphore>,
}

impl Units {
    pub(crate) async fn new(bus: &zbus::Connection) -> zbus::Result<Self> {
        let (path, interface) = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
        Ok(Self {
            systemd: zbus::Proxy::new(bus, "org.freedesktop.systemd1", path, interface).await?,
            places: Arc::new(Semaphore::new(MAX_ASKED)),
        })
    }

    /// Has systemd asked, and waits for nothing: a locked database may wait for the caller.
    pub(crate) fn of(&self, pid: u32) -> Unit {
        let unit = Unit::default();
        // 0 would mean the helper itself.
        if let (1.., Ok(place)) = (pid, self.places.clone().try_acquire_owned()) {
            let (systemd, told) = (self.systemd.clone(), unit.clone());
            tokio::spawn(async move {
                let _place = place;
                let arguments = (pid,);
                let asking = systemd.call::<_, _, OwnedObjectPath>("GetUnitByPID", &arguments);
                if let Ok(Ok(path)) = tokio::time::timeout(PATIENCE, asking).await {
                    told.get_or_init(|| name(&path).unwrap_or_default());
                }
            });
        }
        unit
    }
}

/// The name in a unit's object path, where what isn't a letter or a digit is `_` and two hexadecimal digits.
fn name(path: &str) -> Option<String> {
    let mut escaped = path.strip_prefix(UNITS)?.bytes();
    let mut name = Vec::new();
    while let Some(byte) = escaped.next() {
        name.push(match byte {
            b'_' => {
                let digits = [escaped.next()?, escaped.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        let of = |escaped: &str| name(&format!("{UNITS}{escaped}"));
        assert_eq!(of("mariasnap_40main_2eservice").unwrap(), "mariasnap@main.service");
        for wrong in ["a_", "a_2", "a_zz", "a_ff"] {
            assert_eq!(of(wrong), None);
        }
        assert_eq!(name("/elsewhere"), None);
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "(/org/freedesktop/systemd1/unit/)?.{0,40}") {
            name(&path);
        }
    }
}
