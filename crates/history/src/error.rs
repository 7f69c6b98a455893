//! What can go wrong with the history, with a stable code and a hint for each.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The folder or the file cannot be made or opened.
    #[error("the history {} cannot be opened: {why}", path.display())]
    NotOpened {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A newer version of Binnacle has written it.
    #[error("the history was written by a newer version of Binnacle (schema {found}, this version knows {known})")]
    Newer {
        /// The schema's number in the file.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// It is not a history, or it is damaged.
    #[error("the history is damaged: {0}")]
    Damaged(String),
    /// Another process held it for too long.
    #[error("another process holds the history: {0}")]
    Busy(String),
    /// It could not be read or written.
    #[error("the history could not be read or written: {0}")]
    Failed(String),
    /// The line is settled already, or there is none.
    #[error("line {0} of the history is not pending")]
    NotPending(i64),
}

impl HistoryError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOpened { .. } => "history.not_opened",
            Self::Newer { .. } => "history.newer",
            Self::Damaged(_) => "history.damaged",
            Self::Busy(_) => "history.busy",
            Self::Failed(_) => "history.failed",
            Self::NotPending(_) => "history.not_pending",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotOpened { .. } => "Check the path and its permissions, or name another file with --history.",
            Self::Newer { .. } => "Use the newer version, or name another file with --history.",
            Self::Damaged(_) => "Move the file away to start a new history, or name another one with --history.",
            Self::Busy(_) => "Try again; if it stays so, look for a process that is stopped in the middle of a write.",
            Self::Failed(_) => "Look at the free space and the permissions of the folder.",
            Self::NotPending(_) => "Nothing was changed; read the history again.",
        }
    }
}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(text),
            _ => Self::Failed(text),
        }
    }
}
