//! Where log entries go: to the journal with their fields when systemd started us, else to standard error.
#![forbid(unsafe_code)]

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Sets logging up for the whole process. The error says that it has been done before.
pub fn init() -> Result<(), tracing_subscriber::util::TryInitError> {
    let journal = std::env::var_os("JOURNAL_STREAM").map(|_| tracing_journald::layer());
    if let Some(Ok(layer)) = journal {
        return tracing_subscriber::registry()
            .with(LevelFilter::INFO)
            .with(layer.with_field_prefix(None))
            .try_init();
    }
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time();
    tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(layer)
        .try_init()
}
