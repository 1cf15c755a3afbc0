//! Who calls: the only place that differs by the way in.
//!
//! On a peer connection the kernel names the process that connected; what a message's header claims is never read.
//! On the bus, the bus sets the header's sender.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mariasnap_dbus::HelperError;
use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use tokio::net::UnixStream;
use zbus::fdo::DBusProxy;
use zbus::message::{Flags, Header};
use zbus_polkit::policykit1::Subject;

use crate::activity::{Activity, Busy};
use crate::unit::{Unit, Units};

/// What a ticket belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A peer connection, by the number it got when it was accepted.
    Peer(u64),
    /// A unique name on the bus.
    Bus(String),
}

/// The process at the other end of a peer connection, as the kernel recorded it at `connect()`.
#[derive(Debug)]
pub(crate) struct PeerProcess {
    pub(crate) number: u64,
    pub(crate) uid: u32,
    pub(crate) pid: u32,
    unit: Unit,
    by_pidfd: Option<Subject>,
    by_pid: Subject,
    /// No ticket is issued any more.
    pub(crate) gone: AtomicBool,
    /// Kept until the last of the connection's requests is done, which can be after its end.
    _place: Busy,
}

/// One request's caller.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) owner: Owner,
    pub(crate) uid: u32,
    pub(crate) pid: u32,
    /// For the log.
    pub(crate) unit: Unit,
    /// Whether the caller agrees to wait while polkit asks somebody.
    pub(crate) interactive: bool,
    identity: Identity,
}

#[derive(Debug)]
enum Identity {
    Peer(Arc<PeerProcess>),
    Bus(Subject),
}

impl PeerProcess {
    /// Asks the kernel who connected. Fails if polkit couldn't be told who it is, as when the process is gone, or if
    /// there is no place left.
    pub(crate) fn of(stream: &UnixStream, number: u64, places: &Arc<Activity>, units: &Units) -> std::io::Result<Self> {
        let credentials = getsockopt(stream, sockopt::PeerCredentials)?;
        let (uid, pid) = (credentials.uid(), credentials.pid().cast_unsigned());
        let full = || std::io::Error::other(format!("too many of uid {uid} are open"));
        let _place = places.begin_for(uid).ok_or_else(full)?;
        let by_pidfd = match pidfd(stream)? {
            Some(pidfd) => Some(Subject::new_for_owner(pidfd.as_fd(), uid).map_err(std::io::Error::other)?),
            None => None,
        };
        // Only for a kernel or a polkit that knows no pidfds. Other users' /proc is hidden from this unit; a start time
        // of 0 has polkitd look it up. The uid is the kernel's word either way, so a reused pid gains no user's rights.
        let by_pid = Subject::new_for_pid(pid, Some(0), Some(uid)).map_err(std::io::Error::other)?;
        Ok(Self {
            number,
            uid,
            pid,
            unit: units.of(pid),
            by_pidfd,
            by_pid,
            gone: AtomicBool::new(false),
            _place,
        })
    }
}

/// The pidfd of the process that connected; `None` where the kernel is older than 6.5.
fn pidfd(stream: &UnixStream) -> std::io::Result<Option<OwnedFd>> {
    match getsockopt(stream, sockopt::PeerPidfd) {
        Ok(pidfd) => Ok(Some(pidfd)),
        Err(Errno::ENOPROTOOPT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

impl Caller {
    /// The caller on a peer connection. Of the header, only the interaction flag counts.
    pub(crate) fn peer(process: Arc<PeerProcess>, header: &Header<'_>) -> Self {
        let (uid, pid, owner) = (process.uid, process.pid, Owner::Peer(process.number));
        let interactive = is_interactive(header);
        Self {
            owner,
            uid,
            pid,
            unit: process.unit.clone(),
            interactive,
            identity: Identity::Peer(process),
        }
    }

    /// The caller behind a message from the bus, which is asked for its uid and pid.
    pub(crate) async fn bus(header: &Header<'_>, bus: &DBusProxy<'_>, units: &Units) -> Result<Self, HelperError> {
        let unknown = |what: String| HelperError::NotAuthorized(format!("the caller can't be told: {what}"));
        let sender = header.sender().ok_or_else(|| unknown("no sender".to_owned()))?;
        let credentials = bus.get_connection_credentials(sender.clone().into()).await;
        let credentials = credentials.map_err(|error| unknown(error.to_string()))?;
        let uid = credentials.unix_user_id().ok_or_else(|| unknown("no uid".to_owned()))?;
        let subject = Subject::new_for_message_header(header).map_err(|error| unknown(error.to_string()))?;
        let pid = credentials.process_id().unwrap_or(0);
        Ok(Self {
            owner: Owner::Bus(sender.to_string()),
            uid,
            pid,
            unit: units.of(pid),
            interactive: is_interactive(header),
            identity: Identity::Bus(subject),
        })
    }

    /// Whether the caller's connection has ended. (On the bus nobody tells.)
    pub(crate) fn is_gone(&self) -> bool {
        matches!(&self.identity, Identity::Peer(process) if process.gone.load(Ordering::Acquire))
    }

    /// The word for the way in.
    pub(crate) fn transport(&self) -> &'static str {
        match self.identity {
            Identity::Peer(_) => "peer",
            Identity::Bus(_) => "bus",
        }
    }

    /// What polkit is asked about; by pidfd if polkit takes one and the kernel gave one.
    pub(crate) fn subject(&self, polkit_takes_pidfd: bool) -> &Subject {
        match &self.identity {
            Identity::Bus(subject) => subject,
            Identity::Peer(process) if polkit_takes_pidfd => process.by_pidfd.as_ref().unwrap_or(&process.by_pid),
            Identity::Peer(process) => &process.by_pid,
        }
    }
}

fn is_interactive(header: &Header<'_>) -> bool {
    header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH)
}
