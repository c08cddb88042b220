//! The barrier: decides inside the local transaction whether an operation takes effect, and remembers its reply.
//!
//! Owns DTM's algorithm over SQL. Places and replies as rows are [`crate::place`]'s, the Redis form is `crate::redis`'s.

use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Connection as _, Transaction};

use crate::{
    BarrierDatabase, BarrierError, Branch, Tables,
    branch::{MESSAGE_BARRIER, MESSAGE_OP},
    place::{Claim, Place},
};

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
    /// It has none if the first one was empty, or was recorded by a barrier that keeps no replies. For the op `msg` this
    /// is what DTM calls a duplicate: the message was sent before.
    Repeat(Option<Business<T, R>>),
    /// A compensation of something that never took effect: there is nothing to undo. Answer success.
    Empty,
    /// An action that arrived after its rollback, or a message after its query-back was answered "no": it must not take
    /// effect any more, and did not.
    Late,
}

/// How a message's query-back is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// The local transaction of the message has committed: deliver it.
    Committed,
    /// It has not, and from now on it can't any more: drop the message.
    Nothing,
}

/// The barrier of one request; several calls in one request count up, as DTM's `barrier_id` does.
#[derive(Debug)]
pub struct Barrier {
    branch: Branch,
    tables: Option<Tables>,
    calls: u32,
}

impl From<Branch> for Barrier {
    fn from(branch: Branch) -> Self {
        Self::new(branch)
    }
}

impl Barrier {
    /// A barrier for one request. Make a new one for each request: a repeat has to count from one again.
    #[must_use]
    pub fn new(branch: Branch) -> Self {
        Self { branch, tables: None, calls: 0 }
    }

    /// Uses `tables` rather than [`Tables::default_of`] the database.
    #[must_use]
    pub fn tables(self, tables: Tables) -> Self {
        Self { tables: Some(tables), ..self }
    }

    /// The operation of the request.
    #[must_use]
    pub fn branch(&self) -> &Branch {
        &self.branch
    }

    /// Runs `business` in `transaction`, unless this operation has already been here or is out of order.
    ///
    /// The caller commits `transaction` after `Ok`, whatever is in it, and drops it after `Err`. Everything the
    /// operation changes has to happen in `business`, on the connection it is given. Two copies of one operation wait
    /// for each other; on SQLite that needs a transaction opened with `BEGIN IMMEDIATE`, as [`crate::begin`] does.
    ///
    /// A refusal undoes what `business` changed. In phase one it is kept and a repeat gets it again; in phase two, which
    /// is retried until it succeeds, it is not, and the next try asks `business` again.
    ///
    /// Source: `BranchBarrier.Call` of DTM's client SDKs. One addition: a refused action leaves only a reply, no barrier
    /// row, so that (as with DTM, which forgets it altogether) its rollback is an empty one.
    ///
    /// # Errors
    /// The error of `business`, or a [`BarrierError`]: the outcome is unknown, the runtime will send it again.
    pub async fn call<DB, T, R, E, F>(
        &mut self,
        transaction: &mut Transaction<'_, DB>,
        business: F,
    ) -> Result<Called<T, R>, E>
    where
        DB: BarrierDatabase,
        T: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
        E: From<BarrierError>,
        F: for<'c> FnOnce(&'c mut DB::Connection) -> BoxFuture<'c, Result<Business<T, R>, E>>,
    {
        self.calls += 1;
        let barrier_id = format!("{:02}", self.calls);
        let tables = self.tables.clone().unwrap_or_else(Tables::default_of::<DB>);
        let place = Place::new(&self.branch, &barrier_id, &tables);
        if let Some(early) = enter::<DB, T, R>(place, &self.branch, transaction).await? {
            return Ok(early);
        }

        let mut point = transaction.begin().await.map_err(BarrierError::from)?;
        let answer = business(&mut point).await?;
        if answer.is_ok() {
            point.commit().await.map_err(BarrierError::from)?;
        } else {
            point.rollback().await.map_err(BarrierError::from)?;
            // A deletion, not an undone insert: the copies of this operation go on waiting until the refusal is committed.
            place.release::<DB>(transaction, self.branch.op()).await?;
        }
        if answer.is_ok() || self.branch.keeps_refusals() {
            let reply = serde_json::to_string(&answer).map_err(BarrierError::from)?;
            place.save_reply::<DB>(transaction, &reply).await?;
        }
        Ok(Called::Ran(answer))
    }

    /// Answers a query-back: whether the local transaction of the message `gid` has committed.
    ///
    /// It takes the message's place unless that is taken, so a local transaction still open is waited for, and one that
    /// comes later is refused. The caller commits `transaction` before answering.
    ///
    /// Source: `BranchBarrier.QueryPrepared` of DTM's client SDKs.
    ///
    /// # Errors
    /// [`BarrierError`]: not known yet; the runtime will ask again.
    pub async fn query_prepared<DB: BarrierDatabase>(
        &self,
        transaction: &mut Transaction<'_, DB>,
    ) -> Result<Prepared, BarrierError> {
        let asker = self.branch.query_back();
        let tables = self.tables.clone().unwrap_or_else(Tables::default_of::<DB>);
        let place = Place::new(&asker, MESSAGE_BARRIER, &tables);
        if place.claim::<DB>(transaction, MESSAGE_OP).await? == Claim::New {
            return Ok(Prepared::Nothing);
        }
        let reason = place.reason::<DB>(transaction, MESSAGE_OP).await?.ok_or(BarrierError::Vanished)?;
        Ok(if reason == asker.op() { Prepared::Nothing } else { Prepared::Committed })
    }
}

/// [`Barrier::query_prepared`] on the default tables.
///
/// # Errors
/// [`BarrierError`]: not known yet; the runtime will ask again.
pub async fn query_prepared<DB: BarrierDatabase>(
    transaction: &mut Transaction<'_, DB>,
    branch: &Branch,
) -> Result<Prepared, BarrierError> {
    Barrier::new(branch.clone()).query_prepared(transaction).await
}

/// Claims the origin's place and the own one; `Some` if the business function must not run.
async fn enter<DB, T, R>(
    place: Place<'_>,
    branch: &Branch,
    connection: &mut DB::Connection,
) -> Result<Option<Called<T, R>>, BarrierError>
where
    DB: BarrierDatabase,
    T: DeserializeOwned,
    R: DeserializeOwned,
{
    let op = branch.op();
    let origin = match branch.origin_op() {
        Some(origin) => place.claim::<DB>(connection, origin).await?,
        None => Claim::Taken,
    };
    match (place.claim::<DB>(connection, op).await?, origin) {
        (Claim::Taken, _) => {}
        (Claim::New, Claim::New) => return Ok(Some(Called::Empty)),
        (Claim::New, Claim::Taken) => {
            // A refusal kept earlier holds no place, so it is looked for only now.
            let Some(refusal) = place.load_refusal::<DB>(connection).await? else { return Ok(None) };
            place.release::<DB>(connection, op).await?;
            return Ok(Some(Called::Repeat(Some(serde_json::from_str(&refusal)?))));
        }
    }
    if let Some(reply) = place.load_reply::<DB>(connection).await? {
        return Ok(Some(Called::Repeat(Some(serde_json::from_str(&reply)?))));
    }
    // Taken under another reason: its rollback was here first and holds the place.
    let reason = place.reason::<DB>(connection, op).await?.ok_or(BarrierError::Vanished)?;
    Ok(Some(if reason == op { Called::Repeat(None) } else { Called::Late }))
}
