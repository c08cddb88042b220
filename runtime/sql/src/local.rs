//! SQL operations: statements, their place in the barrier and their reply in one local transaction.

use reprise_barrier::place::{Claim, Place};
use reprise_barrier::{BarrierError, Branch};
use reprise_engine::SqlOperation;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::call::SqlCall;
use crate::database::{Database, Lease, Plans};
use crate::dialect::Dialect;
use crate::failure::{Failure, is_answer};
use crate::statements;

/// Which call of the operation it is: an operation is one.
pub(crate) const BARRIER_ID: &str = "01";
/// The reply of what has none: no statement was run.
pub(crate) const NOTHING: &str = "[]";

/// A reply as the reply table keeps it: what participants in Rust keep there too.
pub(crate) type Kept = Result<Box<RawValue>, Value>;

/// What the barrier says to an operation.
pub(crate) enum Entered {
    /// It is the first: run it.
    First,
    /// It must not run; the answer.
    Over(Result<String, Failure>),
}

/// Who the barrier thinks is calling.
pub(crate) fn branch_of(call: &SqlCall<'_>) -> Result<Branch, Failure> {
    let branch = Branch::new("workflow", call.gid.as_str(), &call.branch.to_string(), call.op.name())
        .map_err(|error| Failure::Invalid(error.to_string()))?;
    Ok(if call.must_succeed { branch.must_succeed() } else { branch })
}

/// Performs a SQL operation once; the reply as JSON.
pub(crate) async fn perform<D: Dialect>(
    database: &Database<D>,
    call: SqlCall<'_>,
    sql: &SqlOperation,
) -> Result<String, Failure> {
    statements::check::<D>(&sql.statements)?;
    match attempt(database, call, sql, Plans::Kept).await {
        // It may be a plan made before the tables were changed; nothing was done, so it can be seen without it.
        Err(Failure::Invalid(_)) => attempt(database, call, sql, Plans::Fresh).await,
        other => other,
    }
}

async fn attempt<D: Dialect>(
    database: &Database<D>,
    call: SqlCall<'_>,
    sql: &SqlOperation,
    plans: Plans,
) -> Result<String, Failure> {
    let branch = branch_of(&call)?;
    let place = Place::new(&branch, BARRIER_ID, &database.tables);
    let mut lease = database.lease_with(plans).await?;
    begin::<D>(&mut lease, database, call).await?;
    match enter::<D>(place, &branch, &mut lease).await? {
        Entered::First => {}
        Entered::Over(answer) => {
            // Places that were claimed on the way count: that of an action whose rollback was first.
            commit::<D>(lease).await?;
            return answer;
        }
    }
    match statements::run::<D>(&mut lease, &sql.statements, call.reply_bytes_max).await {
        Ok(reply) => {
            if let Err(error) = place.save_reply::<D>(&mut lease, &to_text(Ok(&reply))).await {
                return match was_refused::<D>(place, lease, &error).await? {
                    Some(refusal) => Err(refusal),
                    None => Err(Failure::of_barrier::<D>(error)),
                };
            }
            commit::<D>(lease).await.map_err(|failure| refused_at_commit(failure, sql.statements.len()))?;
            Ok(reply)
        }
        Err(failure) => {
            lease.roll_back().await;
            match failure {
                Failure::Refused(refusal) if branch.keeps_refusals() => {
                    keep_refusal(database, call, place, &branch, refusal).await
                }
                Failure::Refused(_) | Failure::Lost(_) | Failure::Invalid(_) => Err(failure),
            }
        }
    }
}

pub(crate) async fn begin<D: Dialect>(
    lease: &mut Lease<D>,
    database: &Database<D>,
    call: SqlCall<'_>,
) -> Result<(), Failure> {
    let begun = D::command(lease, D::begin(database.limit(call.timeout))).await;
    begun.map_err(|error| Failure::of_end::<D>(&error, "the transaction could not be opened"))
}

/// What did not get through is not known: the next attempt finds the place taken, or free.
async fn commit<D: Dialect>(mut lease: Lease<D>) -> Result<(), Failure> {
    match D::command(&mut lease, "COMMIT".into()).await {
        Ok(()) => {
            lease.give_back();
            Ok(())
        }
        Err(error) if is_answer(&error) => {
            let failure = Failure::of_end::<D>(&error, "COMMIT");
            lease.roll_back().await;
            Err(failure)
        }
        Err(error) => Err(Failure::of_end::<D>(&error, "the answer to COMMIT was lost, the next attempt will see")),
    }
}

