//! What SQLite's errors mean for the caller, and what to do about them.

use sqlx::error::BoxDynError;

use crate::StoreError;

/// SQLite's result codes that say something to a person. <https://www.sqlite.org/rescode.html>
pub(super) mod code {
    pub(crate) const ERROR: i32 = 1;
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

/// SQLite's primary result code, if the error is SQLite's.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// The error of a verb.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        Some(code::CORRUPT | code::NOT_A_DATABASE | code::CONSTRAINT) => StoreError::Damaged(format!(
            "{error}; stop the runtime, copy the file and run `PRAGMA integrity_check` on it, or restore a backup"
        )),
        Some(code) => StoreError::Unavailable(format!("{error}; {}", advice(code))),
        None if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
            StoreError::Damaged(error.to_string())
        }
        None if matches!(error, sqlx::Error::PoolTimedOut) => StoreError::Unavailable(
            "every reader is busy; repeat the call, or configure more readers if this lasts".into(),
        ),
        None => StoreError::Unavailable(format!("{error}; repeat the call, restart the runtime if this lasts")),
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

/// A stored value that no version of this crate writes.
pub(super) fn damaged(what: impl Into<BoxDynError>) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}
