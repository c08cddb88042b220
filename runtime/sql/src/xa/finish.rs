//! Phase two of an XA branch. It answers success when the work is known to be done, whoever did it.

use reprise_barrier::place::{Claim, Place};
use reprise_engine::Op;

use super::{End, Ended, Prepares, Xid, alone, detached, is_listed, still_attached, xid_of};
use crate::call::SqlCall;
use crate::database::{Database, Lease, close};
use crate::failure::Failure;
use crate::local::{BARRIER_ID, NOTHING, begin, branch_of};

/// The op of what phase two ends.
const ACTION: &str = "action";

/// Commits or rolls back, as the call's op says.
pub(crate) async fn finish<D: Prepares>(database: &Database<D>, call: SqlCall<'_>) -> Result<String, Failure> {
    let end = match call.op {
        Op::Commit => End::Commit,
        Op::Rollback => End::Rollback,
        Op::Action | Op::Finish | Op::Msg => {
            return Err(Failure::Invalid(format!("{} does not end an XA branch", call.op)));
        }
    };
    let xid = xid_of::<D>(&call)?;
    let ended_here = match database.take_held(&xid.0) {
        Some(connection) => end_held::<D>(connection, &xid, end).await,
        None => false,
    };
    if ended_here && end == End::Commit {
        return Ok(NOTHING.to_owned());
    }
    let mut lease = database.lease().await?;
    alone::<D>(database, &mut lease, &call).await?;
    if ended_here {
        fence(database, call, lease).await?;
        return Ok(NOTHING.to_owned());
    }
    detached::<D>(&mut lease).await?;
    let ended = D::end(&mut lease, &xid, end).await.map_err(|error| Failure::Lost(xid.describe(&error)))?;
    if ended == Ended::Unknown && is_listed::<D>(&mut lease, &call).await? {
        return Err(still_attached());
    }
    match (end, ended) {
        (End::Commit, Ended::Done) if D::COMMIT_IS_SURE => lease.give_back(),
        (End::Commit, Ended::Done | Ended::Unknown) => committed(database, call, lease).await?,
        // A late copy of the action must find the door shut, whether or not there was something to roll back.
        (End::Rollback, Ended::Done | Ended::Unknown) => fence(database, call, lease).await?,
    }
    Ok(NOTHING.to_owned())
}

/// Ends what is attached to a connection of this process, where there is nothing to wait for. False if it could not: then
/// the connection is closed, and another one has to find out.
pub(super) async fn end_held<D: Prepares>(mut connection: D::Connection, xid: &Xid, end: End) -> bool {
    let ended = D::end(&mut connection, xid, end).await;
    if let Err(error) = &ended {
        tracing::debug!(error = %xid.describe(error), "a prepared transaction could not be ended where it was prepared");
    }
    close::<D>(connection).await;
    ended.is_ok_and(|ended| ended == Ended::Done)
}

/// Whether what is not prepared any more was committed.
async fn committed<D: Prepares>(database: &Database<D>, call: SqlCall<'_>, mut lease: Lease<D>) -> Result<(), Failure> {
    let branch = branch_of(&call)?;
    let place = Place::new(&branch, BARRIER_ID, &database.tables);
    begin::<D>(&mut lease, database, call).await?;
    let reason = place.reason::<D>(&mut lease, ACTION).await.map_err(Failure::of_barrier::<D>)?;
    roll_back(lease, &call).await?;
    match reason.as_deref() {
        Some(ACTION) => Ok(()),
        Some(_) | None => Err(heuristic(&call, "is to be committed, but it was rolled back")),
    }
}

/// Takes the place of the action, so that none of its copies can take effect any more. While one is at work or has
/// prepared meanwhile, this waits until the timeout, and the next attempt rolls that back.
async fn fence<D: Prepares>(database: &Database<D>, call: SqlCall<'_>, mut lease: Lease<D>) -> Result<(), Failure> {
    let branch = branch_of(&call)?;
    let place = Place::new(&branch, BARRIER_ID, &database.tables);
    begin::<D>(&mut lease, database, call).await?;
    if place.claim::<D>(&mut lease, ACTION).await.map_err(Failure::of_barrier::<D>)? == Claim::New {
        let committed = D::command(&mut lease, "COMMIT".into()).await;
        committed.map_err(|error| Failure::of_end::<D>(&error, "COMMIT of the barrier's row"))?;
        D::leave(lease, &call).await;
        return Ok(());
    }
    let reason = place.reason::<D>(&mut lease, ACTION).await.map_err(Failure::of_barrier::<D>)?;
    roll_back(lease, &call).await?;
    match reason.as_deref() {
        Some(ACTION) => Err(heuristic(&call, "is to be rolled back, but it was committed")),
        Some(_) => Ok(()),
        None => Err(Failure::Lost("a row of the barrier disappeared while it was looked at".into())),
    }
}

async fn roll_back<D: Prepares>(mut lease: Lease<D>, call: &SqlCall<'_>) -> Result<(), Failure> {
    let rolled_back = D::command(&mut lease, "ROLLBACK".into()).await;
    rolled_back.map_err(|error| Failure::of_way(&error))?;
    D::leave(lease, call).await;
    Ok(())
}

/// Somebody else has ended it, and the other way. Only people can repair that.
fn heuristic(call: &SqlCall<'_>, what: &str) -> Failure {
    let (gid, branch) = (call.gid, call.branch);
    Failure::Lost(format!(
        "heuristic outcome: the XA transaction of `{gid}`, branch {branch}, {what} by somebody else; repair the data by \
         hand, then correct the branch's row in the barrier table"
    ))
}
