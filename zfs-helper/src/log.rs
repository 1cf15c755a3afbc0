//! Where log entries go: to the journal with their fields when systemd started us, else to standard error.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsFd;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Sets logging up for the whole process. The error says that it has been done before.
pub fn init() -> Result<(), TryInitError> {
    let journal = is_journalled().then(tracing_journald::layer).and_then(Result::ok);
    let plain = journal.is_none().then(|| {
        let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        layer.with_ansi(false).without_time()
    });
    tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(journal.map(|layer| layer.with_field_prefix(None)))
        .with(plain)
        .try_init()
}

fn is_journalled() -> bool {
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| is_stream(&stream, io::stderr()))
}

/// Whether `stream`, systemd's JOURNAL_STREAM, means `file`. The variable alone is inherited by whatever a unit starts;
/// so it names the stream's device and inode (systemd.exec(5)).
fn is_stream(stream: &str, file: impl AsFd) -> bool {
    let found = nix::sys::stat::fstat(file);
    found.is_ok_and(|found| stream == format!("{}:{}", found.st_dev, found.st_ino))
}

#[cfg(test)]
mod tests {
    use super::is_stream;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn only_the_stream_itself_is_the_journal() {
        let file = tempfile::tempfile().unwrap();
        let found = file.metadata().unwrap();
        assert!(is_stream(&format!("{}:{}", found.dev(), found.ino()), &file));
        assert!(!is_stream(&format!("{}:{}", found.dev(), found.ino() + 1), &file));
        assert!(!is_stream("", &file));
    }
}
