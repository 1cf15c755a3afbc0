//! No lock at all: what a crash at that moment would have left, which InnoDB recovers and nothing else does.

use super::{Goal, Proof, Strategy};
use crate::database::Server;
use crate::lock::needs::Need;

/// See the module.
#[derive(Debug)]
pub(super) struct NoLock;

impl Strategy for NoLock {
    fn name(&self) -> &'static str {
        mariasnap_dbus::properties::LOCK_NONE
    }

    fn lacks(&self, _: &Server) -> Option<&'static str> {
        None
    }

    fn suits_auto(&self) -> bool {
        false
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::RedoBeforeCommit, Need::InnoDbAlone]
    }

    fn goal(&self, _: &Server) -> Goal {
        Goal::Nothing
    }

    fn gentle(&self) -> &'static [&'static str] {
        &[]
    }

    fn hard(&self) -> Option<&'static str> {
        None
    }

    fn stops_commits(&self) -> bool {
        false
    }

    /// Nothing was held; what is proven is that the server ran on.
    fn proof(&self, _: &Server) -> Proof {
        Proof::Identity
    }

    fn release(&self) -> Option<&'static str> {
        None
    }
}
