//! Journals as they lie in the store's file, read behind the runtime's back.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use reprise_engine::{EntryRecord, ExecutionView, Op, OpState, Phase, Seq};
use reprise_store::{pack_entries, unpack_entries};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

/// A row of the store's table: the entries of one write.
struct JournalRow {
    id: i64,
    entries: Vec<EntryRecord>,
}

/// The journal of `gid` in a store file; empty if it has none.
///
/// # Errors
/// The file can't be read.
pub async fn journal(file: &Path, gid: &str) -> Result<Vec<EntryRecord>> {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
    let rows = rows(&mut connection, gid).await?;
    connection.close().await?;
    Ok(rows.into_iter().flat_map(|row| row.entries).collect())
}

async fn rows(connection: &mut SqliteConnection, gid: &str) -> Result<Vec<JournalRow>> {
    let rows = sqlx::query(
        "SELECT j.rowid, j.seq, j.entries, j.data FROM journal j JOIN executions e ON e.id = j.execution \
         WHERE e.gid = ? ORDER BY j.seq",
    )
    .bind(gid)
    .fetch_all(connection)
    .await
    .context("the journal")?;
    rows.iter()
        .map(|row| {
            let (first, count) = (u32::try_from(row.try_get::<i64, _>(1)?)?, u32::try_from(row.try_get::<i64, _>(2)?)?);
            let entries = unpack_entries(Seq(first), count, row.try_get(3)?).collect();
            Ok(JournalRow { id: row.try_get(0)?, entries })
        })
        .collect()
}

/// Writes other data into an entry, behind everybody's back; gives the data that it had.
///
/// # Errors
/// There is no such entry.
pub async fn replace_data(file: &Path, gid: &str, seq: u32, data: &[u8]) -> Result<Vec<u8>> {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
    for mut row in rows(&mut connection, gid).await? {
        let Some(entry) = row.entries.iter_mut().find(|entry| entry.seq == Seq(seq)) else { continue };
        let before = std::mem::replace(&mut entry.data, data.to_vec());
        sqlx::query("UPDATE journal SET data = ? WHERE rowid = ?")
            .bind(pack_entries(&row.entries))
            .bind(row.id)
            .execute(&mut connection)
            .await
            .context("the entry")?;
        connection.close().await?;
        return Ok(before);
    }
    bail!("no such entry")
}

/// Branch and op of everything that a journal records as ended.
///
/// # Errors
/// The journal is damaged.
pub fn recorded_ops(journal: &[EntryRecord]) -> Result<BTreeSet<(String, String)>> {
    ops_in(journal, has_ended)
}

fn has_ended(state: OpState) -> bool {
    !matches!(state, OpState::Registered | OpState::InFlight | OpState::NotNeeded)
}

fn ops_in(journal: &[EntryRecord], wanted: impl Fn(OpState) -> bool) -> Result<BTreeSet<(String, String)>> {
    if journal.is_empty() {
        return Ok(BTreeSet::new());
    }
    let view = ExecutionView::fold(journal)?;
    let ops = view.branches.iter().flat_map(|branch| branch.ops.iter().map(move |op| (branch, op)));
    Ok(ops.filter(|(_, op)| wanted(op.state)).map(|(branch, op)| (branch.id.clone(), op.op.to_string())).collect())
}

/// Branch and op of everything that may have been sent on the strength of a journal: intended actions, and of what is
/// registered the half that was decided.
///
/// # Errors
/// The journal is damaged.
pub fn durable_ops(journal: &[EntryRecord]) -> Result<BTreeSet<(String, String)>> {
    if journal.is_empty() {
        return Ok(BTreeSet::new());
    }
    let view = ExecutionView::fold(journal)?;
    let decided: &[Op] = match view.phase {
        Phase::Running => &[Op::Action],
        Phase::Committing => &[Op::Action, Op::Commit],
        Phase::RollingBack => &[Op::Action, Op::Rollback],
        Phase::Succeeded => &[Op::Action, Op::Commit, Op::Finish],
        Phase::Failed => &[Op::Action, Op::Rollback, Op::Finish],
    };
    let ops = view.branches.iter().flat_map(|branch| branch.ops.iter().map(move |op| (branch, op)));
    Ok(ops
        .filter(|(_, op)| decided.contains(&op.op))
        .map(|(branch, op)| (branch.id.clone(), op.op.to_string()))
        .collect())
}

/// How often something was sent, as far as journals tell, by a runtime that found `before` and left `after`: the attempts
/// of everything that has ended meanwhile. The runtime counts a call that it finds unanswered as sent once.
///
/// # Errors
/// A journal is damaged.
pub fn sends_between(before: &[EntryRecord], after: &[EntryRecord]) -> Result<u32> {
    let recorded = recorded_ops(before)?;
    let unanswered = ops_in(before, |state| state == OpState::InFlight)?;
    let mut sends = 0;
    for branch in ExecutionView::fold(after)?.branches {
        // What a handler sends are calls of its own.
        for op in branch.ops.iter().filter(|op| has_ended(op.state) && !op.call.starts_with("handler ")) {
            let name = (branch.id.clone(), op.op.to_string());
            let attempts = op.attempts.unwrap_or(1);
            if !recorded.contains(&name) {
                sends += attempts - u32::from(attempts > 1 && unanswered.contains(&name));
            }
        }
    }
    Ok(sends)
}
