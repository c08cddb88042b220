//! Executions that nobody works on: those a dead process left behind, and those that are parked until a time.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use reprise_engine::Timestamp;
use tokio::sync::Notify;

use crate::clock::{instant_of, now};
use crate::coordinator::{Coordinator, TAKE_UP_MAX, TakeUp};

/// Pause before a failed read of the store is repeated.
const STORE_PAUSE: Duration = Duration::from_millis(500);

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

/// Takes up, page by page, what is marked active though nobody works on it: an earlier process did.
pub(crate) async fn take_up_left_behind(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    let mut after = None;
    loop {
        let rows = match shared.store.active(after, TAKE_UP_MAX).await {
            Ok(rows) => rows,
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
        tracing::info!(executions = rows.len(), "going on with unfinished executions");
        coordinator.take_up(rows, TakeUp::Due).await;
        if shared.stop.is_cancelled() {
            return;
        }
    }
}

/// Wakes parked executions when they are due. Sleeps otherwise: there is no polling.
pub(crate) async fn wake_when_due(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    loop {
        // Forget before reading: what is parked after the read tells us by itself.
        shared.waker.reset();
        let next = match shared.store.next_wake().await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "the next wake-up can't be read; trying again");
                Some(now().plus_ms(500))
            }
        };
        if let Some(next) = next {
            shared.waker.due(next);
        }
        loop {
            let earliest = shared.waker.earliest();
            let wait = async {
                match earliest {
                    Some(due) => tokio::time::sleep_until(instant_of(due)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = shared.waker.changed.notified() => {}
                () = wait => break,
            }
        }
        match shared.store.due(now(), TAKE_UP_MAX).await {
            Ok(rows) => {
                // From here on whoever parks is news, however late its time.
                shared.waker.reset();
                if coordinator.take_up(rows, TakeUp::Due).await == 0 {
                    // They are in memory still, on their way out (who leaves tells us), or can't be read.
                    tokio::select! {
                        () = shared.stop.cancelled() => return,
                        () = shared.waker.changed.notified() => {}
                        () = tokio::time::sleep(STORE_PAUSE) => {}
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "due executions can't be read; trying again");
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    () = tokio::time::sleep(STORE_PAUSE) => {}
                }
            }
        }
    }
}
