//! What is read of executions and journals. Each query names its index, for the databases that take that.

use reprise_engine::{EntryRecord, Phase, Seq};

use super::dialect::{Dialect, RowOf, Value};
use super::error::{ServerError, damaged};
use super::rows::{bytes, execution_columns, execution_row, int, number};
use crate::{Activity, ExecutionRow, ListFilter, codes, packed, unpack_entries};

/// From the row on that an entry is in, up to another one. Values as [`journal_values`] has them.
pub(super) const JOURNAL: &str = "SELECT seq, entries, data FROM journal /*PRIMARY*/ WHERE execution = ? \
     AND seq >= coalesce((SELECT max(seq) FROM journal /*PRIMARY*/ WHERE execution = ? AND seq <= ?), ?) AND seq < ? \
     ORDER BY seq";

/// Key and number of the next entry, if there is one already. -1: the last row of the journal is damaged.
pub(super) const JOURNAL_ENDS: &str = "SELECT id, (SELECT CASE WHEN seq BETWEEN 0 AND 4294967295 \
     AND entries BETWEEN 1 AND 256 THEN seq + entries ELSE -1 END FROM journal /*PRIMARY*/ \
     WHERE execution = executions.id ORDER BY seq DESC LIMIT 1) FROM executions /*PRIMARY*/ WHERE id {keys}";

/// How executions stand. Nobody else changes them before this transaction ends.
pub(super) const STANDINGS: &str = "SELECT id, owner, activity, wake_at, updated_at FROM executions /*PRIMARY*/ WHERE id {keys} ORDER BY id FOR UPDATE";

/// An execution as it stands now, which a snapshot need not show. Nobody else changes it before this transaction ends.
pub(super) const NEWEST: &str =
    concat!("SELECT ", execution_columns!(), " FROM executions /*PRIMARY*/ WHERE id {keys} FOR UPDATE");

pub(super) const EXECUTION: &str =
    concat!("SELECT ", execution_columns!(), " FROM executions /*executions_gid*/ WHERE gid = ?");

pub(super) const ACTIVE: &str = concat!(
    "SELECT ",
    execution_columns!(),
    " FROM executions /*executions_worker*/ WHERE worker = ? AND id > ? ORDER BY id LIMIT ?"
);

/// A share of those that are due, and all that have been for longer: of nodes that do not take theirs.
pub(super) const DUE: &str = concat!(
    "SELECT ",
    execution_columns!(),
    " FROM executions /*executions_due*/ WHERE due_at <= ? AND (MOD(id, ?) = ? OR due_at < ?) \
     ORDER BY due_at, id LIMIT ?"
);

pub(super) const NEXT_WAKE: &str =
    "SELECT due_at FROM executions /*executions_due*/ WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";

pub(super) const QUARANTINED: &str = concat!(
    "SELECT ",
    execution_columns!(),
    " FROM executions /*executions_quarantined*/ WHERE quarantined = ? AND id > ? ORDER BY id LIMIT ?"
);

/// The shortest question that touches a table.
pub(super) const PING: &str = "SELECT id FROM nodes WHERE id = 0";

/// Those of some that have ended, or that wait for somebody.
pub(super) const SETTLED: &str = concat!(
    "SELECT ",
    execution_columns!(),
    " FROM executions /*PRIMARY*/ WHERE id {keys} AND (activity IN (2, 3) OR phase IN (3, 4))"
);

/// Active executions of a node that is dead. Nobody else takes them before this transaction ends.
pub(super) const LEFT_BEHIND: &str =
    "SELECT id FROM executions /*executions_worker*/ WHERE worker = ? ORDER BY id LIMIT ? FOR UPDATE";

/// Some executions, whatever they do.
pub(super) const SOME: &str = concat!("SELECT ", execution_columns!(), " FROM executions /*PRIMARY*/ WHERE id {keys}");

/// What [`JOURNAL`] asks with for entries of an execution from `from` on, as many as [`entries`] takes.
pub(super) fn journal_values(execution: i64, from: Seq, limit: u32) -> [Value<'static>; 5] {
    let from = i64::from(from.0);
    [execution, execution, from, from, from + i64::from(limit)].map(Value::Int)
}

/// The entries from `from` on, at most `limit`, of the rows that [`JOURNAL`] answers.
pub(super) fn entries<D: Dialect>(rows: &[RowOf<D>], from: Seq, limit: u32) -> Result<Vec<EntryRecord>, ServerError> {
    let (mut entries, limit) = (Vec::new(), limit as usize);
    for row in rows {
        let (first, count) = (Seq(number(int::<D>(row, 0)?)?), int::<D>(row, 1)?);
        let count = packed::count(count).ok_or_else(|| damaged(format!("no row of a journal has {count} entries")))?;
        let bytes = bytes::<D>(row, 2)?;
        let wanted = unpack_entries(first, count, &bytes).filter(|entry| entry.seq >= from);
        entries.extend(wanted.take(limit - entries.len()));
    }
    Ok(entries)
}

/// The text for a filter: values are `before`, the workflow if there is one, the limit. It walks back through the index
/// that leaves out most; what else is asked is looked up row by row.
pub(super) fn list_text(filter: &ListFilter) -> String {
    let mut conditions = vec!["id < ?".to_owned()];
    if let Some(phase) = filter.phase {
        conditions.push(format!("phase = {}", codes::of_phase(phase)));
    }
    if let Some(activity) = filter.activity {
        conditions.push(format!("activity = {}", codes::of_activity(activity)));
    }
    if filter.workflow.is_some() {
        conditions.push("workflow = ?".to_owned());
    }
    let path = if filter.activity.is_some_and(|activity| activity != Activity::Finished) {
        conditions.push("activity <> 3".to_owned());
        "executions_activity"
    } else if filter.phase.is_some_and(|phase| phase != Phase::Succeeded) {
        conditions.push("phase <> 3".to_owned());
        "executions_phase"
    } else if filter.workflow.is_some() {
        "executions_workflow"
    } else {
        "PRIMARY"
    };
    let columns = execution_columns!();
    let conditions = conditions.join(" AND ");
    format!("SELECT {columns} FROM executions /*{path}*/ WHERE {conditions} ORDER BY id DESC LIMIT ?")
}

/// Those rows that can be read: a damaged one is reported and must not keep the others from being worked on.
pub(super) fn readable<D: Dialect>(rows: &[RowOf<D>], me: i64) -> Vec<ExecutionRow> {
    let read = |row: &RowOf<D>| {
        let report = |error: &_| {
            let key = D::int(row, 0).ok().flatten();
            tracing::error!(?key, %error, "an execution's row is damaged; it is left alone");
        };
        execution_row::<D>(row, me).inspect_err(report).ok()
    };
    rows.iter().filter_map(read).collect()
}
