//! Executions that nobody works on: those a dead process left behind, and those that are parked until a time.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use reprise_engine::Timestamp;
use reprise_store::{ExecutionKey, StoreError, Write};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::{instant_of, now};
use crate::coordinator::{Coordinator, Shared};
use crate::journal_writer::Patience;
use crate::take_up::{TAKE_UP_MAX, TakeUp};

/// Pause before a failed read of the store is repeated.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// How often a node among others looks for what they have parked.
const LOOK: Duration = Duration::from_secs(1);
/// Pause of such a node while others are to take up what is due.
const OTHERS_PAUSE: Duration = Duration::from_millis(100);

/// Knows when the next parked execution is due.
#[derive(Debug)]
pub(crate) struct Waker {
    earliest: Mutex<Option<Timestamp>>,
    changed: Notify,
}

impl Waker {
    pub(crate) fn new() -> Self {
        Self { earliest: Mutex::new(None), changed: Notify::new() }
    }

    /// An execution was parked until `due`.
    pub(crate) fn due(&self, due: Timestamp) {
        let mut earliest = self.earliest.lock().unwrap_or_else(PoisonError::into_inner);
        if earliest.is_none_or(|known| due < known) {
            *earliest = Some(due);
            self.changed.notify_one();
        }
    }

    fn earliest(&self) -> Option<Timestamp> {
        *self.earliest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reset(&self) {
        *self.earliest.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Takes up what is marked active though nobody works on it: an earlier process did.
pub(crate) async fn take_up_left_behind(coordinator: Coordinator) {
    take_up_active(&coordinator).await;
}

/// After the store has failed, takes up what is active and has nobody who works on it: a trigger that was refused and
/// is durable all the same, an execution that could not be read when its turn came.
pub(crate) async fn take_up_strays(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.strays.notified() => {}
        }
        // What is answered after a failed commit comes after it in the store, whatever became of it.
        let nothing = Write::Append { key: ExecutionKey(0), entries: Vec::new(), progress: None };
        let answered = shared.writer.write(nothing, Patience::Wait).await;
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = answered => {}
        }
        take_up_active(&coordinator).await;
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(STORE_PAUSE) => {}
        }
    }
}

/// Takes up, page by page, what is this node's and not in memory.
async fn take_up_active(coordinator: &Coordinator) {
    let shared = &coordinator.shared;
    let mut after = None;
    loop {
        let mut rows = match shared.store.active(after, TAKE_UP_MAX).await {
            Ok(rows) => rows,
            Err(StoreError::Fenced(_)) => return,
            Err(error) => {
                tracing::error!(%error, "unfinished executions can't be read; trying again");
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    () = tokio::time::sleep(STORE_PAUSE) => continue,
                }
            }
        };
        let Some(last) = rows.last() else { return };
        after = Some(last.key);
        rows.retain(|row| !shared.live.contains_key(&row.execution.gid));
        if !rows.is_empty() {
            tracing::info!(executions = rows.len(), "going on with unfinished executions");
            coordinator.take_up(rows, TakeUp::Due).await;
        }
        if shared.stop.is_cancelled() {
            return;
        }
    }
}

/// Wakes parked executions when they are due. Sleeps otherwise; but nodes that share a store do not hear what others
/// park, and look each second.
pub(crate) async fn wake_when_due(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    while !shared.stop.is_cancelled() {
        if wait_until_due(shared).await {
            take_up_due(&coordinator).await;
        }
    }
}

/// Returns when something is due, or it is time to look again: true for the former.
async fn wait_until_due(shared: &Shared) -> bool {
    // Forget before reading: what is parked after the read tells us by itself.
    shared.waker.reset();
    match shared.store.next_wake().await {
        Ok(Some(next)) => shared.waker.due(next),
        Ok(None) => {}
        Err(error) => {
            tracing::error!(%error, "the next wake-up can't be read; trying again");
            shared.waker.due(now().plus_ms(500));
        }
    }
    let look = shared.store.cluster().map(|_| Instant::now() + LOOK);
    loop {
        let earliest = shared.waker.earliest().map(instant_of);
        tokio::select! {
            () = shared.stop.cancelled() => return false,
            () = shared.waker.changed.notified() => {}
            () = moment(earliest) => return true,
            () = moment(look) => return false,
        }
    }
}

/// Ends at `time`; never if there is none.
async fn moment(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Takes up what is due, and pauses if that was nothing.
async fn take_up_due(coordinator: &Coordinator) {
    let shared = &coordinator.shared;
    let pause = match shared.store.due(now(), TAKE_UP_MAX).await {
        Ok(rows) => {
            // From here on whoever parks is news, however late its time.
            shared.waker.reset();
            let others = rows.is_empty() && shared.store.cluster().is_some();
            if coordinator.take_up(rows, TakeUp::Due).await > 0 {
                return;
            }
            // They are in memory still, on their way out (who leaves tells us), others', or can't be read.
            if others { OTHERS_PAUSE } else { STORE_PAUSE }
        }
        Err(error) => {
            tracing::error!(%error, "due executions can't be read; trying again");
            STORE_PAUSE
        }
    };
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = shared.waker.changed.notified() => {}
        () = tokio::time::sleep(pause) => {}
    }
}
