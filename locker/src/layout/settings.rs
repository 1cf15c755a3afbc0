//! Findings that are about settings and tables, not about places: pure.

use super::ask::{Answer, Answers, Table};
use super::finding::{Finding, Verdict};

/// What the server's answers say against a snapshot, or don't say.
///
/// InnoDB's redo log isn't here: MariaDB writes it through a memory mapping only on storage that is memory itself (DAX),
/// never on ZFS; `innodb_log_file_mmap`, which is on by default, only reads it so at the start. Nor is
/// `innodb_flush_log_at_trx_commit = 2`: the log is written at each commit, and a snapshot holds what is written.
pub(crate) fn findings(answers: &Answers) -> Vec<Finding> {
    let all = [
        flush(answers),
        mapped_coordinator(answers),
        mapped_tables(answers),
        outside(&answers.outside),
        tables(&answers.tables),
        filters(&answers.filters),
    ];
    all.into_iter().flatten().collect()
}

fn warning(kind: &'static str, detail: impl Into<String>) -> Option<Finding> {
    Some(Finding::of_setting(kind, Verdict::Warning, detail))
}

fn unchecked(kind: &'static str, detail: impl Into<String>) -> Option<Finding> {
    Some(Finding::of_setting(kind, Verdict::Unchecked, detail))
}

fn flush(answers: &Answers) -> Option<Finding> {
    if answers.variables.get("innodb_flush_log_at_trx_commit") != Some("0") {
        return None;
    }
    warning(
        "setting",
        "innodb_flush_log_at_trx_commit is 0: commits are acknowledged before they are written, so a crash, or a snapshot \
         without a flush of the log under the lock, lacks up to a second of them; set it to 1 or 2",
    )
}

fn mapped_coordinator(answers: &Answers) -> Option<Finding> {
    if !answers.has_mapped_coordinator {
        return None;
    }
    warning(
        "tc-log",
        "the binary log is off and more than one engine takes part in commits, so tc.log is written through a memory \
         mapping, and a snapshot can hold an older state of it; switch the binary log on",
    )
}

fn mapped_tables(answers: &Answers) -> Option<Finding> {
    let names = ["myisam_use_mmap", "rocksdb_allow_mmap_writes"];
    let on: Vec<_> = names.into_iter().filter(|name| answers.variables.is_on(name)).collect();
    if on.is_empty() {
        return None;
    }
    let detail = format!(
        "{} is on: what is written through a memory mapping isn't in a snapshot before the kernel writes it back; switch \
         it off",
        on.join(" and ")
    );
    warning("setting", detail)
}

fn outside(answer: &Answer<String>) -> Option<Finding> {
    const KIND: &str = "innodb-tablespace";
    const WHAT: &str = "tables that InnoDB keeps outside the data directory aren't looked for";
    match answer {
        Answer::Known(_) => None,
        Answer::Denied => warning(KIND, format!("{WHAT}: grant PROCESS to the account")),
        Answer::Failed(why) => warning(KIND, format!("{WHAT}: {why}")),
    }
}

fn tables(answer: &Answer<Table>) -> Option<Finding> {
    const KIND: &str = "tables";
    const WHAT: &str = "which tables without transactions are being written isn't known";
    match answer {
        Answer::Known(tables) if tables.is_empty() => None,
        Answer::Known(tables) => {
            let detail = format!(
                "tables without transactions, written within the last day: {}; who writes to them waits from the first \
                 flush to the unlock, and a snapshot without a lock doesn't hold them consistent",
                tables.len()
            );
            warning(KIND, detail).map(|finding| Finding {
                names: tables.iter().map(Table::to_string).collect(),
                ..finding
            })
        }
        Answer::Denied => unchecked(
            KIND,
            format!("{WHAT}: the account doesn't see tables; root can check it"),
        ),
        Answer::Failed(why) => unchecked(KIND, format!("{WHAT}: {why}")),
    }
}

fn filters(answer: &Answer<String>) -> Option<Finding> {
    const KIND: &str = "replication-filter";
    const WHAT: &str = "whether replication is filtered isn't known";
    match answer {
        Answer::Known(filters) if filters.is_empty() => None,
        Answer::Known(filters) => {
            let detail = format!(
                "set: {}; the recorded position then claims more than this server's data or log hold, so a replica fed \
                 from a snapshot can lack changes",
                filters.join(", ")
            );
            warning(KIND, detail)
        }
        Answer::Denied => unchecked(
            KIND,
            format!("{WHAT}: grant REPLICA MONITOR (before MariaDB 10.5.9, and on MySQL, REPLICATION CLIENT)"),
        ),
        Answer::Failed(why) => unchecked(KIND, format!("{WHAT}: {why}")),
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
