//! The difference between two short texts, line by line: pure.

use std::fmt::Write;

/// Lines only in `old` behind `-`, lines only in `new` behind `+`, common lines left out.
pub(crate) fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let common = common(&old, &new);
    let (mut i, mut j) = (0, 0);
    let mut text = String::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            line(&mut text, '-', old[i]);
            i += 1;
        } else {
            line(&mut text, '+', new[j]);
            j += 1;
        }
    }
    text
}

fn line(text: &mut String, mark: char, line: &str) {
    // Writing to a string can't fail.
    writeln!(text, "{mark} {line}").ok();
}

/// `common[i][j]`: how many lines `old[i..]` and `new[j..]` have in common, in order.
fn common(old: &[&str], new: &[&str]) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            table[i][j] = match old[i] == new[j] {
                true => table[i + 1][j + 1] + 1,
                false => table[i + 1][j].max(table[i][j + 1]),
            };
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(diff("a\nb\nc\n", "a\nx\nc\nd\n"), "- b\n+ x\n+ d\n");
        assert_eq!(diff("a\n", "a\n"), "");
        assert_eq!(diff("", "a\n"), "+ a\n");
    }

    proptest! {
        #[test]
        fn every_line_is_accounted_for(old in "([ab]\n){0,8}", new in "([ab]\n){0,8}") {
            let text = diff(&old, &new);
            let count = |mark| text.lines().filter(|line| line.starts_with(mark)).count();
            prop_assert_eq!(old.lines().count() - count('-'), new.lines().count() - count('+'));
        }
    }
}
