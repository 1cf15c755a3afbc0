//! What the server's files and directories are for, and what a snapshot is worth without them.

/// What a file or directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `datadir`.
    Data,
    /// InnoDB's system tablespace.
    System,
    /// InnoDB's redo log.
    Redo,
    /// InnoDB's undo tablespaces.
    Undo,
    /// InnoDB's doublewrite files, where they lie in a directory of their own.
    Doublewrite,
    /// A table or tablespace that InnoDB keeps outside `datadir`.
    Tablespace,
    /// Aria's log.
    Aria,
    /// The transaction coordinator's log, in use where the binary log is off.
    Coordinator,
    /// Binary logs.
    Binlog,
    /// The list of binary logs.
    BinlogIndex,
    /// Relay logs.
    Relay,
    /// The list of relay logs.
    RelayIndex,
    /// Keys of encrypted tables.
    Key,
    /// A mount inside `datadir`.
    Within,
    /// A table or database that a link in `datadir` keeps elsewhere.
    Linked,
}

impl Purpose {
    /// Words for people.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Data => "the data directory",
            Self::System => "InnoDB's system tablespace",
            Self::Redo => "InnoDB's redo log",
            Self::Undo => "InnoDB's undo tablespaces",
            Self::Doublewrite => "InnoDB's doublewrite files",
            Self::Tablespace => "tables outside the data directory",
            Self::Aria => "Aria's log",
            Self::Coordinator => "the transaction coordinator's log",
            Self::Binlog => "the binary logs",
            Self::BinlogIndex => "the list of binary logs",
            Self::Relay => "the relay logs",
            Self::RelayIndex => "the list of relay logs",
            Self::Key => "encryption keys",
            Self::Within => "a part of the data directory",
            Self::Linked => "behind a link in the data directory",
        }
    }

    /// The word in `check --json` and its table; they never change meaning.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Data => "datadir",
            Self::System => "innodb-system",
            Self::Redo => "innodb-redo",
            Self::Undo => "innodb-undo",
            Self::Doublewrite => "innodb-doublewrite",
            Self::Tablespace => "innodb-tablespace",
            Self::Aria => "aria-log",
            Self::Coordinator => "tc-log",
            Self::Binlog => "binlog",
            Self::BinlogIndex => "binlog-index",
            Self::Relay => "relay-log",
            Self::RelayIndex => "relay-log-index",
            Self::Key => "encryption-key",
            Self::Within => "mount",
            Self::Linked => "link",
        }
    }

    /// What a snapshot that leaves it out can't be used for; none where it can't be used at all.
    pub(crate) fn loss(self) -> Option<&'static str> {
        match self {
            Self::Binlog | Self::BinlogIndex => Some("no replica can be fed from a restored snapshot"),
            Self::Relay | Self::RelayIndex => Some("a replica restored from a snapshot fetches them again"),
            Self::Key => Some("encrypted tables can't be read from a snapshot alone: keep a copy of the keys"),
            _ => None,
        }
    }

    /// Whether setup may widen a target for it.
    pub(crate) fn concerns_setup(self) -> bool {
        !matches!(
            self,
            Self::Key | Self::Relay | Self::RelayIndex | Self::BinlogIndex | Self::Coordinator
        )
    }
}
