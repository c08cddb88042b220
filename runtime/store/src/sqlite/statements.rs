//! The statements of a commit. Each writes one row and stays prepared: a commit is one message to the thread that has
//! the connection, so a statement per row costs no round trip, and the same few texts serve every size of batch.

use reprise_engine::EntryRecord;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::SqliteError;
use crate::rules::Standing;
use crate::{NewExecution, Progress, codes, pack_entries};

/// A new execution under the key it gets, unless its gid exists.
pub(super) type NewRow<'a> = (i64, &'a NewExecution, &'a Progress);
/// The entries of a row and their execution.
pub(super) type JournalRow<'a> = (i64, &'a [EntryRecord]);

pub(super) const INSERT_EXECUTION: &str = "INSERT INTO executions (id, gid, workflow, digest, input_hash, phase, activity, wake_at, note, result, \
     created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (gid) DO NOTHING";

pub(super) const INSERT_ENTRIES: &str = "INSERT INTO journal (execution, seq, entries, data) VALUES (?, ?, ?, ?)";

pub(super) const UPDATE_EXECUTION: &str = "UPDATE executions SET phase = ?, digest = ?, activity = ?, wake_at = ?, note = ?, result = ?, updated_at = ? \
     WHERE id = ?";

/// Number of the next entry, if there is one already. -1: the last row of the journal is damaged.
pub(super) const JOURNAL_END: &str = "SELECT (SELECT CASE WHEN seq BETWEEN 0 AND 4294967295 \
     AND entries BETWEEN 1 AND 256 THEN seq + entries ELSE -1 END FROM journal INDEXED BY journal_position \
     WHERE execution = executions.id ORDER BY seq DESC LIMIT 1) FROM executions WHERE id = ?";

pub(super) const STANDING: &str = "SELECT activity, wake_at, updated_at FROM executions WHERE id = ?";

/// Inserts executions; for each, whether its gid did not exist.
pub(super) fn insert_executions(connection: &Connection, rows: &[NewRow<'_>]) -> Result<Vec<bool>, SqliteError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(INSERT_EXECUTION)?;
    let mut insert = |(id, execution, progress): &NewRow<'_>| {
        let inserted = statement.execute(params![
            id,
            execution.gid.as_str(),
            execution.workflow.as_str(),
            progress.digest.as_bytes(),
            execution.input_hash,
            codes::of_phase(progress.phase),
            codes::of_activity(progress.activity),
            progress.wake_at.map(codes::of_time),
            progress.note.as_deref(),
            progress.result.as_deref(),
            codes::of_time(execution.created_at),
            codes::of_time(progress.updated_at),
        ])?;
        Ok(inserted == 1)
    };
    rows.iter().map(&mut insert).collect()
}

pub(super) fn insert_entries(connection: &Connection, rows: &[JournalRow<'_>]) -> Result<(), SqliteError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(INSERT_ENTRIES)?;
    for (execution, entries) in rows {
        let first = entries.first().map_or(0, |first| first.seq.0);
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        statement.execute(params![execution, first, count, pack_entries(entries)])?;
    }
    Ok(())
}

/// How executions stand now.
pub(super) fn update_executions<'a>(
    connection: &Connection,
    rows: impl IntoIterator<Item = (i64, &'a Progress)>,
) -> Result<(), SqliteError> {
    let mut statement = connection.prepare_cached(UPDATE_EXECUTION)?;
    for (id, progress) in rows {
        statement.execute(params![
            codes::of_phase(progress.phase),
            progress.digest.as_bytes(),
            codes::of_activity(progress.activity),
            progress.wake_at.map(codes::of_time),
            progress.note.as_deref(),
            progress.result.as_deref(),
            codes::of_time(progress.updated_at),
            id,
        ])?;
    }
    Ok(())
}

/// The journal lengths of those of `executions` that exist. None: the last row of the journal is damaged.
pub(super) fn journal_ends(
    connection: &Connection,
    executions: &[i64],
) -> Result<Vec<(i64, Option<u32>)>, SqliteError> {
    let mut ends = Vec::with_capacity(executions.len());
    let mut statement = connection.prepare_cached(JOURNAL_END)?;
    for id in executions {
        // What is no number is damaged, too.
        let end = statement.query_row([id], |row| Ok(row.get::<_, Option<i64>>(0).unwrap_or(Some(-1)))).optional()?;
        if let Some(end) = end {
            ends.push((*id, u32::try_from(end.unwrap_or(0)).ok()));
        }
    }
    Ok(ends)
}

/// How an execution stands, if it exists.
pub(super) fn standing(connection: &Connection, id: i64) -> Result<Option<Standing>, SqliteError> {
    let mut statement = connection.prepare_cached(STANDING)?;
    let stored: Option<(i64, Option<i64>, i64)> =
        statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    Ok(stored.map(|(activity, wake_at, updated_at)| Standing { activity, wake_at, updated_at }))
}
