//! Letters: what is said to an execution through another node than the one that works on it.

use super::dialect::{ConnectionOf, Dialect, RowOf, Value};
use super::error::ServerError;
use super::rows;
use super::writer::Work;
use crate::{ExecutionKey, Letter};

/// Those for a node's active executions. From the oldest letter on, each one's execution is looked up.
pub(super) const LETTERS: &str = "SELECT id, execution, content FROM inbox /*inbox_created*/ \
     WHERE (SELECT worker FROM executions /*PRIMARY*/ WHERE executions.id = inbox.execution) = ? \
     ORDER BY created_at, id LIMIT ?";

/// Nobody reads it any more: its execution has ended, or waits in a state in which it hears nothing.
pub(super) const CLEAN_UP: &str = "DELETE FROM inbox WHERE created_at <= {now} - ?";

/// How long a letter is kept.
pub(super) const KEPT_MS: i64 = 600_000;

const POST: &str =
    "INSERT INTO inbox (id, execution, content, created_at) VALUES (?, ?, ?, {now}) ON CONFLICT (id) DO NOTHING";

pub(super) const REMOVE: &str = "DELETE FROM inbox WHERE id {keys}";

/// As [`crate::Cluster::post`].
#[derive(Debug)]
pub(super) struct Post<'a>(pub(super) &'a Letter);

impl<D: Dialect> Work<D> for Post<'_> {
    type Done = ();

    async fn perform(&self, connection: &mut ConnectionOf<D>) -> Result<(), ServerError> {
        let Letter { id, execution, content } = self.0;
        let values = [Value::Int(*id), Value::Int(execution.0), Value::Bytes(content)];
        D::fetch(connection, &D::text(POST), &values).await?;
        Ok(())
    }
}

/// As [`crate::Cluster::remove_letters`], of at least one.
#[derive(Debug)]
pub(super) struct Remove<'a>(pub(super) &'a [i64]);

impl<D: Dialect> Work<D> for Remove<'_> {
    type Done = ();

    async fn perform(&self, connection: &mut ConnectionOf<D>) -> Result<(), ServerError> {
        D::fetch_of(connection, REMOVE, self.0).await?;
        Ok(())
    }
}

/// From `id, execution, content`.
pub(super) fn letter<D: Dialect>(row: &RowOf<D>) -> Result<Letter, ServerError> {
    let execution = ExecutionKey(rows::int::<D>(row, 1)?);
    Ok(Letter { id: rows::int::<D>(row, 0)?, execution, content: rows::bytes::<D>(row, 2)? })
}
