//! The contract between mariasnap's unprivileged side and its storage helpers.
//!
//! Both halves compile against this crate, so that a name, a limit or a signature can't differ
//! between them. It holds no logic beyond checking that a name is well formed, and does no I/O.

#![forbid(unsafe_code)]

mod error;
mod ids;
pub mod limits;
pub mod names;
pub mod properties;
mod proxy;
mod types;

pub use error::{HelperError, HelperErrorKind};
pub use ids::{Dataset, IdError, Prefix, PropertyKey, SnapshotName, TargetName};
pub use proxy::SnapshotHelper1Proxy;
pub use types::{Cut, DestroyOutcome, DestroyRequest, Outcome, Snapshot, Target, TargetDataset};
