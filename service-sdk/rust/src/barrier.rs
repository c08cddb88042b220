//! The barrier: decides inside the local transaction whether an operation takes effect, and remembers its reply.
//!
//! Owns DTM's algorithm and its two-row trick, over SQLite. The `barrier` table is DTM's own, so a table can be shared
//! with participants in other languages; replies live beside it in `barrier_reply`, which DTM does not know.

mod tables;
#[cfg(test)]
mod tests;

use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};

use crate::Branch;
pub use tables::create_tables;
use tables::{Claim, Key};

/// What a business function returns: its reply, or a refusal (too little money, sold out) that the caller has to hear.
///
/// Both are final answers. What went wrong on the way (the database is away) is the error around it, and is not kept.
pub type Business<T, R> = Result<T, R>;

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called<T, R> {
    /// The business function ran, now, for the first time. A refusal left no trace in the business data.
    Ran(Business<T, R>),
    /// This operation was here before; the reply it had then, if it had one.
    ///
    /// It has none if the first one was empty, or was recorded by a barrier that keeps no replies.
    Repeat(Option<Business<T, R>>),
    /// A compensation of something that never took effect: there is nothing to undo. Answer success.
    Empty,
    /// An action that arrived after its rollback: it must not take effect any more, and did not.
    Late,
}

/// The barrier could not be asked; nothing was changed, and the transaction should be dropped.
#[derive(Debug, thiserror::Error)]
pub enum BarrierError {
    /// The database refused a statement.
    #[error("the barrier tables could not be read or written")]
    Database(#[from] sqlx::Error),
    /// A reply could not be turned into JSON, or an earlier one could not be read back.
    #[error("the reply of the operation could not be stored or read")]
    Reply(#[from] serde_json::Error),
}

/// The barrier of one request; several calls in one request count up, as DTM's `barrier_id` does.
#[derive(Debug)]
pub struct Barrier {
    branch: Branch,
    calls: u32,
}

impl Barrier {
    /// A barrier for one request. Make a new one for each request: a repeat has to count from one again.
    #[must_use]
    pub fn new(branch: Branch) -> Self {
        Self { branch, calls: 0 }
    }

    /// Runs `business` in `transaction`, unless this operation has already been here or is out of order.
    ///
    /// The caller commits `transaction` after `Ok`, whatever is in it, and drops it after `Err`. Everything the
    /// operation changes has to happen in `business`, on the connection it is given. Open the transaction with
    /// `BEGIN IMMEDIATE`, so that two of the same operation wait for each other rather than fail.
    ///
    /// A refusal undoes what `business` changed. In phase one it is kept and a repeat gets it again; in phase two, which
    /// is retried until it succeeds, it is not, and the next try asks `business` again.
    ///
    /// Source: `BranchBarrier.Call` of DTM's client SDKs. One addition: a refused action leaves only a reply, no barrier
    /// row, so that (as with DTM, which forgets it altogether) its rollback is an empty one.
    ///
    /// # Errors
    /// The error of `business`, or a [`BarrierError`]: the outcome is unknown, the runtime will send it again.
    pub async fn call<T, R, E, F>(
        &mut self,
        transaction: &mut Transaction<'_, Sqlite>,
        business: F,
    ) -> Result<Called<T, R>, E>
    where
        T: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
        E: From<BarrierError>,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<Business<T, R>, E>>,
    {
        self.calls += 1;
        let barrier_id = format!("{:02}", self.calls);
        let key = Key { branch: &self.branch, barrier_id: &barrier_id };

        let mut point = begin(transaction).await?;
        if let Some(early) = key.enter(&mut point).await? {
            commit(point).await?;
            return Ok(early);
        }
        // A refusal kept earlier has no barrier row, so it is looked for only now. The savepoint takes the row back out.
        if let Some(reply) = key.load_reply(&mut point).await? {
            rollback(point).await?;
            return Ok(Called::Repeat(Some(reply)));
        }

        let answer = business(&mut point).await?;
        if answer.is_ok() {
            key.save_reply(&mut point, &answer).await?;
            commit(point).await?;
        } else {
            rollback(point).await?;
            if !self.branch.is_phase_two() {
                key.save_reply(transaction, &answer).await?;
            }
        }
        Ok(Called::Ran(answer))
    }
}

impl Key<'_> {
    /// Claims the origin's place and the own one; `Some` if the business function must not run.
    async fn enter<T, R>(&self, connection: &mut SqliteConnection) -> Result<Option<Called<T, R>>, BarrierError>
    where
        T: DeserializeOwned,
        R: DeserializeOwned,
    {
        let op = self.branch.op();
        let origin = match self.branch.origin_op() {
            Some(origin) => self.claim(connection, origin).await?,
            None => Claim::Taken,
        };
        match (self.claim(connection, op).await?, origin) {
            (Claim::Taken, _) => {}
            (Claim::New, Claim::New) => return Ok(Some(Called::Empty)),
            (Claim::New, Claim::Taken) => return Ok(None),
        }
        if let Some(reply) = self.load_reply(connection).await? {
            return Ok(Some(Called::Repeat(Some(reply))));
        }
        // Taken under another reason: its rollback was here first and holds the place.
        let reason = self.reason(connection, op).await?;
        Ok(Some(if reason == op { Called::Repeat(None) } else { Called::Late }))
    }
}

async fn begin<'t>(transaction: &'t mut Transaction<'_, Sqlite>) -> Result<Transaction<'t, Sqlite>, BarrierError> {
    Ok(transaction.begin().await?)
}

async fn commit(point: Transaction<'_, Sqlite>) -> Result<(), BarrierError> {
    Ok(point.commit().await?)
}

async fn rollback(point: Transaction<'_, Sqlite>) -> Result<(), BarrierError> {
    Ok(point.rollback().await?)
}
