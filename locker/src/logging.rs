//! Where the log goes: the journal with its fields when systemd runs us, standard error otherwise.

use std::{fmt, io};

use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Set by systemd when standard output or error goes to the journal.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Starts logging. At a terminal only what is wrong is shown: the report says the rest. `journal_too`: whatever standard
/// error is, what is told is told to the journal as well, for it may go where nobody looks.
pub fn start(journal_too: bool) {
    let is_journalled = is_journalled();
    let journal = (is_journalled || journal_too)
        .then(tracing_journald::layer)
        .and_then(Result::ok)
        .map(|journal| journal.with_field_prefix(None).with_filter(LevelFilter::INFO));
    let terminal = (!is_journalled || journal.is_none()).then(terminal);
    tracing_subscriber::registry().with(terminal).with(journal).init();
}

/// Whether systemd itself connected our standard error with the journal. The variable alone is inherited by whatever
/// a unit starts, a terminal's shell among it; so it names the stream's device and inode (systemd.exec(5)).
pub(crate) fn is_journalled() -> bool {
    let Ok(stderr) = rustix::fs::fstat(io::stderr()) else {
        return false;
    };
    std::env::var(JOURNAL_STREAM).is_ok_and(|stream| stream == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}

fn terminal<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .event_format(Plain)
        .with_writer(io::stderr)
        .with_filter(LevelFilter::WARN)
}

/// `mariasnap: error: MESSAGE`, as people expect it of a command; the fields are for the journal.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut message = Message(String::new());
        event.record(&mut message);
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        writeln!(out, "mariasnap: {level}: {}", message.0)
    }
}

/// The message of an event, and the error that led to it where that is a field of its own.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.0 = format!("{value:?}{}", self.0),
            "error" => self.0.push_str(&format!(": {value:?}")),
            _ => {}
        }
    }
}

/// Tells the service manager that the unit has started: what it is for, it does.
pub fn ready(status: &str) {
    let state = [sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status(status)];
    if let Err(error) = sd_notify::notify(&state) {
        tracing::warn!(%error, "the service manager can't be told that the unit has started");
    }
}

/// Tells the service manager which step a run has come to; `systemctl status` shows it.
pub fn step(step: &str) {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Status(step)]) {
        tracing::debug!(%error, "the service manager can't be told the status");
    }
    tracing::debug!("{step}");
}