/// A constraint that is checked at the end is nobody's in particular.
fn refused_at_commit(failure: Failure, statements: usize) -> Failure {
    match failure {
        Failure::Refused(mut refusal) => {
            refusal["statement"] = json!(statements);
            Failure::Refused(refusal)
        }
        Failure::Lost(_) | Failure::Invalid(_) => failure,
    }
}

/// Claims the place of the operation, and that of the action if it undoes one.
pub(crate) async fn enter<D: Dialect>(
    place: Place<'_>,
    branch: &Branch,
    connection: &mut D::Connection,
) -> Result<Entered, Failure> {
    let op = branch.op();
    let origin = match branch.origin_op() {
        Some(origin) => claim::<D>(place, connection, origin).await?,
        None => Claim::Taken,
    };
    match (claim::<D>(place, connection, op).await?, origin) {
        (Claim::New, Claim::Taken) => return Ok(Entered::First),
        (Claim::New, Claim::New) => return Ok(Entered::Over(Ok(NOTHING.to_owned()))),
        (Claim::Taken, _) => {}
    }
    let kept = place.load_reply::<D>(connection).await.map_err(Failure::of_barrier::<D>)?;
    if let Some(kept) = kept {
        return from_text(&kept).map(Entered::Over);
    }
    let reason = place.reason::<D>(connection, op).await.map_err(Failure::of_barrier::<D>)?;
    Ok(Entered::Over(match reason {
        // An operation that had nothing to undo keeps no reply.
        Some(reason) if reason == op => Ok(NOTHING.to_owned()),
        Some(_) => Err(late()),
        None => Err(Failure::Lost("a row of the barrier disappeared while it was looked at".into())),
    }))
}

pub(crate) fn late() -> Failure {
    Failure::Refused(json!({ "message": "its rollback was here first; it must not take effect any more" }))
}

async fn claim<D: Dialect>(place: Place<'_>, connection: &mut D::Connection, op: &str) -> Result<Claim, Failure> {
    place.claim::<D>(connection, op).await.map_err(Failure::of_barrier::<D>)
}

/// The refusal that an earlier copy of this operation got, if that is why the reply could not be saved.
async fn was_refused<D: Dialect>(
    place: Place<'_>,
    mut lease: Lease<D>,
    error: &BarrierError,
) -> Result<Option<Failure>, Failure> {
    let BarrierError::Database(sqlx::Error::Database(error)) = error else { return Ok(None) };
    if !error.is_unique_violation() {
        return Ok(None);
    }
    let rolled_back = D::command(&mut lease, "ROLLBACK".into()).await;
    rolled_back.map_err(|error| Failure::of_way(&error))?;
    let kept = place.load_refusal::<D>(&mut lease).await.map_err(Failure::of_barrier::<D>)?;
    lease.give_back();
    match kept.as_deref().map(from_text) {
        Some(kept) => Ok(kept?.err()),
        None => Ok(None),
    }
}

/// Keeps a refusal for repeats: a reply without a place, so that its rollback has nothing to undo.
pub(crate) async fn keep_refusal<D: Dialect>(
    database: &Database<D>,
    call: SqlCall<'_>,
    place: Place<'_>,
    branch: &Branch,
    refusal: Value,
) -> Result<String, Failure> {
    let mut lease = database.lease().await?;
    begin::<D>(&mut lease, database, call).await?;
    // Between the two transactions a copy of this operation may have been accepted, or its rollback have come.
    if let Entered::Over(answer) = enter::<D>(place, branch, &mut lease).await? {
        lease.roll_back().await;
        return answer;
    }
    place.release::<D>(&mut lease, branch.op()).await.map_err(Failure::of_barrier::<D>)?;
    let refused = Err(Failure::Refused(refusal.clone()));
    match place.save_reply::<D>(&mut lease, &to_text(Err(refusal))).await {
        Ok(()) => commit::<D>(lease).await.and(refused),
        // An earlier attempt may have kept its own: that one stands.
        Err(error) => match was_refused::<D>(place, lease, &error).await? {
            Some(kept) => Err(kept),
            None => Err(Failure::of_barrier::<D>(error)),
        },
    }
}

/// A reply or refusal as it is kept.
pub(crate) fn to_text(answer: Result<&str, Value>) -> String {
    match answer {
        Ok(reply) => format!("{{\"Ok\":{reply}}}"),
        Err(refusal) => json!({ "Err": refusal }).to_string(),
    }
}

/// What was kept: a reply, or a refusal.
pub(crate) fn from_text(kept: &str) -> Result<Result<String, Failure>, Failure> {
    let kept: Kept = serde_json::from_str(kept)
        .map_err(|error| Failure::Lost(format!("the reply that is kept of it can't be read: {error}")))?;
    Ok(kept.map(|reply| reply.get().to_owned()).map_err(Failure::Refused))
}
