//! Why the store did not do what it was asked: one opaque error with questions. It decides the sentences; what
//! to do about them is the caller's matter.

/// A failure of the store. Its text is a sentence that tells a person what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: Kind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NotFound,
    Conflict,
    Locked,
    Full,
    Damaged,
    Misuse,
    Io,
}

impl StoreError {
    /// Returns whether the thing that was named does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }

    /// Returns whether the thing exists already.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }

    /// Returns whether another process has the database open.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.kind == Kind::Locked
    }

    /// Returns whether the disk is full: reading goes on, writing may work again later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind == Kind::Full
    }

    /// Returns whether what is on the disk cannot be understood.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.kind == Kind::Damaged
    }

    /// Returns whether the disk failed, so that the database has to be opened again. The same may succeed later.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        matches!(self.kind, Kind::Full | Kind::Io)
    }

    /// The database could not be opened again after a failure.
    pub(super) fn closed() -> Self {
        Self::plain(
            Kind::Io,
            "The database is closed after a failure of the disk. Mend the disk, and start the program again.",
        )
    }

    /// An operation of ours panicked.
    pub(crate) fn panicked() -> Self {
        Self::plain(
            Kind::Misuse,
            "An operation on the records panicked. This is a fault of agentphone.",
        )
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::plain(Kind::NotFound, message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::plain(Kind::Conflict, message)
    }

    pub(super) fn misuse(message: impl Into<String>) -> Self {
        Self::plain(Kind::Misuse, message)
    }

    pub(super) fn damaged(message: impl Into<String>) -> Self {
        Self::plain(Kind::Damaged, message)
    }

    pub(super) fn locked(message: impl Into<String>) -> Self {
        Self::plain(Kind::Locked, message)
    }

    /// Turns an input/output error into a sentence; `doing` completes "Could not …".
    pub(super) fn io(doing: &str, error: std::io::Error) -> Self {
        let full = matches!(
            error.kind(),
            std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge
        );
        let advice = if full {
            " Free some space on that disk."
        } else {
            ""
        };
        Self {
            kind: if full { Kind::Full } else { Kind::Io },
            message: format!("Could not {doing}: {error}.{advice}"),
            source: Some(Box::new(error)),
        }
    }

    fn plain(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Io(error) => Self::io("read or write the database", error),
            redb::StorageError::Corrupted(what) => Self {
                kind: Kind::Damaged,
                message: format!(
                    "The database is damaged ({what}). Stop the program, keep a copy of the data folder, and \
                     restore agentphone.redb from a backup."
                ),
                source: None,
            },
            redb::StorageError::PreviousIo => Self {
                kind: Kind::Io,
                message: "The database was closed after an earlier disk error. Look at the log for it, mend the \
                          disk, and start the program again."
                    .into(),
                source: Some(Box::new(error)),
            },
            other => Self {
                kind: Kind::Io,
                message: format!("The database failed: {other}."),
                source: Some(Box::new(other)),
            },
        }
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> Self {
        match error {
            redb::TableError::Storage(error) => error.into(),
            other => Self::damaged(format!(
                "The database does not have the tables this version expects ({other}). Was it written by a newer \
                 version of agentphone?"
            )),
        }
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> Self {
        match error {
            redb::TransactionError::Storage(error) => error.into(),
            other => Self::misuse(format!("The database refused a transaction: {other}.")),
        }
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> Self {
        match error {
            redb::CommitError::Storage(error) => error.into(),
            other => Self::misuse(format!("The database refused to commit: {other}.")),
        }
    }
}
