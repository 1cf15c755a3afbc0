//! Bounds on what a client may send, the same for both halves so that an honest client never hits them blindly.

use std::time::Duration;

/// Longest D-Bus message that a helper reads from a peer, in bytes, header included.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// Longest target name, in bytes.
pub const MAX_TARGET_BYTES: usize = 63;

/// Longest `dataset@snapshot`, in bytes (ZFS_MAX_DATASET_NAME_LEN less its NUL).
pub const MAX_ZFS_NAME_BYTES: usize = 255;

/// Longest snapshot prefix, in bytes.
pub const MAX_PREFIX_BYTES: usize = 32;

/// Longest property key as sent, in bytes, without the `org.mariasnap:` that the helper puts before it.
pub const MAX_PROPERTY_KEY_BYTES: usize = 63;

/// Longest property value, in bytes (ZAP_MAXVALUELEN less its NUL).
pub const MAX_PROPERTY_VALUE_BYTES: usize = 8191;

/// Most properties in one call.
pub const MAX_PROPERTIES: usize = 64;

/// Most snapshots in one destroy call.
pub const MAX_DESTROY: usize = 64;

/// How long a ticket can be redeemed after `PrepareSnapshot`.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(60);

/// How old an unproven snapshot must be before it may be swept, and how long it can still be confirmed.
pub const UNPROVEN_LIFETIME: Duration = Duration::from_secs(3600);
