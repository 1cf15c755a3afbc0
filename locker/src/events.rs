//! The journal's message ids: one for each event that somebody may want to be told of. They never change meaning.

/// A consistent snapshot was taken.
pub const CONSISTENT: &str = "5b1ff0cba1a44b2bb1dbb1b1a8f9a301";
/// A run ended without a consistent snapshot.
pub const FAILED: &str = "b0a7a3f1c5f14c6f9f0f8e3b7c2dd902";
/// The lock was held and has been given back; commits go on.
pub const UNLOCKED: &str = "e1a4c7d2397a4c0c9c7be1f4a65d5504";
/// Snapshots were destroyed.
pub const PRUNED: &str = "93c6d2a04e5f4b1d8a77c90be3f1aa05";
/// The lock would have to wait for others, so a quiet moment is waited for.
pub const BLOCKED: &str = "2d9b4f7ac3164e5d9f0e61b7a84c5b07";
/// Somebody's statement or connection was killed, because the configuration says so.
pub const KILLED: &str = "84e35a1f0b7d4c62a6d80f95e2b31c08";
/// Something that isn't as it should be, and didn't stop the run.
pub const WARNING: &str = "c7f0e6b84d2a4e33a9515d0c28be6f06";
/// The lock was given back too early for the snapshot; it is taken once more, under a lock held to the end.
pub const AGAIN: &str = "7e2c9b50d1fa4e6c9a3d48f6b1507c08";
/// An attempt at the lock was given up so that others could go on; another one follows.
pub const RETREATED: &str = "4d6b1e0f9a2c4f58b3c7e5a10d92f807";
/// The database is held still for somebody else's snapshot; the position is among the fields.
pub const FROZEN: &str = "0f2a6c9be8d14d5f8c63a7b19e40d509";
/// A freeze is over, and its lock was held throughout.
pub const THAWED: &str = "6c1d83f5a7e24b09b2f4d07c58e91a0a";
