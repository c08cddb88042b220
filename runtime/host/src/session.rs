//! An execution as its driver and its guest share it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use reprise_engine::{Execution, GuestError, Seq};
use tokio::sync::Notify;

/// Shares an [`Execution`] between the task that drives it and the guest that asks it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    execution: Mutex<Execution>,
    /// At most one import waits at a time (an execution has one guest), so a stored permit can't be missed.
    news: Notify,
    /// Whether an import waits for news.
    waits: AtomicBool,
    /// Whether one waited since this was last asked.
    waited: AtomicBool,
    /// What the guest says before the journal is longer than this was shown before.
    shown: AtomicU32,
}

impl Session {
    /// Wraps an execution.
    #[must_use]
    pub fn new(execution: Execution) -> Self {
        Self(Arc::new(Inner {
            execution: Mutex::new(execution),
            news: Notify::new(),
            waits: AtomicBool::new(false),
            waited: AtomicBool::new(false),
            shown: AtomicU32::new(0),
        }))
    }

    /// Looks into the execution or changes it. Short: the guest and the driver take turns.
    ///
    /// # Panics
    /// If an earlier `f` panicked: the execution may be half changed and must not be written.
    pub fn with<R>(&self, f: impl FnOnce(&mut Execution) -> R) -> R {
        f(&mut self.0.execution.lock().expect("nothing panics while it holds an execution"))
    }

    /// Says that results were reported: a waiting import looks again.
    pub fn wake(&self) {
        self.0.news.notify_one();
    }

    /// A guest has shown what it says while the journal has no more than these entries: the next one, which says the same,
    /// is not heard before it has more.
    pub fn hush(&self, entries: Seq) {
        self.0.shown.store(entries.0, Ordering::Relaxed);
    }

    /// Whether what the guest says is news: it was logged before in a replay.
    pub(crate) fn shows(&self) -> bool {
        let shown = self.0.shown.load(Ordering::Relaxed);
        self.with(|execution| execution.is_live() && execution.next_seq().0 > shown)
    }

    /// Whether the guest stands still in an import; it computes otherwise, or there is none.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed)
    }

    /// Whether the guest has waited since the last call of this: the clock went on without its computing.
    pub(crate) fn take_waited(&self) -> bool {
        self.0.waited.swap(false, Ordering::Relaxed)
    }

    /// Asks until there is an answer.
    pub(crate) async fn answer<R>(
        &self,
        mut ask: impl FnMut(&mut Execution) -> Result<Option<R>, GuestError>,
    ) -> Result<R, GuestError> {
        loop {
            if let Some(answer) = self.with(&mut ask)? {
                return Ok(answer);
            }
            self.0.waited.store(true, Ordering::Relaxed);
            let _waiting = Waiting::begin(&self.0.waits);
            self.0.news.notified().await;
        }
    }
}

/// Says that an import waits, for as long as it lives: the wait may end by being dropped.
struct Waiting<'a>(&'a AtomicBool);

impl<'a> Waiting<'a> {
    fn begin(waits: &'a AtomicBool) -> Self {
        waits.store(true, Ordering::Relaxed);
        Self(waits)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
