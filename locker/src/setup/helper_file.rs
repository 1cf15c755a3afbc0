//! One target's entry in the helper's configuration, beside those of others: pure.

use mariasnap_dbus::{Dataset, Prefix, TargetName};
use serde::Deserialize;
use toml::{Table, Value};

use super::diff::diff;
use super::files::{Change, HELPER_HEADER};
use super::rule::quote;
use super::target::{Member, Target, tidy};

/// Why an entry can't be put into the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HelperFileError {
    #[error("not valid TOML: {0}; correct it, or move it away to start anew")]
    Syntax(String),
    #[error(
        "[targets.{0}] isn't in the form that the helper reads: {1}; correct it, or move the file away to start anew"
    )]
    Entry(TargetName, String),
    #[error("target {0} has a dataset in common and the same prefix; give target {1} a prefix of its own in the file")]
    Clash(String, TargetName),
    #[error(
        "an entry can't be added without touching what else is there; put this into it by hand and run setup again:\n{0}"
    )]
    Unmergeable(String),
}

/// What becomes of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    /// The file's text afterwards.
    pub(crate) text: String,
    /// How that differs from what is there.
    pub(crate) change: Change,
    /// The target as the helper will know it: the wanted one, or the admin's where that is kept.
    pub(crate) effective: Target,
    /// Where the admin's entry isn't the wanted one: how.
    pub(crate) difference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    datasets: Vec<EntryDataset>,
    prefix: Option<Prefix>,
    min_keep: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryDataset {
    name: Dataset,
    #[serde(default)]
    children: bool,
}

/// Puts the wanted target into the file that is there.
pub(crate) fn merge(present: Option<&str>, wanted: &Target, force: bool) -> Result<Merged, HelperFileError> {
    let text = present.unwrap_or(HELPER_HEADER);
    let before: Table = text
        .parse()
        .map_err(|e: toml::de::Error| HelperFileError::Syntax(e.to_string()))?;
    let entry = before
        .get("targets")
        .and_then(|targets| targets.get(wanted.name.as_str()));
    let Some(entry) = entry else {
        check_clash(&before, wanted)?;
        let text = append(text, &before, wanted)?;
        let change = match present {
            Some(_) => Change::Extend,
            None => Change::Create,
        };
        return Ok(merged(text, change, wanted, String::new()));
    };
    let kept = parse_entry(entry, &wanted.name)?;
    // Setup has no opinion on these two, so what the admin chose isn't a difference, and --force doesn't lower it.
    let wanted = &Target {
        prefix: kept.prefix.clone(),
        min_keep: kept.min_keep,
        ..wanted.clone()
    };
    if kept != *wanted && !force {
        check_clash(&before, &kept)?;
        let difference = diff(&render(&kept), &render(wanted));
        return Ok(merged(text.to_owned(), Change::Keep, &kept, difference));
    }
    check_clash(&before, wanted)?;
    if kept == *wanted {
        return Ok(merged(text.to_owned(), Change::Unchanged, wanted, String::new()));
    }
    let text = append(&without(text, &wanted.name), &remaining(&before, &wanted.name), wanted)?;
    Ok(merged(text, Change::Replace, wanted, String::new()))
}

fn merged(text: String, change: Change, effective: &Target, difference: String) -> Merged {
    Merged {
        text,
        change,
        effective: effective.clone(),
        difference,
    }
}

/// The entry's text.
pub(crate) fn render(target: &Target) -> String {
    let members: Vec<_> = target.members.iter().map(render_member).collect();
    format!(
        "[targets.{}]\ndatasets = [\n{}]\nprefix = {}\nmin_keep = {}\n",
        key(&target.name),
        members.concat(),
        quote(target.prefix.as_str()),
        target.min_keep
    )
}

fn render_member(member: &Member) -> String {
    let name = quote(member.name.as_str());
    format!("    {{ name = {name}, children = {} }},\n", member.children)
}

/// A target's name as a TOML key; a dot in it would start another table.
fn key(name: &TargetName) -> String {
    match name.as_str().contains('.') {
        true => quote(name.as_str()),
        false => name.to_string(),
    }
}

