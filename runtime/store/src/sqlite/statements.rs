//! The statements of a commit, over as many rows as it has.

use std::collections::HashSet;

use reprise_engine::EntryRecord;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Row, query, query_with};

use super::many::ManyRows;
use super::read::JOURNAL;
use super::rows::{Parameters, activity_value, entry_record, number, phase_value, time_value};
use crate::{NewExecution, Progress};

/// A new execution under the key it gets, unless its gid exists.
pub(super) type NewRow<'a> = (i64, &'a NewExecution, &'a Progress);
/// An entry and its execution.
pub(super) type EntryRow<'a> = (i64, &'a EntryRecord);
/// How an execution stands now.
pub(super) type ProgressRow<'a> = (i64, &'a Progress);

/// The texts.
#[derive(Debug)]
pub(super) struct Statements {
    insert_executions: ManyRows,
    insert_entries: ManyRows,
    update_executions: ManyRows,
    journal_ends: ManyRows,
}

impl Statements {
    pub(super) fn new() -> Self {
        Self {
            insert_executions: ManyRows::new(
                "INSERT INTO executions (id, gid, workflow, digest, input_hash, phase, activity, wake_at, note, \
                 result, created_at, updated_at) VALUES ",
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                " ON CONFLICT (gid) DO NOTHING RETURNING id",
            ),
            insert_entries: ManyRows::new(
                "INSERT INTO journal (execution, seq, at, kind, fingerprint, data) VALUES ",
                "(?, ?, ?, ?, ?, ?)",
                "",
            ),
            update_executions: ManyRows::new(
                "UPDATE executions SET phase = new.column2, digest = new.column3, activity = new.column4, \
                 wake_at = new.column5, note = new.column6, result = new.column7, updated_at = new.column8 \
                 FROM (VALUES ",
                "(?, ?, ?, ?, ?, ?, ?, ?)",
                ") AS new WHERE executions.id = new.column1",
            ),
            journal_ends: ManyRows::new(
                "SELECT id, (SELECT max(seq) FROM journal WHERE execution = executions.id) FROM executions \
                 WHERE id IN (",
                "?",
                ")",
            ),
        }
    }

    /// Inserts executions; answers the keys of those whose gid did not exist.
    pub(super) async fn insert_executions(
        &self,
        connection: &mut SqliteConnection,
        rows: &[NewRow<'_>],
    ) -> Result<HashSet<i64>, sqlx::Error> {
        let mut inserted = HashSet::with_capacity(rows.len());
        for (text, group) in self.insert_executions.groups(rows) {
            let mut values = Parameters::with_capacity(group.len() * 12);
            for (id, execution, progress) in group {
                values.push(*id)?;
                values.push(execution.gid.as_str())?;
                values.push(execution.workflow.as_str())?;
                values.push(&progress.digest.as_bytes()[..])?;
                values.push(&execution.input_hash[..])?;
                values.push(phase_value(progress.phase))?;
                values.push(activity_value(progress.activity))?;
                values.push(progress.wake_at.map(time_value))?;
                values.push(progress.note.as_deref())?;
                values.push(progress.result.as_deref())?;
                values.push(time_value(execution.created_at))?;
                values.push(time_value(progress.updated_at))?;
            }
            for row in query_with(text, values.finish()).fetch_all(&mut *connection).await? {
                inserted.insert(row.try_get(0)?);
            }
        }
        Ok(inserted)
    }

    pub(super) async fn insert_entries(
        &self,
        connection: &mut SqliteConnection,
        rows: &[EntryRow<'_>],
    ) -> Result<(), sqlx::Error> {
        for (text, group) in self.insert_entries.groups(rows) {
            let mut values = Parameters::with_capacity(group.len() * 6);
            for (execution, entry) in group {
                values.push(*execution)?;
                values.push(i64::from(entry.seq.0))?;
                values.push(time_value(entry.at))?;
                values.push(i64::from(entry.kind))?;
                values.push(entry.fingerprint.cast_signed())?;
                values.push(entry.data.as_slice())?;
            }
            query_with(text, values.finish()).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// `rows` names each execution once.
    pub(super) async fn update_executions(
        &self,
        connection: &mut SqliteConnection,
        rows: &[ProgressRow<'_>],
    ) -> Result<(), sqlx::Error> {
        for (text, group) in self.update_executions.groups(rows) {
            let mut values = Parameters::with_capacity(group.len() * 8);
            for (id, progress) in group {
                values.push(*id)?;
                values.push(phase_value(progress.phase))?;
                values.push(&progress.digest.as_bytes()[..])?;
                values.push(activity_value(progress.activity))?;
                values.push(progress.wake_at.map(time_value))?;
                values.push(progress.note.as_deref())?;
                values.push(progress.result.as_deref())?;
                values.push(time_value(progress.updated_at))?;
            }
            query_with(text, values.finish()).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// The journal lengths of those of `executions` that exist.
    pub(super) async fn journal_ends(
        &self,
        connection: &mut SqliteConnection,
        executions: &[i64],
    ) -> Result<Vec<(i64, u32)>, sqlx::Error> {
        let mut ends = Vec::with_capacity(executions.len());
        for (text, group) in self.journal_ends.groups(executions) {
            let mut values = Parameters::with_capacity(group.len());
            group.iter().try_for_each(|id| values.push(*id))?;
            for row in query_with(text, values.finish()).fetch_all(&mut *connection).await? {
                let last: Option<i64> = row.try_get(1)?;
                ends.push((row.try_get(0)?, last.map_or(Ok(0), |last| number(last + 1))?));
            }
        }
        Ok(ends)
    }

    /// Entries as a reader sees them, on the writer's connection.
    pub(super) async fn entries(
        &self,
        connection: &mut SqliteConnection,
        execution: i64,
        from: u32,
        limit: usize,
    ) -> Result<Vec<EntryRecord>, sqlx::Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query(JOURNAL).bind(execution).bind(i64::from(from)).bind(limit).fetch_all(connection).await?;
        rows.iter().map(entry_record).collect()
    }

    /// Every text for one row and for many, for the test of query plans.
    #[cfg(test)]
    pub(super) fn samples(&self) -> Vec<String> {
        let texts = |many: &ManyRows| {
            let sizes = [&[0; 1][..], &[0; 64]];
            sizes.map(|rows| many.groups(rows).map(|(text, _)| text.0.to_string()).collect::<String>())
        };
        [&self.insert_executions, &self.insert_entries, &self.update_executions, &self.journal_ends]
            .into_iter()
            .flat_map(texts)
            .collect()
    }
}
