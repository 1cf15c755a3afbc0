//! The checked configuration.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mariasnap_dbus::limits::TICKET_LIFETIME;

use super::option_file::OptionFile;
use super::raw::{Raw, RawDatabase, RawHelper, RawLock};
use super::{Bound, ConfigError, FreezeSettings, QuietSettings, Secret};
use crate::lock::{Kind, known_bug};

/// Longest `lock.max_wait`; what the ticket lives longer is for the statements before and after the wait.
const LONGEST_WAIT: Duration = TICKET_LIFETIME.saturating_sub(Duration::from_secs(10));

const HOLD_KEY: &str = "lock.max_hold";

const DEFAULT_DATABASE_SOCKET: &str = "/run/mysqld/mysqld.sock";
const DEFAULT_USER: &str = "mariasnap";
const DEFAULT_PORT: u16 = 3306;

/// Everything that a run on one target needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How to reach the database.
    pub database: Database,
    /// How to lock it, and for how long at most.
    pub lock: LockSettings,
    /// How a quiet moment is waited for before.
    pub quiet: QuietSettings,
    /// Consistent snapshots kept; none: never prune.
    pub keep_last: Option<NonZeroU32>,
    /// How to reach the storage helper.
    pub helper: HelperSettings,
    /// How it is held still for others.
    pub freeze: FreezeSettings,
    /// What comes of a layout that a snapshot can't hold.
    pub layout: LayoutCheck,
}

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct Database {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Who logs in.
    pub user: String,
    /// None where the server knows the user by its uid (`unix_socket`).
    pub password: Option<Secret>,
    /// Bound on connecting and logging in.
    pub connect_timeout: Bound,
}

/// Where a database listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Socket(PathBuf),
    /// A TCP port.
    Tcp {
        /// Name or address; the server's certificate must carry it.
        host: String,
        /// Port.
        port: u16,
        /// Whether the connection is encrypted.
        tls: Tls,
    },
}

/// Encryption over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Encrypted, with a server certificate signed by this CA, or by a public one where none is given.
    Required(Option<PathBuf>),
    /// In the clear; only ever because the configuration says so.
    Off,
}

/// How the lock is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockSettings {
    /// Which lock.
    pub strategy: LockStrategy,
    /// From the first lock statement until the lock is held, all attempts together.
    pub max_wait: Bound,
    /// For how long others may queue behind one attempt; at most `max_wait`.
    pub max_stall: Bound,
    /// From the moment commits may stand still until they go on.
    pub max_hold: Bound,
    /// The key of `max_hold` in the target's file.
    pub hold_key: &'static str,
    /// Whether the lock is given back as soon as later writes can't be in the snapshot, before that is on the disks.
    pub early_cut: bool,
    /// Bugs of the server that don't stop a run.
    pub allow_bugs: Vec<&'static str>,
}

/// `lock.strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockStrategy {
    /// The gentlest that is exact, of those that the server offers.
    Auto,
    /// This one.
    Fixed(Kind),
}

impl LockStrategy {
    /// Whether commits go on during the cut.
    pub fn lets_commits_go_on(self) -> bool {
        matches!(self, Self::Fixed(kind) if !kind.stops_commits())
    }
}

/// `layout.check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutCheck {
    /// A run ends before its lock.
    Error,
    /// A run goes on, and tells it as a warning.
    Warn,
    /// Nobody looks.
    Off,
}

/// How to reach the storage helper, and to see what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperSettings {
    /// Its peer socket.
    pub socket: PathBuf,
    /// Bound on each call.
    pub timeout: Bound,
    /// Where the kernel's statistics of the pools are looked for, in this order.
    pub kstat: Vec<PathBuf>,
}

/// Where OpenZFS has its statistics, and where the unit, whose /proc shows processes only, has them bound.
const KSTAT: [&str; 2] = ["/proc/spl/kstat/zfs", "/run/mariasnap/kstat"];

impl Default for HelperSettings {
    fn default() -> Self {
        Self {
            socket: PathBuf::from(mariasnap_dbus::names::PEER_SOCKET),
            timeout: Bound::seconds(30),
            kstat: KSTAT.map(PathBuf::from).to_vec(),
        }
    }
}

impl Settings {
    /// Second stage: values that can be used, the option file filling what the target's own file leaves open.
    pub(super) fn check(
        path: &Path,
        raw: Raw,
        options: OptionFile,
        credential: Option<Secret>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            lock: LockSettings::check(path, &raw.lock)?,
            quiet: QuietSettings::check(path, raw.quiet)?,
            keep_last: check_keep(path, raw.keep.last)?,
            helper: HelperSettings::check(path, &raw.helper)?,
            freeze: FreezeSettings::check(path, &raw.freeze)?,
            layout: LayoutCheck::check(path, raw.layout.check.as_deref())?,
            database: Database::check(path, raw.database, options, credential)?,
        })
    }
}

