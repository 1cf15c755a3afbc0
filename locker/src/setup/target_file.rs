//! The target's own configuration, beside what the admin has made of it: pure.

use std::num::NonZeroU32;
use std::path::PathBuf;

use mariasnap_dbus::TargetName;
use toml::{Table, Value};

use super::error::SetupError;
use super::files::{Change, Planned};
use super::rule::{USER, quote};
use super::target_text;

/// Consistent snapshots kept where nobody said otherwise.
const DEFAULT_KEEP: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// What the target's own configuration is to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetFile<'a> {
    /// Whose.
    pub(crate) name: &'a TargetName,
    /// The database's socket.
    pub(crate) socket: &'a str,
    /// Whether the admin named the socket.
    pub(crate) socket_named: bool,
    /// Consistent snapshots kept, if the admin said so.
    pub(crate) keep: Option<NonZeroU32>,
}

impl TargetFile<'_> {
    /// What becomes of the file. What the admin didn't say this time is as the file that is there has it, so that a
    /// second run without options changes nothing, and a forced one loses nothing.
    pub(crate) fn planned(self, path: PathBuf, present: Option<String>, force: bool) -> Result<Planned, SetupError> {
        let decided = match &present {
            None => Ok((Change::Create, self.template(Some(self.keep.unwrap_or(DEFAULT_KEEP))))),
            Some(text) => self.over(text, force),
        };
        match decided {
            Ok((change, wanted)) => Ok(Planned {
                path,
                wanted,
                present,
                change,
            }),
            Err(why) => Err(SetupError::Kept { path, why }),
        }
    }

    /// What becomes of a file that is there, and the text that setup would have it be; else why that can't be had.
    fn over(&self, text: &str, force: bool) -> Result<(Change, String), String> {
        let table: Table = text.parse().map_err(syntax)?;
        let before = keep_of(&table);
        if target_text::meaning(text) == target_text::meaning(&self.template(self.keep.or(before))) {
            return Ok((Change::Unchanged, text.to_owned()));
        }
        let carried = self.carried(&table)?;
        if carried == table {
            return Ok((Change::Own, text.to_owned()));
        }
        let filled = target_text::fill(&self.template(keep_of(&carried)), &carried);
        // Nothing of the admin's is in a file that is to the byte what setup wrote for another number.
        let as_written = self.keep.is_some() && text == self.template(before);
        if force || as_written {
            self.refuse_to_switch(&table)?;
            let filled = filled.ok_or("it has settings that setup can't carry over; change it by hand")?;
            return Ok((Change::Replace, filled));
        }
        self.refuse_to_ignore(before)?;
        Ok((Change::Keep, filled.unwrap_or_else(|| self.template(before))))
    }

    /// What the file is to mean: all that it says now, save what this run found or was told.
    fn carried(&self, table: &Table) -> Result<Table, String> {
        let mut all = table.clone();
        let database = section(&mut all, "database")?;
        // Another way to the server than setup's own is whole only as the admin has it.
        let is_elsewhere = ["host", "defaults_file"].iter().any(|key| database.contains_key(*key));
        if !is_elsewhere {
            database.insert("socket".to_owned(), self.socket.into());
            database.entry("user").or_insert(USER.into());
        } else if self.socket_named && database.get("socket").and_then(Value::as_str) != Some(self.socket) {
            return Err(not_done(
                &format!("--socket {}", self.socket),
                "change [database] by hand",
            ));
        }
        if let Some(keep) = self.keep {
            section(&mut all, "keep")?.insert("last".to_owned(), i64::from(keep.get()).into());
        }
        Ok(all)
    }

    /// Without --socket this run asked the server at the usual place, which needn't be the target's.
    fn refuse_to_switch(&self, table: &Table) -> Result<(), String> {
        let named = table.get("database").and_then(|database| database.get("socket"));
        match named.and_then(Value::as_str).filter(|named| *named != self.socket) {
            Some(named) if !self.socket_named => Err(format!(
                "it names the server on {named}, and setup asked the one on {}; say with --socket which is the target's",
                self.socket
            )),
            _ => Ok(()),
        }
    }

    /// An option that the admin gave isn't passed over in silence.
    fn refuse_to_ignore(&self, before: Option<NonZeroU32>) -> Result<(), String> {
        if let Some(keep) = self.keep.filter(|keep| before != Some(*keep)) {
            let advice = format!("let it read \"last = {keep}\" under [keep], or let --force replace it");
            return Err(not_done(&format!("--keep-last {keep}"), &advice));
        }
        if self.socket_named {
            let socket = quote(self.socket);
            let advice = format!("let it read socket = {socket} under [database], or let --force replace it");
            return Err(not_done(&format!("--socket {}", self.socket), &advice));
        }
        Ok(())
    }

    fn template(&self, keep: Option<NonZeroU32>) -> String {
        target_text::template(self.name, self.socket, keep)
    }
}

fn not_done(option: &str, advice: &str) -> String {
    format!("nothing was done, {option} neither, as the file isn't what setup wrote; {advice}")
}

/// The parser's words without the line, on which somebody may have put a password.
fn syntax(mut error: toml::de::Error) -> String {
    error.set_input(None);
    let why = error.to_string();
    format!(
        "not valid TOML: {}; correct it, or move it away to start anew",
        why.trim()
    )
}

fn section<'t>(table: &'t mut Table, name: &str) -> Result<&'t mut Table, String> {
    let section = table.entry(name).or_insert_with(|| Table::new().into());
    let section = section.as_table_mut();
    section.ok_or_else(|| format!("{name} isn't a table; correct it, or move the file away to start anew"))
}

fn keep_of(table: &Table) -> Option<NonZeroU32> {
    let last = table.get("keep")?.get("last")?.as_integer()?;
    u32::try_from(last).ok().and_then(NonZeroU32::new)
}

#[cfg(test)]
#[path = "target_file_tests.rs"]
mod tests;
