//! What the databases' errors mean for the caller, and what to do about them.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use thiserror::Error;

use super::{mysql, postgres};
use crate::StoreError;

/// Why a verb failed, before it is known what that means for the caller.
#[derive(Debug, Error)]
pub(super) enum ServerError {
    /// The database says no, or can't be reached.
    #[error("{}", describe(.0))]
    Database(#[from] sqlx::Error),
    /// A stored value that no version of this crate writes.
    #[error("{0}")]
    Damaged(String),
    /// No answer in time.
    #[error("the database did not answer within {} s", .0.as_secs_f32())]
    Slow(Duration),
    /// Another node has buried this one.
    #[error(
        "this node (`{node}`, number {id}) did not renew its lease on the database in time, and another one has taken \
         over; it writes nothing any more: restart it"
    )]
    Fenced {
        /// This node.
        node: String,
        /// Its number.
        id: i64,
    },
    /// [`super::ServerStore::close`] was called.
    #[error("the store is closed")]
    Closed,
}

/// What to do about an answer of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// The same transaction once more may work at once.
    Again,
    /// The key is in use.
    Taken,
    /// Stored data can't be read.
    Damaged,
    /// It takes time, or somebody who does what the text says.
    Outage(&'static str),
}

impl ServerError {
    pub(super) fn sort(&self) -> Sort {
        match self {
            Self::Database(sqlx::Error::Database(error)) => sort(error.as_ref()),
            Self::Database(
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnIndexOutOfBounds { .. },
            )
            | Self::Damaged(_) => Sort::Damaged,
            Self::Database(sqlx::Error::PoolTimedOut) => {
                Sort::Outage("repeat the call; raise `store_connections` if the database is well and this lasts")
            }
            Self::Database(_) | Self::Slow(_) => Sort::Outage("repeat the call; look at the database if this lasts"),
            Self::Fenced { .. } | Self::Closed => Sort::Outage("restart the runtime"),
        }
    }

    /// Whether a table does not exist (yet).
    pub(super) fn is_missing_table(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error))
            if error.code().as_deref() == Some("42P01") || number(error.as_ref()) == Some(1146))
    }

    /// Whether the server knows no such statement.
    pub(super) fn is_unsupported(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("0A000"))
    }

    /// Whether the way to the database failed, rather than the database.
    pub(super) fn is_way(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                // The server stops, restarts, or has closed this connection.
                matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P03" | "25P03"))
                    || matches!(number(error.as_ref()), Some(1053 | 1927 | 4031))
            }
            Self::Database(error) => matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)),
            Self::Damaged(_) | Self::Slow(_) | Self::Fenced { .. } | Self::Closed => false,
        }
    }
}

impl From<ServerError> for StoreError {
    fn from(error: ServerError) -> Self {
        match (error.sort(), &error) {
            (_, ServerError::Fenced { .. }) => Self::Fenced(error.to_string()),
            (Sort::Damaged, _) => Self::Damaged(error.to_string()),
            (Sort::Again, _) => Self::Unavailable(format!("{error}; others write the same rows: repeat the call")),
            (Sort::Taken, _) => Self::Damaged(format!("{error}; another program writes to these tables: end it")),
            (Sort::Outage(advice), _) => Self::Unavailable(format!("{error}; {advice}")),
        }
    }
}

/// A stored value that no version of this crate writes.
pub(super) fn damaged(what: impl std::fmt::Display) -> ServerError {
    ServerError::Damaged(what.to_string())
}

/// Opening is different: nothing has begun that could wait.
pub(super) fn open_error(error: ServerError) -> StoreError {
    match error.sort() {
        Sort::Outage(advice) => StoreError::Open(format!("{error}; {advice}")),
        Sort::Again | Sort::Taken | Sort::Damaged => StoreError::Open(error.to_string()),
    }
}

/// One line without what the driver puts before it. No error of the driver names the URL.
pub(super) fn describe(error: &sqlx::Error) -> String {
    if let sqlx::Error::Database(error) = error {
        match (number(error.as_ref()), error.code()) {
            (Some(number), _) => format!("{} ({number})", error.message()),
            (None, Some(code)) => format!("{} ({code})", error.message()),
            (None, None) => error.message().to_owned(),
        }
    } else if matches!(error, sqlx::Error::PoolTimedOut) {
        "no connection in time; the database can't be reached, or all are in use".into()
    } else {
        error.to_string()
    }
}

fn sort(error: &dyn DatabaseError) -> Sort {
    match number(error) {
        Some(number) => mysql::sort(number),
        None => postgres::sort(error.code().unwrap_or_default().as_ref()),
    }
}

fn number(error: &dyn DatabaseError) -> Option<u16> {
    error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}
