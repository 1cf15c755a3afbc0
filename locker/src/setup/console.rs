//! What setup tells the person in front of it.

use std::io::Write;

/// Prints a line. A reader that has gone away must not stop a setup halfway.
pub(crate) fn say(line: impl AsRef<str>) {
    writeln!(std::io::stdout(), "{}", line.as_ref()).ok();
}

/// Prints lines, set in.
pub(crate) fn quote(text: &str) {
    for line in text.lines() {
        say(format!("    {line}").trim_end());
    }
}

/// Prints something that setup can't put right by itself.
pub(crate) fn warn(line: impl AsRef<str>) {
    say(format!("warning: {}", line.as_ref()));
}
