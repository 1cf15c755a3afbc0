//! The database: one pinned connection, what kind of server answers, and where it stands.

mod bounds;
mod error;
mod position;
mod server;
mod session;
mod version;

pub use bounds::{NARROW, SILENCE_MARGIN, ServerBounds, keep_for, tighten};
pub use error::DatabaseError;
pub use position::{MAX_GTID_BYTES, Position, PositionReader, SourcePosition};
pub use server::Server;
pub use session::{Batch, Session, kill};
pub use version::{Flavour, Version};
