//! What differs between the databases. Every other room has one text for both.

use std::fmt::Debug;

use reprise_engine::EntryRecord;
use sqlx::migrate::MigrateError;
use sqlx::{Connection, Database};

use super::bulk::{Bulk, Turn};
use crate::{NewExecution, Progress};

pub(super) type ConnectionOf<D> = <<D as Dialect>::Database as Database>::Connection;
pub(super) type RowOf<D> = <<D as Dialect>::Database as Database>::Row;
pub(super) type SettingsOf<D> = <ConnectionOf<D> as Connection>::Options;

/// A new execution under the key it gets, unless its gid exists.
pub(super) type NewRow<'a> = (i64, &'a NewExecution, &'a Progress);
/// The entries of a row of a journal, and their execution.
pub(super) type JournalRow<'a> = (i64, &'a [EntryRecord]);
/// How an execution stands now, and whose it is if that changes.
pub(super) type ProgressRow<'a> = (i64, Option<i64>, &'a Progress);

/// A value of a placeholder.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A number.
    Int(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// How long the server lets a session hold on to something that nobody may be waiting for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// One statement.
    pub statement_ms: u64,
    /// An open transaction in which nothing happens.
    pub idle_transaction_ms: u64,
}

/// A database. Texts have `?` for values, `ON CONFLICT (c) DO NOTHING`, `/*index*/` after the table whose index is meant,
/// and `{now}` for the database's clock in UTC milliseconds; [`Self::text`] makes them the database's own.
pub trait Dialect: Debug + Send + Sync + 'static {
    /// As the driver has it.
    type Database: Database;

    /// How people call it.
    const NAME: &'static str;

    /// The same text as this database wants it.
    fn text(text: &str) -> String;

    /// What the URL says.
    ///
    /// # Errors
    /// It says nothing that can be used.
    fn settings(url: &str) -> Result<SettingsOf<Self>, sqlx::Error>
    where
        Self: Sized;

    /// Sets up a new connection.
    fn prepare(
        connection: &mut ConnectionOf<Self>,
        limits: SessionLimits,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send
    where
        Self: Sized;

    /// Runs one statement and answers its rows.
    fn fetch(
        connection: &mut ConnectionOf<Self>,
        text: &str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<RowOf<Self>>, sqlx::Error>> + Send
    where
        Self: Sized;

    /// Runs one statement and answers how many rows it found to change.
    fn change(
        connection: &mut ConnectionOf<Self>,
        text: &str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send
    where
        Self: Sized;

    /// Runs statements without values in one round trip and answers how many rows they found to change.
    fn command(
        connection: &mut ConnectionOf<Self>,
        text: String,
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send
    where
        Self: Sized;

    /// Brings the schema up to date. Nobody else does that now.
    fn migrate(connection: &mut ConnectionOf<Self>) -> impl Future<Output = Result<(), MigrateError>> + Send
    where
        Self: Sized;

    /// The newest schema of this runtime.
    fn schema() -> i64;

    /// A number of a row.
    ///
    /// # Errors
    /// There is none.
    fn int(row: &RowOf<Self>, column: usize) -> Result<Option<i64>, sqlx::Error>
    where
        Self: Sized;

    /// Bytes, or the bytes of a text.
    ///
    /// # Errors
    /// There are none.
    fn bytes(row: &RowOf<Self>, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error>
    where
        Self: Sized;

    /// Inserts executions of a node; answers the keys of those whose gid did not exist.
    fn insert_executions(
        connection: &mut ConnectionOf<Self>,
        owner: i64,
        rows: &[NewRow<'_>],
    ) -> impl Future<Output = Result<Vec<i64>, sqlx::Error>> + Send
    where
        Self: Sized;

    /// Inserts entries.
    fn insert_entries(
        connection: &mut ConnectionOf<Self>,
        rows: &[JournalRow<'_>],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send
    where
        Self: Sized;

    /// Writes how executions stand.
    fn update_executions(
        connection: &mut ConnectionOf<Self>,
        rows: &[ProgressRow<'_>],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send
    where
        Self: Sized;

    /// Renews the lease and writes everything, durable when this returns. Answers the keys of those executions whose gid
    /// did not exist. None: nothing but the lease is written, because the node is not alive or it is not its turn,
    /// because an execution is not the node's that must be, or because this has to be done row by row.
    fn write(
        connection: &mut ConnectionOf<Self>,
        turn: Turn,
        bulk: &Bulk<'_>,
    ) -> impl Future<Output = Result<Option<Vec<i64>>, sqlx::Error>> + Send
    where
        Self: Sized;

    /// Runs one statement with `{keys}` once in it, as in `WHERE id {keys}`, and answers its rows.
    fn fetch_of(
        connection: &mut ConnectionOf<Self>,
        text: &str,
        keys: &[i64],
    ) -> impl Future<Output = Result<Vec<RowOf<Self>>, sqlx::Error>> + Send
    where
        Self: Sized;
}
