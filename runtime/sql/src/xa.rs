//! XA operations: the same statements, prepared now, committed or rolled back in phase two.
//!
//! An action claims the place of its branch within the transaction that it prepares. So a place that is visible says
//! that the work is committed, one under the reason `rollback` that it never will be, and while it is prepared whoever
//! wants the place waits. What cannot be seen while it is prepared is the reply; `kept` has it beside the transaction.
//!
//! Rooms: `kept` (the reply), `finish` (phase two), `mysql` and `postgres` (what is prepared, and how).

mod finish;
mod kept;
mod mysql;
mod postgres;

use std::time::Duration;

use reprise_barrier::place::Place;
use reprise_engine::{Op, SqlOperation};

use crate::call::SqlCall;
use crate::database::{Database, Lease, Plans};
use crate::dialect::Dialect;
use crate::failure::{Failure, describe};
use crate::local::{BARRIER_ID, Entered, NOTHING, branch_of, enter, from_text, keep_refusal};
use crate::statements;

pub(crate) use finish::finish;

/// How a prepared transaction is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    Rollback,
}

/// Whether there was one to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    /// There is none of this name that this connection may end.
    Unknown,
}

/// A prepared transaction of ours, as a database lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) gid: String,
    pub(crate) branch: String,
    pub(crate) age_ms: Option<u64>,
}

/// The name of a branch's transaction in the database, as its statements take it. Made of a gid and a branch id, which
/// hold nothing that SQL would read otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Xid(String);

/// A database that can prepare.
pub(crate) trait Prepares: Dialect {
    /// # Errors
    /// The name would be too long; what to do.
    fn xid(gid: &str, branch: &str) -> Result<Xid, String>;