fn parse_entry(entry: &Value, name: &TargetName) -> Result<Target, HelperFileError> {
    let wrong = |why: toml::de::Error| HelperFileError::Entry(name.clone(), why.to_string());
    let entry: Entry = entry.clone().try_into().map_err(wrong)?;
    let default = || Prefix::parse("mariasnap");
    let prefix = entry.prefix.map_or_else(default, Ok);
    let member = |dataset: EntryDataset| Member {
        name: dataset.name,
        children: dataset.children,
    };
    Ok(Target {
        name: name.clone(),
        members: tidy(entry.datasets.into_iter().map(member).collect()),
        prefix: prefix.map_err(|error| HelperFileError::Entry(name.clone(), error.to_string()))?,
        min_keep: entry.min_keep.unwrap_or(1),
    })
}

/// The helper refuses two targets of one prefix that share a dataset: neither could tell its snapshots from the other's.
fn check_clash(file: &Table, wanted: &Target) -> Result<(), HelperFileError> {
    let others = file.get("targets").and_then(Value::as_table);
    for (name, entry) in others.into_iter().flatten() {
        let Some(other) = TargetName::parse(name)
            .ok()
            .and_then(|name| parse_entry(entry, &name).ok())
        else {
            continue;
        };
        let shared = other.members.iter().any(|member| wanted.covers(&member.name))
            || wanted.members.iter().any(|member| other.covers(&member.name));
        if other.name != wanted.name && other.prefix == wanted.prefix && shared {
            return Err(HelperFileError::Clash(name.clone(), wanted.name.clone()));
        }
    }
    Ok(())
}

/// Adds the entry at the end, and makes sure that nothing else has changed its meaning.
fn append(text: &str, before: &Table, wanted: &Target) -> Result<String, HelperFileError> {
    let entry = render(wanted);
    let text = format!("{}\n\n{entry}", text.trim_end());
    let after: Option<Table> = text.parse().ok();
    let found = after
        .as_ref()
        .and_then(|after| after.get("targets")?.get(wanted.name.as_str()))
        .and_then(|entry| parse_entry(entry, &wanted.name).ok());
    let others = after.as_ref().map(|after| remaining(after, &wanted.name));
    if found.as_ref() == Some(wanted) && others == Some(remaining(before, &wanted.name)) {
        return Ok(text);
    }
    Err(HelperFileError::Unmergeable(entry))
}

/// The file's meaning less one target.
fn remaining(file: &Table, name: &TargetName) -> Table {
    let mut rest = file.clone();
    if let Some(targets) = rest.get_mut("targets").and_then(Value::as_table_mut) {
        targets.remove(name.as_str());
        if targets.is_empty() {
            rest.remove("targets");
        }
    }
    rest
}

/// The text less the lines from the target's header to the next one.
fn without(text: &str, name: &TargetName) -> String {
    let header = |line: &str| {
        let line = line.trim();
        let path = line.strip_prefix("[targets.").and_then(|rest| rest.split(']').next());
        path.map(|path| path.trim().trim_matches(['"', '\'']) == name.as_str())
    };
    let (mut kept, mut removed, mut inside) = (String::new(), String::new(), false);
    for line in text.split_inclusive('\n') {
        // A bracket at the margin starts a header; arrays are indented or follow a key.
        if line.starts_with('[') {
            inside = header(line) == Some(true);
            kept.push_str(comments_at_end(&removed).trim_start_matches('\n'));
            removed.clear();
        }
        if inside { &mut removed } else { &mut kept }.push_str(line);
    }
    kept
}

/// The comments that end a text: they belong to the header that follows.
fn comments_at_end(text: &str) -> &str {
    let is_comment = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let length: usize = text
        .split_inclusive('\n')
        .rev()
        .take_while(is_comment)
        .map(str::len)
        .sum();
    &text[text.len() - length..]
}

#[cfg(test)]
#[path = "helper_file_tests.rs"]
mod tests;
