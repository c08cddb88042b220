//! The two tables of the barrier and the five statements on them.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::SqliteConnection;

use super::{BarrierError, Business};
use crate::Branch;

const CREATE_BARRIER: &str = "
CREATE TABLE IF NOT EXISTS barrier (
    id INTEGER PRIMARY KEY,
    trans_type TEXT NOT NULL DEFAULT '',
    gid TEXT NOT NULL DEFAULT '',
    branch_id TEXT NOT NULL DEFAULT '',
    op TEXT NOT NULL DEFAULT '',
    barrier_id TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (gid, branch_id, op, barrier_id)
)";

const CREATE_REPLY: &str = "
CREATE TABLE IF NOT EXISTS barrier_reply (
    id INTEGER PRIMARY KEY,
    gid TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    op TEXT NOT NULL,
    barrier_id TEXT NOT NULL,
    reply TEXT NOT NULL,
    UNIQUE (gid, branch_id, op, barrier_id)
)";

const CLAIM: &str = "
INSERT INTO barrier (trans_type, gid, branch_id, op, barrier_id, reason) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING";

const REASON: &str = "SELECT reason FROM barrier WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?";

const SAVE_REPLY: &str = "
INSERT INTO barrier_reply (gid, branch_id, op, barrier_id, reply) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING";

const LOAD_REPLY: &str =
    "SELECT reply FROM barrier_reply WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?";

/// Creates the barrier's tables where they are missing. Call it once at start.
///
/// # Errors
/// [`BarrierError::Database`]: the tables are not there; do not serve.
pub async fn create_tables(connection: &mut SqliteConnection) -> Result<(), BarrierError> {
    sqlx::query(CREATE_BARRIER).execute(&mut *connection).await?;
    sqlx::query(CREATE_REPLY).execute(connection).await?;
    Ok(())
}

/// Whether a place in the barrier was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It was, and is now ours.
    New,
    /// It was not: somebody was here before.
    Taken,
}

/// The place of one call in the barrier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) branch: &'a Branch,
    pub(super) barrier_id: &'a str,
}

impl Key<'_> {
    /// Claims the place of `op` on this branch, with the own op as the reason.
    pub(super) async fn claim(self, connection: &mut SqliteConnection, op: &str) -> Result<Claim, BarrierError> {
        let done = sqlx::query(CLAIM)
            .bind(self.branch.trans_type())
            .bind(self.branch.gid())
            .bind(self.branch.branch_id())
            .bind(op)
            .bind(self.barrier_id)
            .bind(self.branch.op())
            .execute(connection)
            .await?;
        Ok(if done.rows_affected() > 0 { Claim::New } else { Claim::Taken })
    }

    /// Which op holds the place of `op`.
    pub(super) async fn reason(self, connection: &mut SqliteConnection, op: &str) -> Result<String, BarrierError> {
        let (reason,): (String,) = sqlx::query_as(REASON)
            .bind(self.branch.gid())
            .bind(self.branch.branch_id())
            .bind(op)
            .bind(self.barrier_id)
            .fetch_one(connection)
            .await?;
        Ok(reason)
    }

    /// Keeps the answer of this operation for its repeats.
    pub(super) async fn save_reply<T: Serialize, R: Serialize>(
        self,
        connection: &mut SqliteConnection,
        answer: &Business<T, R>,
    ) -> Result<(), BarrierError> {
        sqlx::query(SAVE_REPLY)
            .bind(self.branch.gid())
            .bind(self.branch.branch_id())
            .bind(self.branch.op())
            .bind(self.barrier_id)
            .bind(serde_json::to_string(answer)?)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// The answer this operation had before.
    pub(super) async fn load_reply<T: DeserializeOwned, R: DeserializeOwned>(
        self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Business<T, R>>, BarrierError> {
        let row: Option<(String,)> = sqlx::query_as(LOAD_REPLY)
            .bind(self.branch.gid())
            .bind(self.branch.branch_id())
            .bind(self.branch.op())
            .bind(self.barrier_id)
            .fetch_optional(connection)
            .await?;
        Ok(row.map(|(reply,)| serde_json::from_str(&reply)).transpose()?)
    }
}
