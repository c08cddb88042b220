//! What is read of executions and journals. Each query names its index: without it, it would be an error, never a
//! scan that is slow only once the store is large.

use reprise_engine::{EntryRecord, Gid, Phase, Seq, Timestamp, WorkflowName};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqlitePool, query, query_scalar};

use super::rows::{activity_value, entry_record, execution_columns, execution_row, phase_value, time, time_value};
use crate::{Activity, ExecutionKey, ExecutionRow, ListFilter};

pub(super) const JOURNAL: &str = "SELECT seq, at, kind, fingerprint, data FROM journal INDEXED BY journal_position \
                                  WHERE execution = ? AND seq >= ? ORDER BY seq LIMIT ?";

pub(super) const EXECUTION: &str =
    concat!("SELECT ", execution_columns!(), " FROM executions INDEXED BY executions_gid WHERE gid = ?");

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

pub(super) async fn journal(
    readers: &SqlitePool,
    key: ExecutionKey,
    from: Seq,
    limit: u32,
) -> Result<Vec<EntryRecord>, sqlx::Error> {
    let rows = query(JOURNAL).bind(key.0).bind(i64::from(from.0)).bind(i64::from(limit)).fetch_all(readers).await?;
    rows.iter().map(entry_record).collect()
}

pub(super) async fn execution(readers: &SqlitePool, gid: &Gid) -> Result<Option<ExecutionRow>, sqlx::Error> {
    let row = query(EXECUTION).bind(gid.as_str()).fetch_optional(readers).await?;
    row.map(|row| execution_row(&row)).transpose()
}

pub(super) async fn list(readers: &SqlitePool, filter: &ListFilter) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    let before = filter.before.map_or(i64::MAX, |before| before.0);
    let listing = query(AssertSqlSafe(list_text(filter))).bind(before).bind(i64::from(filter.limit));
    let listing = match &filter.workflow {
        Some(workflow) => listing.bind(workflow.as_str()),
        None => listing,
    };
    executions(&listing.fetch_all(readers).await?)
}

pub(super) async fn active(
    readers: &SqlitePool,
    after: Option<ExecutionKey>,
    limit: u32,
) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    Ok(readable(&query(ACTIVE).bind(after_value(after)).bind(i64::from(limit)).fetch_all(readers).await?))
}

pub(super) async fn due(readers: &SqlitePool, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    Ok(readable(&query(DUE).bind(time_value(now)).bind(i64::from(limit)).fetch_all(readers).await?))
}

pub(super) async fn next_wake(readers: &SqlitePool) -> Result<Option<Timestamp>, sqlx::Error> {
    let wake_at: Option<i64> = query_scalar(NEXT_WAKE).fetch_optional(readers).await?;
    wake_at.map(time).transpose()
}

pub(super) async fn quarantined(
    readers: &SqlitePool,
    workflow: &WorkflowName,
    after: Option<ExecutionKey>,
    limit: u32,
) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    let waiting = query(QUARANTINED).bind(workflow.as_str()).bind(after_value(after)).bind(i64::from(limit));
    Ok(readable(&waiting.fetch_all(readers).await?))
}

pub(super) async fn ping(readers: &SqlitePool) -> Result<(), sqlx::Error> {
    query_scalar::<_, i64>(PING).fetch_one(readers).await.map(|_| ())
}

/// The text for a filter: `?1` is `before`, `?2` the limit, `?3` the workflow. It walks back through the index that
/// leaves out most; what else is asked is looked up row by row.
pub(super) fn list_text(filter: &ListFilter) -> String {
    let mut conditions = vec!["id < ?1".to_owned()];
    if let Some(phase) = filter.phase {
        conditions.push(format!("phase = {}", phase_value(phase)));
    }
    if let Some(activity) = filter.activity {
        conditions.push(format!("activity = {}", activity_value(activity)));
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

fn executions(rows: &[SqliteRow]) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    rows.iter().map(execution_row).collect()
}

/// Those rows that can be read: a damaged one is reported and must not keep the others from being worked on.
fn readable(rows: &[SqliteRow]) -> Vec<ExecutionRow> {
    let report = |row: &SqliteRow, error: &sqlx::Error| {
        let key: Option<i64> = row.try_get("id").ok();
        tracing::error!(?key, %error, "an execution's row is damaged; it is left alone");
    };
    rows.iter().filter_map(|row| execution_row(row).inspect_err(|error| report(row, error)).ok()).collect()
}

/// Keys start at 1.
fn after_value(after: Option<ExecutionKey>) -> i64 {
    after.map_or(0, |after| after.0)
}
