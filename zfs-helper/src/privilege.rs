//! Which thread may do what: CAP_SYS_ADMIN for the ZFS threads, nothing at all for the rest.
#![forbid(unsafe_code)]

use std::io;

use caps::{CapSet, Capability, CapsHashSet};

/// Why a thread couldn't be brought down to its capabilities. The helper must not run then.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The kernel refused.
    #[error("can't set this thread's {set:?} capabilities to {wanted:?}: {source}")]
    Refused {
        /// Which set.
        set: CapSet,
        /// What it should have been.
        wanted: CapsHashSet,
        /// The kernel's word.
        source: io::Error,
    },
    /// Reading back showed others.
    #[error("this thread's {set:?} capabilities are {found:?} and should be {wanted:?}")]
    NotInForce {
        /// Which set.
        set: CapSet,
        /// What it is.
        found: CapsHashSet,
        /// What it should have been.
        wanted: CapsHashSet,
    },
}

/// Leaves the calling thread with CAP_SYS_ADMIN alone. A program that it ran as root would have it too: it runs none.
pub fn keep_only_sys_admin() -> Result<(), PrivilegeError> {
    restrict(&CapsHashSet::from([Capability::CAP_SYS_ADMIN]))
}

/// Leaves the calling thread, and every thread it starts from then on, without any capability.
pub fn drop_all() -> Result<(), PrivilegeError> {
    restrict(&CapsHashSet::new())
}

fn restrict(kept: &CapsHashSet) -> Result<(), PrivilegeError> {
    let none = CapsHashSet::new();
    // Effective first: a permitted set smaller than it is refused.
    for (set, wanted) in [
        (CapSet::Effective, kept),
        (CapSet::Permitted, kept),
        (CapSet::Inheritable, &none),
    ] {
        let refused = |error: caps::errors::CapsError| PrivilegeError::Refused {
            set,
            wanted: wanted.clone(),
            source: io::Error::other(error),
        };
        caps::set(None, set, wanted).map_err(refused)?;
        let found = caps::read(None, set).map_err(refused)?;
        if found != *wanted {
            let wanted = wanted.clone();
            return Err(PrivilegeError::NotInForce { set, found, wanted });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_loses_its_capabilities_for_good() {
        let outcome = std::thread::spawn(|| {
            drop_all().unwrap();
            let child = std::thread::spawn(|| caps::read(None, CapSet::Permitted).unwrap());
            assert!(child.join().unwrap().is_empty());
            keep_only_sys_admin()
        });
        assert!(matches!(outcome.join().unwrap(), Err(PrivilegeError::Refused { .. })));
    }
}