    /// Makes this connection the only one that works on the branch, and says whether it is; another one may have to go
    /// first. It stays so until [`Prepares::leave`], or until the connection is closed.
    fn enter(
        connection: &mut Self::Connection,
        call: &SqlCall<'_>,
        wait: Duration,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// Undoes [`Prepares::enter`] and returns the connection to its pool.
    fn leave(lease: Lease<Self>, call: &SqlCall<'_>) -> impl Future<Output = ()> + Send;

    /// Whether `Ok` to a commit says that everything is committed.
    const COMMIT_IS_SURE: bool;

    /// Opens the transaction.
    fn start(xid: &Xid, limit: Duration) -> String;

    /// Prepares it. The connection comes back if the transaction stays attached to it; else it is nobody's.
    fn prepare(lease: Lease<Self>, xid: &Xid) -> impl Future<Output = Result<Option<Lease<Self>>, sqlx::Error>> + Send;

    /// Whether the database is done with connections that are gone, so that what was attached to one of them may be
    /// ended from another one.
    fn is_detached(connection: &mut Self::Connection) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// Gives up what is not prepared.
    fn abandon(lease: Lease<Self>) -> impl Future<Output = ()> + Send;

    /// Ends what is prepared.
    fn end(
        connection: &mut Self::Connection,
        xid: &Xid,
        end: End,
    ) -> impl Future<Output = Result<Ended, sqlx::Error>> + Send;

    /// All that is prepared under names of ours.
    fn list(connection: &mut Self::Connection) -> impl Future<Output = Result<Vec<Listed>, sqlx::Error>> + Send;

    /// A template with `?` as this database writes it.
    fn render(template: &str) -> String;
}

/// Prepares an operation; the reply as JSON.
pub(crate) async fn perform<D: Prepares>(
    database: &Database<D>,
    call: SqlCall<'_>,
    sql: &SqlOperation,
) -> Result<String, Failure> {
    if call.op != Op::Action {
        return Err(Failure::Invalid(format!("{} can't be an XA operation; use a SQL operation", call.op)));
    }
    statements::check::<D>(&sql.statements)?;
    match attempt(database, call, sql, Plans::Kept).await {
        // It may be a plan made before the tables were changed; nothing was done, so it can be seen without it.
        Err(Failure::Invalid(_)) => attempt(database, call, sql, Plans::Fresh).await,
        other => other,
    }
}

async fn attempt<D: Prepares>(
    database: &Database<D>,
    call: SqlCall<'_>,
    sql: &SqlOperation,
    plans: Plans,
) -> Result<String, Failure> {
    let (branch, xid) = (branch_of(&call)?, xid_of::<D>(&call)?);
    let place = Place::new(&branch, BARRIER_ID, &database.tables);
    let mut lease = database.lease_with(plans).await?;
    if database.holds(&xid.0) {
        // Prepared by this process, and the answer was lost on its way up.
        if let Some(reply) = kept::load::<D>(&mut lease, &database.tables, &call).await? {
            lease.give_back();
            return Ok(reply);
        }
        if let Some(connection) = database.take_held(&xid.0) {
            finish::end_held::<D>(connection, &xid, End::Rollback).await;
        }
    }
    alone::<D>(database, &mut lease, &call).await?;
    if is_listed::<D>(&mut lease, &call).await? {
        if let Some(reply) = kept::load::<D>(&mut lease, &database.tables, &call).await? {
            D::leave(lease, &call).await;
            return Ok(reply);
        }
        // Its reply was never kept, so nobody was told of it: it is done again.
        tracing::info!(gid = %call.gid, branch = %call.branch, "prepared without a reply: rolled back, to be done again");
        end_listed(&mut lease, &xid, End::Rollback).await?;
    }
    let started = D::command(&mut lease, D::start(&xid, database.limit(call.timeout))).await;
    started.map_err(|error| Failure::of_end::<D>(&error, "the XA transaction could not be opened"))?;
    if let Some(answer) = first::<D>(database, &call, place, &branch, &mut lease).await? {
        D::abandon(lease).await;
        return answer;
    }
    match statements::run::<D>(&mut lease, &sql.statements, call.reply_bytes_max).await {
        Ok(reply) => {
            kept::save(database, &call, &reply).await?;
            let prepared = D::prepare(lease, &xid).await;
            let attached =
                prepared.map_err(|error| Failure::of_end::<D>(&error, "the XA transaction could not be prepared"))?;
            if let Some(lease) = attached {
                database.hold(&xid.0, lease).await;
            }
            Ok(reply)
        }
        Err(failure) => {
            D::abandon(lease).await;
            match failure {
                Failure::Refused(refusal) if branch.keeps_refusals() => {
                    keep_refusal(database, call, place, &branch, refusal).await
                }
                Failure::Refused(_) | Failure::Lost(_) | Failure::Invalid(_) => Err(failure),
            }
        }
    }
}

/// What is prepared under names of ours; with a connection of its own.
pub(crate) async fn list<D: Prepares>(database: &Database<D>) -> Result<Vec<Listed>, Failure> {
    let mut lease = database.lease().await?;
    let listed = D::list(&mut lease).await.map_err(|error| not_listed::<D>(&error))?;
    lease.give_back();
    Ok(listed)
}

/// Claims the place of the action; `Some` if its statements must not run.
async fn first<D: Prepares>(
    database: &Database<D>,
    call: &SqlCall<'_>,
    place: Place<'_>,
    branch: &reprise_barrier::Branch,
    lease: &mut Lease<D>,
) -> Result<Option<Result<String, Failure>>, Failure> {
    match enter::<D>(place, branch, lease).await? {
        Entered::First => {}
        Entered::Over(Err(failure)) => return Ok(Some(Err(failure))),
        Entered::Over(Ok(_)) => {
            // Somebody has committed it already.
            let reply = kept::load::<D>(lease, &database.tables, call).await?;
            return Ok(Some(Ok(reply.unwrap_or_else(|| NOTHING.to_owned()))));
        }
    }
    let refusal = place.load_refusal::<D>(lease).await.map_err(Failure::of_barrier::<D>)?;
    refusal.as_deref().map(from_text).transpose()
}

/// Waits until no other connection works on the branch.
async fn alone<D: Prepares>(
    database: &Database<D>,
    connection: &mut D::Connection,
    call: &SqlCall<'_>,
) -> Result<(), Failure> {
    match D::enter(connection, call, database.limit(call.timeout) / 2).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(still_attached()),
        Err(error) => Err(Failure::of_end::<D>(&error, "the branch could not be reserved")),
    }
}

fn xid_of<D: Prepares>(call: &SqlCall<'_>) -> Result<Xid, Failure> {
    D::xid(call.gid.as_str(), &call.branch.to_string()).map_err(Failure::Invalid)
}

async fn is_listed<D: Prepares>(connection: &mut D::Connection, call: &SqlCall<'_>) -> Result<bool, Failure> {
    let listed = D::list(connection).await.map_err(|error| not_listed::<D>(&error))?;
    let branch = call.branch.to_string();
    Ok(listed.iter().any(|one| one.gid == call.gid.as_str() && one.branch == branch))
}

fn not_listed<D: Prepares>(error: &sqlx::Error) -> Failure {
    Failure::of_end::<D>(error, "the prepared transactions can't be listed")
}

/// Ends what is listed; that it is not ours to end yet passes.
async fn end_listed<D: Prepares>(lease: &mut Lease<D>, xid: &Xid, end: End) -> Result<(), Failure> {
    detached::<D>(lease).await?;
    match D::end(lease, xid, end).await {
        Ok(Ended::Done) => Ok(()),
        Ok(Ended::Unknown) => Err(still_attached()),
        Err(error) => Err(Failure::of_way(&error)),
    }
}

/// Waits until what a lost connection had prepared may be ended from another one.
async fn detached<D: Prepares>(connection: &mut D::Connection) -> Result<(), Failure> {
    match D::is_detached(connection).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(still_attached()),
        Err(error) => Err(Failure::of_way(&error)),
    }
}

fn still_attached() -> Failure {
    Failure::Lost("an earlier attempt's connection is still at work on this branch, or not gone yet".into())
}

impl Xid {
    fn describe(&self, error: &sqlx::Error) -> String {
        format!("{}: {}", self.0, describe(error))
    }
}
