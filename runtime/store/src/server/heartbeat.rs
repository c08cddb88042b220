//! Staying alive, and noticing who is not: each node renews its lease, looks at the others and buries those that have
//! stopped.
//!
//! While the database is away nobody can renew. So a node buries others only when the database has taken its own writes
//! for a whole lease without a gap: by then every node that lives has renewed. At its start it buries only those that
//! have been gone for a whole lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dialect::{Dialect, Value};
use super::error::ServerError;
use super::inbox;
use super::node::{self, Seen};
use super::shared::Shared;

/// Between two cleanings of the inbox.
const CLEAN_UP: Duration = Duration::from_secs(60);

/// Renews the lease three times in its length, and looks around each time. Ends when this node is buried or closed.
pub(super) async fn beat<D: Dialect>(shared: Arc<Shared<D>>) {
    let pause = shared.node.lease / 3;
    let mut cleaned_up = Instant::now();
    loop {
        let begun = Instant::now();
        let pause = match renew(&shared, pause).await {
            Ok(()) => {
                let looked = tokio::time::timeout(pause, look(&shared, &mut cleaned_up)).await;
                if let Err(error) = looked.unwrap_or(Err(ServerError::Slow(pause))) {
                    tracing::warn!(%error, "the other nodes are not seen; trying again");
                }
                pause
            }
            Err(ServerError::Closed) => return,
            Err(error @ ServerError::Fenced { .. }) => return shared.fence(&error),
            Err(error) => {
                tracing::warn!(%error, "the lease was not renewed; trying again");
                // Others wait no longer than a lease for the renewal after an outage.
                pause / 4
            }
        };
        tokio::time::sleep_until(begun + pause).await;
    }
}

/// A commit renews the lease too, so one that is under way is not waited for.
async fn renew<D: Dialect>(shared: &Shared<D>, limit: Duration) -> Result<(), ServerError> {
    let Ok(mut writer) = shared.writer.try_lock() else { return Ok(()) };
    tokio::time::timeout(limit, writer.renew()).await.unwrap_or(Err(ServerError::Slow(limit)))
}

async fn look<D: Dialect>(shared: &Shared<D>, cleaned_up: &mut Instant) -> Result<(), ServerError> {
    let seen = meet(shared).await?;
    if shared.node.may_bury() {
        bury(shared, &seen, Duration::ZERO).await?;
    }
    for node in seen.iter().filter(|node| !node.alive) {
        forget(shared, node.id).await?;
    }
    if shared.node.share().index == 0 && cleaned_up.elapsed() > CLEAN_UP {
        *cleaned_up = Instant::now();
        shared.change(inbox::CLEAN_UP, &[Value::Int(inbox::KEPT_MS)]).await?;
    }
    Ok(())
}

/// At the start.
pub(super) async fn look_first<D: Dialect>(shared: &Shared<D>) -> Result<(), ServerError> {
    let seen = meet(shared).await?;
    bury(shared, &seen, shared.node.lease).await
}

async fn meet<D: Dialect>(shared: &Shared<D>) -> Result<Vec<Seen>, ServerError> {
    let found = shared.fetch(node::ALL, &[]).await?;
    let seen: Vec<Seen> = found.iter().map(node::seen::<D>).collect::<Result<_, _>>()?;
    shared.node.meet(&seen);
    Ok(seen)
}

/// Buries those whose lease ended longer ago than `grace`. Not in the writer's transaction: one that stands still may
/// hold its row, and this node's commits must not wait for that.
async fn bury<D: Dialect>(shared: &Shared<D>, seen: &[Seen], grace: Duration) -> Result<(), ServerError> {
    let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
    for node in seen.iter().filter(|node| node.alive && node.left_ms <= -grace && node.id != shared.node.id) {
        if shared.change(node::BURY, &[Value::Int(node.id), Value::Int(grace)]).await? == 1 {
            tracing::warn!(node = node.name, number = node.id, "this node is dead; its executions are taken over");
        }
    }
    Ok(())
}

async fn forget<D: Dialect>(shared: &Shared<D>, dead: i64) -> Result<(), ServerError> {
    if shared.fetch(node::ONE_LEFT, &[Value::Int(dead)]).await?.is_empty() {
        shared.change(node::FORGET, &[Value::Int(dead)]).await?;
    }
    Ok(())
}
