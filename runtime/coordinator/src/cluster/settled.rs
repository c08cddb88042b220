//! Waits for executions that other nodes work on: one task asks the store for all of them, and tells who waits.

use std::collections::HashMap;
use std::time::Duration;

use reprise_engine::Gid;
use reprise_store::{Activity, Cluster, ExecutionKey, ExecutionRow, StoreError};
use tokio::time::MissedTickBehavior;

use crate::coordinator::{Coordinator, Shared};
use crate::status::Status;

/// How often the store is asked, while somebody waits for an execution that is not in memory here.
const LOOK: Duration = Duration::from_millis(100);
/// How long it is left alone when it does not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Keys asked for at one time.
const KEYS_MAX: usize = 500;

/// Tells those who wait of ends elsewhere.
pub(crate) async fn watch_settled(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    let Some(cluster) = shared.store.cluster() else { return };
    let mut keys = HashMap::new();
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            looked = look(shared, cluster, &mut keys) => if let Err(error) = looked {
                tracing::debug!(%error, "ends elsewhere can't be read; trying again");
                looks.reset_after(STORE_PAUSE);
            },
        }
    }
}

/// `keys`: those known of the executions that were waited for at the last look.
async fn look(shared: &Shared, cluster: &dyn Cluster, keys: &mut HashMap<Gid, ExecutionKey>) -> Result<(), StoreError> {
    let mut known = HashMap::new();
    for gid in shared.events.waited_for() {
        // Its driver tells by itself. It may leave at any time, so this is asked at each look.
        if shared.live.contains_key(&gid) {
            continue;
        }
        let key = match keys.get(&gid) {
            Some(key) => *key,
            // Being admitted at this moment, or unknown.
            None => match shared.store.execution(&gid).await? {
                Some(row) => row.key,
                None => continue,
            },
        };
        known.insert(gid, key);
    }
    *keys = known;
    let wanted: Vec<ExecutionKey> = keys.values().copied().collect();
    for part in wanted.chunks(KEYS_MAX) {
        for row in cluster.settled(part).await?.into_iter().filter(has_settled) {
            let gid = row.execution.gid.clone();
            keys.remove(&gid);
            shared.events.closed(&gid, || Status::of(row, Vec::new()));
        }
    }
    Ok(())
}

fn has_settled(row: &ExecutionRow) -> bool {
    row.progress.phase.is_closed() || row.progress.activity == Activity::Quarantined
}
