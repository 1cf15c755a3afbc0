//! Errors as D-Bus names, so that a client tells them apart without reading prose.

use zbus::DBusError;

/// What a helper answers when it doesn't do what was asked.
#[derive(Debug, DBusError, PartialEq)]
#[zbus(prefix = "org.mariasnap.Error")]
pub enum HelperError {
    /// The transport or the bus failed; whether the call took effect isn't known.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// Malformed or out-of-bounds argument; nothing was done.
    InvalidArgument(String),
    /// Not authorised, or no such target: the same answer for both. Nothing was done.
    NotAuthorized(String),
    /// The authority couldn't be asked, so nothing was done.
    AuthorityUnavailable(String),
    /// No such ticket on this connection: never given, expired, or already used. Nothing was done.
    UnknownTicket(String),
    /// A limit on connections, tickets or requests was reached; nothing was done. Try again later.
    LimitExceeded(String),
    /// Another snapshot of the same target is under way; nothing was done.
    Busy(String),
    /// The storage isn't as configured: a dataset is missing or lies in another pool. Nothing was done.
    Misconfigured(String),
    /// Storage refused for want of space or because of a quota or `snapshot_limit`. Nothing was done.
    NoSpace(String),
    /// A snapshot of that name exists already. Nothing was done.
    NameTaken(String),
    /// No snapshot of that name and guid on the target, or not in the state that the call needs.
    NoSuchSnapshot(String),
    /// Storage failed, and nothing was done.
    StorageFailed(String),
    /// Storage didn't answer in time; whether the call took effect isn't known.
    OutcomeUnknown(String),
}

/// [`HelperError`] without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperErrorKind {
    /// The request was refused and nothing was done.
    Refused,
    /// Storage failed and nothing was done.
    Failed,
    /// Whether the request took effect isn't known.
    Unknown,
}

impl HelperError {
    /// Whether the call took effect, as far as the answer tells.
    pub fn kind(&self) -> HelperErrorKind {
        match self {
            Self::ZBus(_) | Self::OutcomeUnknown(_) => HelperErrorKind::Unknown,
            Self::InvalidArgument(_)
            | Self::NotAuthorized(_)
            | Self::AuthorityUnavailable(_)
            | Self::UnknownTicket(_)
            | Self::LimitExceeded(_)
            | Self::Busy(_)
            | Self::Misconfigured(_) => HelperErrorKind::Refused,
            Self::NoSpace(_) | Self::NameTaken(_) | Self::NoSuchSnapshot(_) | Self::StorageFailed(_) => {
                HelperErrorKind::Failed
            }
        }
    }
}
