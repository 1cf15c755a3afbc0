//! What the kernel shows everybody of a pool: which transaction group is open, and so whether a cut takes later writes
//! in. Reading it needs no privilege, so it isn't left to the helper.

mod txgs;
mod watch;

pub use watch::{Unwatched, Watch, Watching};