impl Database {
    fn check(
        path: &Path,
        raw: RawDatabase,
        options: OptionFile,
        credential: Option<Secret>,
    ) -> Result<Self, ConfigError> {
        let connect_timeout = bound(path, "database.connect_timeout", raw.connect_timeout.as_deref(), 5)?;
        let user = raw.user.clone().or(options.user.clone());
        let password = credential.or(options.password.clone());
        let user = user.unwrap_or_else(|| DEFAULT_USER.to_owned());
        if user.is_empty() {
            return Err(wrong(path, "database.user", "is empty; leave it out for \"mariasnap\""));
        }
        Ok(Self {
            endpoint: Endpoint::check(path, raw, options)?,
            user,
            password,
            connect_timeout,
        })
    }
}

impl Database {
    /// How root may log in where the account is one that the server knows by its uid: the server knows root so as well.
    pub fn for_root(&self) -> Option<Self> {
        let is_by_uid = matches!(self.endpoint, Endpoint::Socket(_)) && self.password.is_none();
        let user = "root".to_owned();
        (is_by_uid && rustix::process::geteuid().is_root()).then(|| Self { user, ..self.clone() })
    }
}

impl Endpoint {
    fn check(path: &Path, raw: RawDatabase, options: OptionFile) -> Result<Self, ConfigError> {
        if raw.socket.is_some() && (raw.host.is_some() || raw.port.is_some()) {
            let why = "stands beside host or port; a database is reached either by socket or by host and port";
            return Err(wrong(path, "database.socket", why));
        }
        let host = match &raw.socket {
            Some(_) => None,
            None => raw.host.clone().or_else(|| tcp_host(&options)),
        };
        match host {
            Some(host) => Self::tcp(path, host, &raw, &options),
            None => Self::unix(path, &raw, &options),
        }
    }

    fn unix(path: &Path, raw: &RawDatabase, options: &OptionFile) -> Result<Self, ConfigError> {
        for (key, is_set) in [
            ("database.port", raw.port.is_some()),
            ("database.tls", raw.tls.is_some()),
            ("database.tls_ca", raw.tls_ca.is_some()),
        ] {
            if is_set {
                return Err(wrong(
                    path,
                    key,
                    "has no meaning on a unix socket; set host as well, or drop it",
                ));
            }
        }
        let socket = raw.socket.as_ref().or(options.socket.as_ref());
        let socket = socket.map_or(DEFAULT_DATABASE_SOCKET, String::as_str);
        Ok(Self::Socket(absolute(path, "database.socket", socket)?))
    }

    fn tcp(path: &Path, host: String, raw: &RawDatabase, options: &OptionFile) -> Result<Self, ConfigError> {
        if host.is_empty() {
            return Err(wrong(path, "database.host", "is empty"));
        }
        let port = match (raw.port, &options.port) {
            (Some(port), _) => port,
            (None, Some(port)) => port.parse().map_err(|_| {
                wrong(
                    path,
                    "database.defaults_file",
                    "names a port that isn't a number up to 65535",
                )
            })?,
            (None, None) => DEFAULT_PORT,
        };
        if port == 0 {
            return Err(wrong(path, "database.port", "can't be 0"));
        }
        let tls = Tls::check(path, raw)?;
        Ok(Self::Tcp { host, port, tls })
    }
}

/// An option file's host counts unless it means the socket, as for every client.
fn tcp_host(options: &OptionFile) -> Option<String> {
    let host = options.host.as_deref()?;
    (options.socket.is_none() && host != "localhost").then(|| host.to_owned())
}

impl Tls {
    fn check(path: &Path, raw: &RawDatabase) -> Result<Self, ConfigError> {
        let ca = raw.tls_ca.as_deref();
        match (raw.tls.as_deref(), ca) {
            (None | Some("required"), None) => Ok(Self::Required(None)),
            (None | Some("required"), Some(ca)) => Ok(Self::Required(Some(absolute(path, "database.tls_ca", ca)?))),
            (Some("off"), None) => Ok(Self::Off),
            (Some("off"), Some(_)) => Err(wrong(path, "database.tls_ca", "has no meaning with tls = \"off\"")),
            (Some(other), _) => Err(wrong(
                path,
                "database.tls",
                format!("{other:?} is neither \"required\" nor \"off\""),
            )),
        }
    }
}

