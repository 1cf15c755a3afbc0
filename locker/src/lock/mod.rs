//! The lock: chosen, obtained within bounds, proven, given back.

mod acquire;
mod error;
mod held;
mod kind;

use std::time::Duration;

pub use acquire::{Plan, acquire};
pub use error::{Cause, Doubt, LockError};
pub use held::{Held, Hold};
pub use kind::Kind;

/// How long an unlock statement may take before the connection is closed instead.
const UNLOCK_BOUND: Duration = Duration::from_secs(1);
