//! The database: one pinned connection, what kind of server answers, and where it stands.

mod bounds;
mod error;
mod position;
mod server;
mod session;

pub use bounds::{NARROW, ServerBounds};
pub use error::DatabaseError;
pub use position::{MAX_GTID_BYTES, Position, PositionReader, SourcePosition};
pub use server::{Flavour, Server};
pub use session::{Session, kill};
