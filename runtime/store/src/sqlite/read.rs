//! What is read of executions and journals. Each query names its index: without it, it would be an error, never a
//! scan that is slow only once the store is large.

use reprise_engine::{EntryRecord, Gid, Phase, Seq, Timestamp, WorkflowName};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::error::SqliteError;
use super::rows::{execution_columns, execution_row, journal_row, rows, time};
use crate::{Activity, ExecutionKey, ExecutionRow, ListFilter, codes};

/// From the row on that an entry is in.
pub(super) const JOURNAL: &str = "SELECT seq, entries, data FROM journal INDEXED BY journal_position \
     WHERE execution = ?1 AND seq >= coalesce((SELECT max(seq) FROM journal INDEXED BY journal_position \
     WHERE execution = ?1 AND seq <= ?2), ?2) ORDER BY seq";

pub(super) const EXECUTION: &str =
    concat!("SELECT ", execution_columns!(), " FROM executions INDEXED BY executions_gid WHERE gid = ?");

/// The row of a key.
pub(super) const ROW: &str = concat!("SELECT ", execution_columns!(), " FROM executions WHERE id = ?");

pub(super) const ACTIVE: &str = concat!(
    "SELECT ",
    execution_columns!(),
    " FROM executions INDEXED BY executions_activity WHERE activity = 0 AND activity <> 3 AND id > ? \
     ORDER BY id LIMIT ?"
);

pub(super) const DUE: &str = concat!(
    "SELECT ",
    execution_columns!(),
    " FROM executions INDEXED BY executions_due WHERE activity = 1 AND wake_at IS NOT NULL AND wake_at <= ? \
     ORDER BY wake_at, id LIMIT ?"
);

pub(super) const NEXT_WAKE: &str = "SELECT wake_at FROM executions INDEXED BY executions_due \
                                    WHERE activity = 1 AND wake_at IS NOT NULL ORDER BY wake_at LIMIT 1";

pub(super) const QUARANTINED: &str = concat!(
    "SELECT ",
    execution_columns!(),
    " FROM executions INDEXED BY executions_quarantined WHERE activity = 2 AND workflow = ? AND id > ? \
     ORDER BY id LIMIT ?"
);

/// The shortest question that touches the file.
pub(super) const PING: &str = "SELECT count(*) FROM (SELECT 1 FROM executions LIMIT 1)";

pub(super) fn journal(
    connection: &Connection,
    key: ExecutionKey,
    from: Seq,
    limit: u32,
) -> Result<Vec<EntryRecord>, SqliteError> {
    let mut statement = connection.prepare_cached(JOURNAL)?;
    let mut found = statement.query(params![key.0, from.0])?;
    let (mut entries, limit) = (Vec::new(), limit as usize);
    while entries.len() < limit
        && let Some(row) = found.next()?
    {
        let wanted = journal_row(row)?.filter(|entry| entry.seq >= from);
        entries.extend(wanted.take(limit - entries.len()));
    }
    Ok(entries)
}

pub(super) fn execution(connection: &Connection, gid: &Gid) -> Result<Option<ExecutionRow>, SqliteError> {
    Ok(rows(connection, EXECUTION, params![gid.as_str()], execution_row)?.pop())
}

pub(super) fn row(connection: &Connection, key: ExecutionKey) -> Result<Option<ExecutionRow>, SqliteError> {
    Ok(rows(connection, ROW, params![key.0], execution_row)?.pop())
}

pub(super) fn list(connection: &Connection, filter: &ListFilter) -> Result<Vec<ExecutionRow>, SqliteError> {
    let before = filter.before.map_or(i64::MAX, |before| before.0);
    let text = list_text(filter);
    match &filter.workflow {
        Some(workflow) => rows(connection, &text, params![before, filter.limit, workflow.as_str()], execution_row),
        None => rows(connection, &text, params![before, filter.limit], execution_row),
    }
}

pub(super) fn active(
    connection: &Connection,
    after: Option<ExecutionKey>,
    limit: u32,
) -> Result<Vec<ExecutionRow>, SqliteError> {
    readable(connection, ACTIVE, params![after_value(after), limit])
}

pub(super) fn due(connection: &Connection, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, SqliteError> {
    readable(connection, DUE, params![codes::of_time(now), limit])
}

pub(super) fn next_wake(connection: &Connection) -> Result<Option<Timestamp>, SqliteError> {
    let wake_at: Option<i64> = connection.prepare_cached(NEXT_WAKE)?.query_row([], |row| row.get(0)).optional()?;
    wake_at.map(time).transpose()
}

pub(super) fn quarantined(
    connection: &Connection,
    workflow: &WorkflowName,
    after: Option<ExecutionKey>,
    limit: u32,
) -> Result<Vec<ExecutionRow>, SqliteError> {
    readable(connection, QUARANTINED, params![workflow.as_str(), after_value(after), limit])
}

pub(super) fn ping(connection: &Connection) -> Result<(), SqliteError> {
    Ok(connection.prepare_cached(PING)?.query_row([], |_| Ok(()))?)
}

/// The text for a filter: `?1` is `before`, `?2` the limit, `?3` the workflow. It walks back through the index that
/// leaves out most; what else is asked is looked up row by row.
pub(super) fn list_text(filter: &ListFilter) -> String {
    let mut conditions = vec!["id < ?1".to_owned()];
    if let Some(phase) = filter.phase {
        conditions.push(format!("phase = {}", codes::of_phase(phase)));
    }
    if let Some(activity) = filter.activity {
        conditions.push(format!("activity = {}", codes::of_activity(activity)));
    }
    if filter.workflow.is_some() {
        conditions.push("workflow = ?3".to_owned());
    }
    let path = if filter.activity.is_some_and(|activity| activity != Activity::Finished) {
        conditions.push("activity <> 3".to_owned());
        "INDEXED BY executions_activity"
    } else if filter.phase.is_some_and(|phase| phase != Phase::Succeeded) {
        conditions.push("phase <> 3".to_owned());
        "INDEXED BY executions_phase"
    } else if filter.workflow.is_some() {
        "INDEXED BY executions_workflow"
    } else {
        "NOT INDEXED"
    };
    let columns = execution_columns!();
    let conditions = conditions.join(" AND ");
    format!("SELECT {columns} FROM executions {path} WHERE {conditions} ORDER BY id DESC LIMIT ?2")
}

/// Those rows that can be read: a damaged one is reported and must not keep the others from being worked on.
fn readable(connection: &Connection, text: &str, parameters: impl Params) -> Result<Vec<ExecutionRow>, SqliteError> {
    let report = |row: &Row<'_>, error: &SqliteError| {
        let key: Option<i64> = row.get(0).ok();
        tracing::error!(?key, %error, "an execution's row is damaged; it is left alone");
    };
    let read = |row: &Row<'_>| Ok(execution_row(row).inspect_err(|error| report(row, error)).ok());
    Ok(rows(connection, text, parameters, read)?.into_iter().flatten().collect())
}

/// Keys start at 1.
fn after_value(after: Option<ExecutionKey>) -> i64 {
    after.map_or(0, |after| after.0)
}
