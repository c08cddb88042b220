//! What SQLite's errors mean for the caller, and what to do about them.

use thiserror::Error;

use crate::StoreError;

/// SQLite's result codes that say something to a person. <https://www.sqlite.org/rescode.html>
pub(super) mod code {
    pub(crate) const BUSY: i32 = 5;
    pub(crate) const LOCKED: i32 = 6;
    pub(crate) const NO_MEMORY: i32 = 7;
    pub(crate) const READ_ONLY: i32 = 8;
    pub(crate) const IO: i32 = 10;
    pub(crate) const CORRUPT: i32 = 11;
    pub(crate) const FULL: i32 = 13;
    pub(crate) const CANNOT_OPEN: i32 = 14;
    pub(crate) const CONSTRAINT: i32 = 19;
    pub(crate) const NOT_A_DATABASE: i32 = 26;
}

/// Why a verb failed, before it is known what that means for the caller.
#[derive(Debug, Error)]
pub(super) enum SqliteError {
    /// SQLite says no.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// A stored value that no version of this crate writes.
    #[error("{0}")]
    Damaged(String),
    /// No reader came free in time.
    #[error("every reader is busy")]
    Readers,
    /// The runtime ends, or the verb panicked.
    #[error("the verb was given up: {0}")]
    GivenUp(String),
    /// The connection could not be opened again after an error.
    #[error("the connection is closed")]
    Closed,
}

impl SqliteError {
    /// SQLite's primary result code, if the error is SQLite's.
    pub(super) fn primary_code(&self) -> Option<i32> {
        match self {
            Self::Database(error) => Some(error.sqlite_error()?.extended_code & 0xff),
            Self::Damaged(_) | Self::Readers | Self::GivenUp(_) | Self::Closed => None,
        }
    }

    /// Whether the connection that met it should not be used again: after an I/O error a file handle may have lost
    /// pages that were to be synced.
    pub(super) fn spoils_connection(&self) -> bool {
        matches!(self.primary_code(), Some(code::IO | code::CANNOT_OPEN))
    }
}

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        match error.primary_code() {
            Some(code @ (code::CORRUPT | code::NOT_A_DATABASE | code::CONSTRAINT)) => Self::Damaged(format!(
                "{error} (code {code}); stop the runtime, copy the file and run `PRAGMA integrity_check` on it, or \
                 restore a backup"
            )),
            Some(code) => Self::Unavailable(format!("{error} (code {code}); {}", advice(code))),
            None => match error {
                SqliteError::Damaged(text) => Self::Damaged(text),
                // A value of another type than its column has.
                SqliteError::Database(error) => Self::Damaged(error.to_string()),
                SqliteError::Readers => Self::Unavailable(
                    "every reader is busy; repeat the call, or configure more readers if this lasts".into(),
                ),
                SqliteError::GivenUp(_) | SqliteError::Closed => {
                    Self::Unavailable(format!("{error}; repeat the call, restart the runtime if this lasts"))
                }
            },
        }
    }
}

/// What to do about a result code.
pub(super) const fn advice(code: i32) -> &'static str {
    match code {
        code::BUSY | code::LOCKED => "another program holds the database: close it there, then repeat the call",
        code::NO_MEMORY => "the machine is out of memory: give the runtime more, then repeat the call",
        code::READ_ONLY => "make the file and its directory writable for the runtime's user, and check the mount",
        code::IO => "the disk or its file system fails: see the system log; nothing acknowledged is lost by waiting",
        code::FULL => "the disk, a quota or the page limit is full: free space, then repeat the call",
        code::CANNOT_OPEN => "check that the directory exists and is writable, and the limit of open files",
        _ => "repeat the call, restart the runtime if this lasts",
    }
}

/// None where a stored value can't be read, which is no failure of the database.
pub(super) fn unless_damaged<T>(found: Result<T, SqliteError>) -> Result<Option<T>, SqliteError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(SqliteError::Damaged(_)) => Ok(None),
        // A value of another type than its column has.
        Err(SqliteError::Database(error)) if error.sqlite_error().is_none() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A stored value that no version of this crate writes.
pub(super) fn damaged(what: impl std::fmt::Display) -> SqliteError {
    SqliteError::Damaged(what.to_string())
}
