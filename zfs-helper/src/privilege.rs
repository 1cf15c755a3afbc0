//! Which thread may do what: CAP_SYS_ADMIN for the ZFS threads, nothing at all for the rest.
#![forbid(unsafe_code)]

use std::io;

use caps::{CapSet, Capability, CapsHashSet};

/// Leaves the calling thread with CAP_SYS_ADMIN alone, which a program that it ran wouldn't have. After an error the
/// helper must not run.
pub fn keep_only_sys_admin() -> io::Result<()> {
    restrict(&CapsHashSet::from([Capability::CAP_SYS_ADMIN]))
}

/// Leaves the calling thread, and every thread it starts from then on, without any capability. After an error the
/// helper must not run.
pub fn drop_all() -> io::Result<()> {
    restrict(&CapsHashSet::new())
}

fn restrict(kept: &CapsHashSet) -> io::Result<()> {
    let none = CapsHashSet::new();
    // Effective first: a permitted set smaller than it is refused.
    for (set, wanted) in [
        (CapSet::Effective, kept),
        (CapSet::Permitted, kept),
        (CapSet::Inheritable, &none),
        // Empty without the inheritable one, and looked at all the same: the unit gives the capability by this set.
        (CapSet::Ambient, &none),
    ] {
        let failed = |why: String| io::Error::other(format!("this thread's {set:?} capabilities: {why}"));
        let refused = |error: caps::errors::CapsError| failed(format!("can't be set to {wanted:?}: {error}"));
        caps::set(None, set, wanted).map_err(refused)?;
        let found = caps::read(None, set).map_err(refused)?;
        if found != *wanted {
            return Err(failed(format!("are {found:?} and should be {wanted:?}")));
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
        let refused = outcome.join().unwrap().unwrap_err().to_string();
        assert!(refused.contains("can't be set"), "{refused}");
    }
}