impl LockSettings {
    fn check(path: &Path, raw: &RawLock) -> Result<Self, ConfigError> {
        let max_wait = check_max_wait(path, raw)?;
        Ok(Self {
            strategy: LockStrategy::check(path, "lock.strategy", raw.strategy.as_deref())?,
            max_wait,
            max_stall: check_max_stall(path, raw, max_wait)?,
            max_hold: bound(path, HOLD_KEY, raw.max_hold.as_deref(), 15)?,
            hold_key: HOLD_KEY,
            early_cut: raw.early_cut.unwrap_or(true),
            allow_bugs: raw
                .allow_bugs
                .iter()
                .map(|id| check_bug(path, id))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl LockStrategy {
    pub(super) fn check(path: &Path, key: &'static str, word: Option<&str>) -> Result<Self, ConfigError> {
        let Some(word) = word.filter(|word| *word != "auto") else {
            return Ok(Self::Auto);
        };
        Kind::named(word).map(Self::Fixed).ok_or_else(|| {
            let known: Vec<_> = Kind::all().map(|kind| format!("{:?}", kind.as_str())).collect();
            let why = format!("{word:?} isn't known; known are \"auto\", {}", known.join(", "));
            wrong(path, key, why)
        })
    }
}

fn check_bug(path: &Path, id: &str) -> Result<&'static str, ConfigError> {
    known_bug(id).ok_or_else(|| {
        let why = format!("{id:?} isn't one of the bugs that mariasnap looks for; drop it");
        wrong(path, "lock.allow_bugs", why)
    })
}

fn check_max_stall(path: &Path, raw: &RawLock, max_wait: Bound) -> Result<Bound, ConfigError> {
    const KEY: &str = "lock.max_stall";
    let max_stall = bound(path, KEY, raw.max_stall.as_deref(), 10)?;
    match raw.max_stall {
        Some(_) if max_stall > max_wait => Err(wrong(
            path,
            KEY,
            format!("{:?} is above lock.max_wait ({:?})", max_stall.get(), max_wait.get()),
        )),
        _ => Ok(max_stall.min(max_wait)),
    }
}

/// The helper's ticket is asked for before the lock and redeemed under it, so it must outlive the wait.
fn check_max_wait(path: &Path, raw: &RawLock) -> Result<Bound, ConfigError> {
    const KEY: &str = "lock.max_wait";
    let max_wait = bound(path, KEY, raw.max_wait.as_deref(), 30)?;
    if max_wait.get() <= LONGEST_WAIT {
        return Ok(max_wait);
    }
    let why = format!(
        "{:?} is above the limit of {LONGEST_WAIT:?}: the helper's ticket for the snapshot is asked for before the \
         lock and ends after {TICKET_LIFETIME:?}, so with a later lock commits would stand still for nothing",
        max_wait.get()
    );
    Err(wrong(path, KEY, why))
}

impl LayoutCheck {
    fn check(path: &Path, text: Option<&str>) -> Result<Self, ConfigError> {
        match text {
            None | Some("error") => Ok(Self::Error),
            Some("warn") => Ok(Self::Warn),
            Some("off") => Ok(Self::Off),
            Some(other) => {
                let why = format!("{other:?} isn't known; known are \"error\", \"warn\" and \"off\"");
                Err(wrong(path, "layout.check", why))
            }
        }
    }
}

impl HelperSettings {
    pub(super) fn check(path: &Path, raw: &RawHelper) -> Result<Self, ConfigError> {
        let default = Self::default();
        let socket = match &raw.socket {
            Some(socket) => absolute(path, "helper.socket", socket)?,
            None => default.socket,
        };
        let timeout = bound(path, "helper.timeout", raw.timeout.as_deref(), 30)?;
        let kstat = match &raw.kstat {
            Some(kstat) => vec![absolute(path, "helper.kstat", kstat)?],
            None => default.kstat,
        };
        Ok(Self { socket, timeout, kstat })
    }
}

fn check_keep(path: &Path, last: Option<u32>) -> Result<Option<NonZeroU32>, ConfigError> {
    last.map(|last| {
        NonZeroU32::new(last).ok_or_else(|| wrong(path, "keep.last", "must be at least 1; leave it out to keep all"))
    })
    .transpose()
}

pub(super) fn bound(path: &Path, key: &'static str, text: Option<&str>, default: u64) -> Result<Bound, ConfigError> {
    match text {
        None => Ok(Bound::seconds(default)),
        Some(text) => Bound::parse(text).map_err(|why| wrong(path, key, why)),
    }
}

fn absolute(path: &Path, key: &'static str, file: &str) -> Result<PathBuf, ConfigError> {
    if file.starts_with('/') {
        Ok(PathBuf::from(file))
    } else {
        Err(wrong(path, key, format!("{file:?} must be an absolute path")))
    }
}

pub(super) fn wrong(path: &Path, key: &'static str, why: impl Into<String>) -> ConfigError {
    ConfigError::Key {
        path: path.to_owned(),
        key,
        why: why.into(),
    }
}
