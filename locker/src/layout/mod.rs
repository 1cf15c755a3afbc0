//! Where a server's files lie, and whether a snapshot of a target holds all of them.
//!
//! `mariasnap check` tells it, each run asks before its lock, and `mariasnap setup` chooses datasets by the same facts.
//! Pure parts are apart from those that read: `ask` the server, `look` and `links` this machine.

mod ask;
pub(crate) mod error;
mod finding;
pub(crate) mod ground;
mod judge;
pub(crate) mod links;
pub(crate) mod look;
pub(crate) mod member;
pub(crate) mod mounts;
pub(crate) mod places;
pub(crate) mod purpose;
mod run;
mod settings;
pub(crate) mod variables;

pub use finding::{Check, Finding, Verdict};
pub use run::{CheckError, Preflight, check, preflight};
