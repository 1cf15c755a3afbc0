//! The text of the target's own configuration: pure.

use std::num::NonZeroU32;

use mariasnap_dbus::TargetName;
use toml::{Table, Value};

use super::rule::{USER, quote};

/// The text as setup writes it for a new target. Without `keep` it doesn't say how many are kept.
pub(crate) fn template(name: &TargetName, socket: &str, keep: Option<NonZeroU32>) -> String {
    let socket = quote(socket);
    let keep = keep.map(|last| format!("{KEEP}last = {last}\n")).unwrap_or_default();
    format!(
        "\
# How mariasnap snapshots target {name}. Every key is optional. Written by \"mariasnap setup {name}\".

[database]
# The server's unix socket. The account is known by its uid, so there is no password here.
socket = {socket}
user = \"{USER}\"
# connect_timeout = \"5s\"

[lock]
# auto takes the gentlest exact lock that the server offers: exact (BACKUP STAGE, MariaDB 10.4 and later), instance
# (MySQL 8.0 and later) or ftwrl.
# strategy = \"auto\"
# From the first lock statement until the lock is held; after that the run fails and nothing is taken.
# max_wait = \"30s\"
# How long others may queue behind one attempt at the lock; after that they go on, and another attempt follows.
# max_stall = \"10s\"
# How long commits may stand still; after that the lock is let go and nothing is taken.
# max_hold = \"15s\"
{keep}",
    )
}

const KEEP: &str = "
[keep]
# Consistent snapshots kept; older ones are destroyed after each run. Without this key all are kept.
";

/// What a text means, if it is TOML: comments, order and tables without a key don't matter.
pub(crate) fn meaning(text: &str) -> Option<Table> {
    let mut table: Table = text.parse().ok()?;
    table.retain(|_, value| value.as_table().is_none_or(|table| !table.is_empty()));
    Some(table)
}

/// The template with these settings in place of its own; none where that text wouldn't mean just that.
pub(crate) fn fill(template: &str, settings: &Table) -> Option<String> {
    let mut rest = settings.clone();
    let (mut text, mut current) = (String::new(), None);
    for line in template.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            push_rest(&mut text, &mut rest, current.replace(name))?;
            text.push_str(&format!("\n{line}\n"));
            continue;
        }
        let section = current.and_then(|name| rest.get_mut(name)?.as_table_mut());
        match (key(line), section.zip(key(line)).and_then(|(s, key)| s.remove(key))) {
            (Some(key), Some(value)) => push(&mut text, key, &value)?,
            (Some(_), None) if !line.starts_with('#') => {}
            // The blank line before a header comes with the header.
            _ if line.is_empty() => {}
            _ => text.push_str(&format!("{line}\n")),
        }
    }
    push_rest(&mut text, &mut rest, current)?;
    for (name, _) in rest.clone() {
        text.push_str(&format!("\n[{name}]\n"));
        push_rest(&mut text, &mut rest, Some(&name))?;
    }
    let wanted = settings.clone().into_iter().filter(|(_, value)| !is_empty(value));
    (meaning(&text)? == wanted.collect()).then_some(text)
}

fn is_empty(value: &Value) -> bool {
    value.as_table().is_some_and(Table::is_empty)
}

/// The key that a line sets, or would set if it weren't commented out.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
    key.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some(key)
}

/// A section's settings that the template doesn't know.
fn push_rest(text: &mut String, rest: &mut Table, section: Option<&str>) -> Option<()> {
    let Some(section) = section.and_then(|name| rest.remove(name)) else {
        return Some(());
    };
    section
        .as_table()?
        .iter()
        .try_for_each(|(key, value)| push(text, key, value))
}

/// Other kinds of values the locker's configuration doesn't know.
fn written(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(value) => quote(value),
        Value::Integer(value) => value.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Array(values) => {
            let values: Option<Vec<_>> = values.iter().map(written).collect();
            format!("[{}]", values?.join(", "))
        }
        _ => return None,
    })
}

fn push(text: &mut String, key: &str, value: &Value) -> Option<()> {
    text.push_str(&format!("{key} = {}\n", written(value)?));
    Some(())
}
