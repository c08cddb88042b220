//! Looking from time to time: for executions of dead nodes; and for participants that were paused elsewhere.

use std::time::Duration;

use reprise_store::{Cluster, StoreError};

use super::looks::Looks;
use crate::coordinator::{Coordinator, Shared};
use crate::take_up::{TAKE_UP_MAX, TakeUp};

/// Pages in a second. Between them the other nodes get their share, and the participants a rest.
const PAGES_PER_S: u32 = 10;

/// Looks at start, and as often as the store says.
pub(crate) async fn look_from_time_to_time(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    let Some(cluster) = shared.store.cluster() else { return };
    let mut looks = Looks::each(cluster.look());
    while looks.next(shared).await {
        adopt_all(&coordinator, cluster).await;
    }
}

/// Follows what other nodes were told of participants, as often as the store says. A task of its own: who is taken over may
/// have to wait until calls of a participant go on that was resumed.
pub(crate) async fn follow_pauses(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    let Some(cluster) = shared.store.cluster() else { return };
    let mut looks = Looks::each(cluster.look());
    while looks.next(shared).await {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            followed = coordinator.follow_pauses() => if let Err(error) = followed {
                tracing::warn!(%error, "paused participants can't be read; trying again");
            },
        }
    }
}

/// Takes over what there is, page by page, no faster than the configuration allows.
async fn adopt_all(coordinator: &Coordinator, cluster: &dyn Cluster) {
    let shared = &coordinator.shared;
    loop {
        let page = page(shared);
        if page == 0 {
            // Full: others may have room, and there is another look soon.
            return;
        }
        let rows = tokio::select! {
            () = shared.stop.cancelled() => return,
            adopted = cluster.adopt(page) => match adopted {
                Ok(rows) => rows,
                Err(error @ StoreError::Fenced(_)) => {
                    tracing::error!(%error, "another node has taken over");
                    return shared.lease.fence();
                }
                Err(error) => {
                    tracing::warn!(%error, "executions of dead nodes can't be taken over; trying again");
                    // Some of them may be this node's now.
                    shared.strays.notify_one();
                    return;
                }
            },
        };
        if rows.is_empty() {
            return;
        }
        tracing::info!(executions = rows.len(), "taking over what a dead node left behind");
        let pause = rest(rows.len(), shared.config.adopt_per_s);
        tokio::join!(coordinator.take_up(rows, TakeUp::Due), async {
            tokio::select! {
                () = shared.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        });
    }
}

/// No more than there is room for.
fn page(shared: &Shared) -> u32 {
    let room = u32::try_from(shared.active.available_permits()).unwrap_or(u32::MAX);
    (shared.config.adopt_per_s / PAGES_PER_S).clamp(1, TAKE_UP_MAX).min(room)
}

/// How long `count` executions are to take.
fn rest(count: usize, per_s: u32) -> Duration {
    Duration::from_secs(1) * u32::try_from(count).unwrap_or(u32::MAX) / per_s.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_keep_to_the_rate() {
        for (count, per_s, ms) in [(50, 500, 100), (1, 500, 2), (1, 1, 1_000), (200, 10_000, 20), (0, 500, 0)] {
            assert_eq!(rest(count, per_s), Duration::from_millis(ms), "{count} at {per_s}/s");
        }
    }
}
