//! What a statement is about to do, by its first words: as much as the server's process list tells.

/// What a statement does, as far as a lock cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// Uses no table, or none that matters.
    Nothing,
    /// Reads tables.
    Read,
    /// Writes rows, or may; what isn't known may write.
    Write,
    /// Commits.
    Commit,
    /// Makes, drops or renames.
    Define,
    /// Rebuilds a table while the table is in use.
    Alter,
}

/// A statement without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its first word where that is one of SQL's, for people.
    pub(super) word: &'static str,
    /// What it does.
    pub(super) does: Does,
}

/// A running statement of which the process list shows nothing.
pub(super) const UNKNOWN: Statement = Statement {
    word: "",
    does: Does::Write,
};

const WORDS: [(&str, Does); 41] = [
    ("SELECT", Does::Read),
    ("WITH", Does::Read),
    ("TABLE", Does::Read),
    ("VALUES", Does::Read),
    ("HANDLER", Does::Read),
    ("CHECK", Does::Read),
    ("CHECKSUM", Does::Read),
    ("ANALYZE", Does::Read),
    ("EXPLAIN", Does::Read),
    ("INSERT", Does::Write),
    ("REPLACE", Does::Write),
    ("UPDATE", Does::Write),
    ("DELETE", Does::Write),
    ("LOAD", Does::Write),
    ("CALL", Does::Write),
    ("COMMIT", Does::Commit),
    ("XA", Does::Commit),
    ("CREATE", Does::Define),
    ("DROP", Does::Define),
    ("TRUNCATE", Does::Define),
    ("RENAME", Does::Define),
    ("GRANT", Does::Define),
    ("REVOKE", Does::Define),
    ("ALTER", Does::Alter),
    ("OPTIMIZE", Does::Alter),
    ("REPAIR", Does::Alter),
    ("BACKUP", Does::Nothing),
    ("BEGIN", Does::Nothing),
    ("DESC", Does::Nothing),
    ("DESCRIBE", Does::Nothing),
    ("DO", Does::Nothing),
    ("FLUSH", Does::Nothing),
    ("KILL", Does::Nothing),
    ("LOCK", Does::Nothing),
    ("PURGE", Does::Nothing),
    ("ROLLBACK", Does::Nothing),
    ("SET", Does::Nothing),
    ("SHOW", Does::Nothing),
    ("START", Does::Nothing),
    ("UNLOCK", Does::Nothing),
    ("USE", Does::Nothing),
];

impl Statement {
    /// Looks at the beginning of a statement's text and keeps none of it.
    pub(super) fn of(text: &str) -> Self {
        let mut words = Words(text);
        let first = words.next().unwrap_or_default();
        let known = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(first));
        let Some(&(word, does)) = known else {
            return UNKNOWN;
        };
        let does = match does {
            Does::Define => definition(&mut words),
            does => does,
        };
        Self { word, does }
    }
}

/// An index is made or dropped by altering its table, and nobody else sees a temporary table.
fn definition(words: &mut Words<'_>) -> Does {
    for word in words.take(4) {
        let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(word));
        if is(&["TEMPORARY"]) {
            return Does::Nothing;
        }
        if is(&["INDEX"]) {
            return Does::Alter;
        }
        if !is(&["OR", "REPLACE", "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE", "OFFLINE"]) {
            break;
        }
    }
    Does::Define
}

/// The words of a statement; comments, brackets and whatever else stands between them is passed over.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0 = after_comments(self.0);
        let end = self.0.find(|c: char| !is_word(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn after_comments(mut text: &str) -> &str {
    loop {
        let rest = text.trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';');
        let rest = after_comment(rest);
        if rest.len() == text.len() {
            return text;
        }
        text = rest;
    }
}

fn after_comment(text: &str) -> &str {
    // The server runs what stands in such a one: only its marks go.
    if let Some(inside) = text.strip_prefix("/*!").or_else(|| text.strip_prefix("/*M!")) {
        return inside.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    if let Some(inside) = text.strip_prefix("/*") {
        return inside.split_once("*/").map_or("", |(_, rest)| rest);
    }
    if text.starts_with("--") || text.starts_with('#') {
        return text.split_once('\n').map_or("", |(_, rest)| rest);
    }
    text.strip_prefix("*/").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_words() {
        for (text, word, does) in [
            ("SELECT 1", "SELECT", Does::Read),
            ("select*from a", "SELECT", Does::Read),
            ("(SELECT 1) UNION (SELECT 2)", "SELECT", Does::Read),
            (
                " /* update */ -- delete\n # drop\n\tInsert INTO a",
                "INSERT",
                Does::Write,
            ),
            ("/*!50003 TRUNCATE */ a", "TRUNCATE", Does::Define),
            ("/*M!100100 alter table a*/", "ALTER", Does::Alter),
            ("CREATE TABLE index_ (i INT)", "CREATE", Does::Define),
            ("CREATE TABLE `index` (i INT)", "CREATE", Does::Define),
            ("CREATE OR REPLACE TABLE a (i INT)", "CREATE", Does::Define),
            ("create or replace unique index a on b (c)", "CREATE", Does::Alter),
            ("DROP INDEX a ON b", "DROP", Does::Alter),
            ("CREATE /* a */ TEMPORARY TABLE a SELECT 1", "CREATE", Does::Nothing),
            ("XA COMMIT 'a'", "XA", Does::Commit),
            ("EXECUTE a", "", Does::Write),
            ("SELECTED", "", Does::Write),
            ("/* never closed", "", Does::Write),
            ("", "", Does::Write),
        ] {
            assert_eq!(Statement::of(text), Statement { word, does }, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_and_nothing_of_it_is_kept(text in "\\PC{0,80}", marks in "(/[*]!?|/[*]M!|[*]/|--|#|[;( \n]|[0-9]){0,12}") {
            for text in [text.clone(), format!("{marks}{text}"), format!("{marks}{marks}")] {
                let word = Statement::of(&text).word;
                prop_assert!(word.is_empty() || WORDS.iter().any(|(known, _)| *known == word));
            }
        }

        #[test]
        fn comments_before_a_statement_change_nothing(comment in "[a-z ]{0,20}", number in 0..WORDS.len()) {
            let (word, _) = WORDS[number];
            let plain = Statement::of(&format!("{word} x"));
            prop_assert_eq!(plain.word, word);
            for text in [format!("/*{comment}*/{word} x"), format!("-- {comment}\n{word} x"), format!("({word} x")] {
                prop_assert_eq!(Statement::of(&text), plain, "{}", text);
            }
        }
    }
}
