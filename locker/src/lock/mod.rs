//! The lock: chosen, obtained within bounds, proven, given back.

mod acquire;
mod attempt;
mod bugs;
mod error;
mod held;
mod needs;
mod plan;
mod release;
mod strategy;

pub use acquire::acquire;
pub use bugs::known_bug;
pub use error::{Cause, Doubt, LockError};
pub use held::{Held, Hold, Proven};
pub use plan::Plan;
pub(crate) use strategy::Goal;
pub use strategy::Kind;
