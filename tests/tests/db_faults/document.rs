//! The table in `docs/faults.md`.

use super::{Fault, Stall};

const DOCUMENT: &str = include_str!("../../../docs/faults.md");

/// A row's cells, but for what was measured and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    fault: String,
    bound: String,
    code: String,
    listed: String,
}

impl Row {
    /// What the document must say of a fault.
    pub(crate) fn of(fault: &Fault) -> Self {
        Self {
            fault: fault.name.to_owned(),
            bound: bound(fault.stall).to_owned(),
            code: code(fault.code),
            listed: fault.listed.to_owned(),
        }
    }
}

/// A bound, as the document names it.
pub(crate) fn bound(stall: Stall) -> &'static str {
    match stall {
        Stall::None => "none",
        Stall::Attempt => "`max_stall`",
        Stall::Hold => "`max_hold` + 1 s",
    }
}

/// An exit code, as the document writes it.
pub(crate) fn code(code: Option<i32>) -> String {
    code.map_or_else(|| "killed".to_owned(), |code| code.to_string())
}

/// The rows of all tables whose first column is "fault".
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in DOCUMENT.lines() {
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
        match cells.get(1).map(String::as_str) {
            Some("fault") => is_inside = true,
            None => is_inside = false,
            Some(cell) if is_inside && !cell.starts_with("---") => {
                let [_, fault, bound, measured, code, listed, to_do, _] = cells.try_into().expect("six cells");
                assert!(measured.ends_with(" ms") && !to_do.is_empty(), "{fault}");
                rows.push(Row {
                    fault,
                    bound,
                    code,
                    listed,
                });
            }
            Some(_) => {}
        }
    }
    rows
}
