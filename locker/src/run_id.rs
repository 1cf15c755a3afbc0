//! A name for each run, by which log, snapshot and unit find one another.

use crate::logging;

/// Set by systemd for each start of a unit.
const INVOCATION_ID: &str = "INVOCATION_ID";

/// systemd's invocation id where this process is the unit's own and didn't just inherit it, or 128 random bits, as 32
/// hexadecimal digits.
pub(crate) fn this_run() -> String {
    logging::is_journalled()
        .then(|| std::env::var(INVOCATION_ID).ok())
        .flatten()
        .filter(|id| is_id(id))
        .unwrap_or_else(random)
}

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn random() -> String {
    let mut bytes = [0; 16];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::warn!(%error, "no random run id; the run is named by zeros");
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_one_form() {
        assert!(is_id(&random()));
        assert_ne!(random(), random());
        assert!(!is_id("short"));
        assert!(!is_id("0123456789abcdef0123456789abcdeg"));
    }
}
