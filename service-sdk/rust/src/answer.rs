//! From a request to its answer in one line: transaction, barrier, commit, and the status that DTM's protocol asks for.
//!
//! Owns what a [`Called`] means to the caller. The two wires are `answer::http` and `answer::grpc`.

#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "http")]
mod http;

use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::Pool;

use crate::{Barrier, BarrierDatabase, BarrierError, Business, Called, Prepared, begin};

/// The final answer to an operation, as axum writes it (`IntoResponse`) or as tonic does (`Answer::into_grpc`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T, R> {
    /// It took effect, now or before: 200, `OK`. No reply if there was nothing to do, or none was kept.
    Done(Option<T>),
    /// The business refused it, now or before: 409, `ABORTED`.
    Refused(R),
    /// It came after its rollback: 409, `ABORTED`.
    Late,
}

impl<T, R> From<Called<T, R>> for Answer<T, R> {
    fn from(called: Called<T, R>) -> Self {
        match called {
            Called::Ran(Ok(reply)) | Called::Repeat(Some(Ok(reply))) => Self::Done(Some(reply)),
            Called::Ran(Err(refusal)) | Called::Repeat(Some(Err(refusal))) => Self::Refused(refusal),
            Called::Empty | Called::Repeat(None) => Self::Done(None),
            Called::Late => Self::Late,
        }
    }
}

/// Lets a query-back be answered like any operation: 200 delivers the message, 409 drops it.
impl From<Prepared> for Answer<(), String> {
    fn from(prepared: Prepared) -> Self {
        match prepared {
            Prepared::Committed => Self::Done(None),
            Prepared::Nothing => Self::Refused("the local transaction of this message has not committed".to_owned()),
        }
    }
}

/// What [`handle_action`] and its kin have in common: `serves` are the ops that the handler is for.
async fn handle<DB, T, R, E, F>(
    pool: &Pool<DB>,
    mut barrier: Barrier,
    serves: (&[&str], &'static str),
    business: F,
) -> Result<Answer<T, R>, E>
where
    DB: BarrierDatabase,
    T: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
    E: From<BarrierError>,
    F: for<'c> FnOnce(&'c mut DB::Connection) -> BoxFuture<'c, Result<Business<T, R>, E>>,
{
    let (ops, names) = serves;
    let op = barrier.branch().op();
    if !ops.contains(&op) {
        return Err(BarrierError::WrongOp { op: op.to_owned(), serves: names }.into());
    }
    let mut transaction = begin(pool).await.map_err(BarrierError::from)?;
    let called = barrier.call(&mut transaction, business).await?;
    transaction.commit().await.map_err(BarrierError::from)?;
    Ok(called.into())
}

/// Serves phase one (`action`, or `try` of TCC) in a transaction of its own.
///
/// `barrier`: a [`crate::Branch`], or a [`Barrier`] if it is to use other tables than the default ones.
/// `business` returns `Ok(reply)` or `Err(refusal)`; to be asked again later, it returns [`BarrierError::Ongoing`].
///
/// # Errors
/// The error of `business`, or a [`BarrierError`]: nothing was changed, the runtime sends it again. `BarrierError` is an
/// axum response and converts into a tonic status.
pub async fn handle_action<DB, T, R, E, F>(
    pool: &Pool<DB>,
    barrier: impl Into<Barrier>,
    business: F,
) -> Result<Answer<T, R>, E>
where
    DB: BarrierDatabase,
    T: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
    E: From<BarrierError>,
    F: for<'c> FnOnce(&'c mut DB::Connection) -> BoxFuture<'c, Result<Business<T, R>, E>>,
{
    handle(pool, barrier.into(), (&["action", "try"], "`action` and `try`"), business).await
}

/// Serves the commit of phase two (`commit`, or `confirm` of TCC), like [`handle_action`].
///
/// A refusal is an answer that the runtime does not accept: it asks again until it is done.
///
/// # Errors
/// Those of [`handle_action`].
pub async fn handle_commit<DB, T, R, E, F>(
    pool: &Pool<DB>,
    barrier: impl Into<Barrier>,
    business: F,
) -> Result<Answer<T, R>, E>
where
    DB: BarrierDatabase,
    T: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
    E: From<BarrierError>,
    F: for<'c> FnOnce(&'c mut DB::Connection) -> BoxFuture<'c, Result<Business<T, R>, E>>,
{
    handle(pool, barrier.into(), (&["commit", "confirm"], "`commit` and `confirm`"), business).await
}

/// Serves the rollback of phase two (`rollback`, `compensate` of a saga, `cancel` of TCC), like [`handle_action`].
///
/// `business` runs only if the action took effect. A refusal is an answer that the runtime does not accept: it asks again.
///
/// # Errors
/// Those of [`handle_action`].
pub async fn handle_compensation<DB, T, R, E, F>(
    pool: &Pool<DB>,
    barrier: impl Into<Barrier>,
    business: F,
) -> Result<Answer<T, R>, E>
where
    DB: BarrierDatabase,
    T: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
    E: From<BarrierError>,
    F: for<'c> FnOnce(&'c mut DB::Connection) -> BoxFuture<'c, Result<Business<T, R>, E>>,
{
    let serves = (&["rollback", "compensate", "cancel"][..], "`rollback`, `compensate` and `cancel`");
    handle(pool, barrier.into(), serves, business).await
}

/// Serves the query-back of a message, in a transaction of its own. `barrier` is that of [`handle_action`].
///
/// # Errors
/// [`BarrierError`]: not known yet, the runtime asks again.
pub async fn handle_query_back<DB: BarrierDatabase>(
    pool: &Pool<DB>,
    barrier: impl Into<Barrier>,
) -> Result<Answer<(), String>, BarrierError> {
    let mut transaction = begin(pool).await?;
    let prepared = barrier.into().query_prepared(&mut transaction).await?;
    transaction.commit().await?;
    Ok(prepared.into())
}
