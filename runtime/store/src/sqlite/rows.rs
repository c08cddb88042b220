//! Rows as SQLite keeps them, and back.

use std::fmt::Display;

use reprise_engine::{Digest, EntryRecord, Phase, Seq, Timestamp};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Params, Row};

use super::error::{SqliteError, damaged};
use crate::{Activity, Deployment, ExecutionKey, ExecutionRow, NewExecution, Progress, codes, packed, unpack_entries};

/// The columns that [`execution_row`] reads.
macro_rules! execution_columns {
    () => {
        "id, gid, workflow, digest, input_hash, phase, activity, wake_at, note, result, created_at, updated_at"
    };
}
pub(super) use execution_columns;

/// All rows of a query, each made by `make`.
pub(super) fn rows<T>(
    connection: &Connection,
    text: &str,
    parameters: impl Params,
    mut make: impl FnMut(&Row<'_>) -> Result<T, SqliteError>,
) -> Result<Vec<T>, SqliteError> {
    let mut statement = connection.prepare_cached(text)?;
    let mut found = statement.query(parameters)?;
    let mut made = Vec::new();
    while let Some(row) = found.next()? {
        made.push(make(row)?);
    }
    Ok(made)
}

pub(super) fn execution_row(row: &Row<'_>) -> Result<ExecutionRow, SqliteError> {
    Ok(ExecutionRow {
        key: ExecutionKey(row.get(0)?),
        execution: NewExecution {
            gid: text(row, 1)?.parse().map_err(damaged)?,
            workflow: text(row, 2)?.parse().map_err(damaged)?,
            input_hash: hash(row, 4)?,
            created_at: time(row.get(10)?)?,
        },
        progress: Progress {
            phase: phase(row.get(5)?)?,
            digest: Digest::new(hash(row, 3)?),
            activity: activity(row.get(6)?)?,
            wake_at: row.get::<_, Option<i64>>(7)?.map(time).transpose()?,
            note: row.get(8)?,
            result: row.get(9)?,
            updated_at: time(row.get(11)?)?,
        },
        elsewhere: false,
    })
}

/// From `seq, entries, data`.
pub(super) fn journal_row<'a>(row: &'a Row<'_>) -> Result<impl Iterator<Item = EntryRecord> + 'a, SqliteError> {
    let (first, count) = (Seq(number(row.get(0)?)?), row.get(1)?);
    let count = packed::count(count).ok_or_else(|| damaged(format!("no row of a journal has {count} entries")))?;
    Ok(unpack_entries(first, count, bytes(row, 2)?))
}

/// From `workflow, version, digest, deployed_at`.
pub(super) fn deployment(row: &Row<'_>) -> Result<Deployment, SqliteError> {
    Ok(Deployment {
        workflow: text(row, 0)?.parse().map_err(damaged)?,
        version: number(row.get(1)?)?,
        digest: Digest::new(hash(row, 2)?),
        deployed_at: time(row.get(3)?)?,
    })
}

/// A stored number that fits its type.
pub(super) fn number<T: TryFrom<i64, Error: Display>>(value: i64) -> Result<T, SqliteError> {
    T::try_from(value).map_err(damaged)
}

/// A stored time.
pub(super) fn time(value: i64) -> Result<Timestamp, SqliteError> {
    number(value).map(Timestamp)
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, SqliteError> {
    row.get_ref(column)?.as_str().map_err(|error| of_column(column, &error))
}

fn bytes<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], SqliteError> {
    row.get_ref(column)?.as_blob().map_err(|error| of_column(column, &error))
}

fn hash(row: &Row<'_>, column: usize) -> Result<[u8; 32], SqliteError> {
    bytes(row, column)?.try_into().map_err(damaged)
}

fn of_column(column: usize, error: &FromSqlError) -> SqliteError {
    damaged(format!("column {column}: {error}"))
}

fn phase(value: i64) -> Result<Phase, SqliteError> {
    codes::phase(value).ok_or_else(|| damaged(format!("no phase has number {value}")))
}

fn activity(value: i64) -> Result<Activity, SqliteError> {
    codes::activity(value).ok_or_else(|| damaged(format!("no activity has number {value}")))
}
