//! The few options taken from a MySQL option file (`defaults_file`).

use super::Secret;

/// What the sections `[client]` and `[mariasnap]` say; `[mariasnap]` wins, and within a section the last line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OptionFile {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<String>,
    pub(crate) socket: Option<String>,
}

impl OptionFile {
    /// Reads what is wanted and passes over everything else, as every client of such a file does.
    pub(crate) fn parse(text: &str) -> Self {
        let mut options = Self::default();
        for section in ["client", "mariasnap"] {
            let mut inside = false;
            for line in text.lines().map(str::trim) {
                if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                    inside = name.trim_end() == section;
                } else if inside && !line.starts_with(['#', ';']) {
                    options.take(line);
                }
            }
        }
        options
    }

    fn take(&mut self, line: &str) {
        let Some((key, value)) = without_comment(line).split_once('=') else {
            return;
        };
        let value = unescape(unquote(value.trim()));
        match key.trim().replace('-', "_").as_str() {
            "user" => self.user = Some(value),
            "password" => self.password = Some(Secret::new(value)),
            "host" => self.host = Some(value),
            "port" => self.port = Some(value),
            "socket" => self.socket = Some(value),
            _ => {}
        }
    }
}

// A password must be the same to us as to the servers' own client, so all of this is done as its library does it.

/// The line up to a `#` outside of quotes, whether or not a space is before it. A quote after a backslash ends no quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open && !escaped => quote = None,
            ('#', None) => return &line[..at],
            _ => {}
        }
        escaped = quote.is_some() && c == '\\' && !escaped;
    }
    line
}

/// Takes off one pair of quotes, which must be the value's first and last character.
fn unquote(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

/// Resolves the escapes, which are the same within quotes and without; a backslash before anything else stays.
fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('s') => out.push(' '),
            Some('t') => out.push('\t'),
            Some(itself @ ('"' | '\'' | '\\')) => out.push(itself),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_section_wins_whatever_the_order() {
        let text =
            "[mariasnap]\nuser = snap\n[client ] # all\nuser=root\npassword = \"a#b\" # comment\n[mysqld]\nport=1\n";
        let options = OptionFile::parse(text);
        assert_eq!(options.user.as_deref(), Some("snap"));
        assert_eq!(options.password, Some(Secret::new("a#b".into())));
        assert_eq!(options.port, None);
    }

    /// Each as `my_print_defaults` shows it.
    #[test]
    fn values_as_the_client_reads_them() {
        for (line, want) in [
            ("password=plain", "plain"),
            ("password = cut#here", "cut"),
            ("password = cut # here", "cut"),
            ("password = a'b#c'd#e", "a'b#c'd"),
            ("password='single \"inner\"'", "single \"inner\""),
            (r"password=a\\b\sc", r"a\b c"),
            (r#"password="a\"b#c" # d"#, r#"a"b#c"#),
            (r"password='it\'s'", "it's"),
            (r#"password="a\\" #b"#, r"a\"),
            (r#"password=a\"b#c"#, r#"a"b#c"#),
            (r#"password="a"b"c""#, r#"a"b"c"#),
            ("password=\"half", "\"half"),
            (r"password=\b\n\r\s\t\q\", "\u{8}\n\r \t\\q\\"),
            ("password=a=b", "a=b"),
            ("password=\"\"", ""),
            ("password=", ""),
        ] {
            let options = OptionFile::parse(&format!("[client]\n{line}\n"));
            assert_eq!(options.password, Some(Secret::new(want.into())), "{line}");
        }
    }

    #[test]
    fn comments_and_strangers_are_passed_over() {
        let text = "!include x\n[client]\n# user=a\n;user=b\nskip-ssl\nuser = c\nssl_ca=d\n";
        assert_eq!(OptionFile::parse(text).user.as_deref(), Some("c"));
    }
}
