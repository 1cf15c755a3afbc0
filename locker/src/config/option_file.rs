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
                if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                    inside = name.trim() == section;
                } else if inside && !line.starts_with(['#', ';']) {
                    options.take(line);
                }
            }
        }
        options
    }

    fn take(&mut self, line: &str) {
        let Some((key, value)) = line.split_once('=') else {
            return;
        };
        let value = unquote(value.trim());
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

/// Takes off one pair of quotes, or a trailing comment where there are none, and resolves escapes.
fn unquote(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return unescape(inner.0);
        }
    }
    unescape(value.split(" #").next().unwrap_or(value).trim_end())
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('s') => out.push(' '),
            Some('\\') | None => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_section_wins_whatever_the_order() {
        let text = "[mariasnap]\nuser = snap\n[client]\nuser=root\npassword = \"a#b\" # comment\n[mysqld]\nport=1\n";
        let options = OptionFile::parse(text);
        assert_eq!(options.user.as_deref(), Some("snap"));
        assert_eq!(options.password, Some(Secret::new("a#b".into())));
        assert_eq!(options.port, None);
    }

    #[test]
    fn values_as_the_client_reads_them() {
        for (line, want) in [
            ("password=plain", "plain"),
            ("password = with#hash", "with#hash"),
            ("password = cut # here", "cut"),
            ("password='single \"inner\"'", "single \"inner\""),
            (r"password=a\\b\sc", r"a\b c"),
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
