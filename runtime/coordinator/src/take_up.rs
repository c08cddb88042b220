//! Taking executions up from the store: into memory, this node's from then on, and to a driver.
//!
//! What another node works on is left alone. What nobody works on is claimed: the store gives it to one of those who
//! want it, and the others let go.

use std::sync::Arc;

use dashmap::mapref::entry::Entry as Slot;
use futures::StreamExt as _;
use reprise_engine::{Digest, Gid};
use reprise_store::{Activity, ExecutionRow, Progress, StoreError, Write, Written};
use tokio::sync::mpsc;

use crate::clock::now;
use crate::command::Command;
use crate::coordinator::{Admission, Coordinator, Live, Shared};
use crate::driver::{Driver, Origin};
use crate::journal_writer::Patience;
use crate::note::Note;

/// Rows read at one time, at start and when they are due.
pub(crate) const TAKE_UP_MAX: u32 = 200;
/// Rows taken up at one time.
const TAKE_UP_AT_ONCE: usize = 64;

/// Why an execution of the store is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakeUp {
    /// It was left behind, or its time has come.
    Due,
    /// A fixed component was deployed.
    Fixed(Digest),
    /// Somebody has a command for it.
    Asked,
}

impl TakeUp {
    /// Whether it is reason enough, as the row stands.
    fn concerns(self, row: &ExecutionRow) -> bool {
        match row.progress.activity {
            Activity::Active => !row.elsewhere,
            Activity::Parked => self == Self::Asked || row.progress.wake_at.is_none_or(|due| due <= now()),
            Activity::Quarantined => self != Self::Due,
            Activity::Finished => false,
        }
    }
}

impl Coordinator {
    /// Takes up executions that the store has, if `why` is reason enough. Skips those in memory. How many.
    pub(crate) async fn take_up(&self, rows: Vec<ExecutionRow>, why: TakeUp) -> usize {
        // Together, so that their writes share a transaction.
        let all = futures::stream::iter(rows).map(|row| self.take_up_one(row, why));
        all.buffer_unordered(TAKE_UP_AT_ONCE).filter(|taken| std::future::ready(*taken)).count().await
    }

    async fn take_up_one(&self, row: ExecutionRow, why: TakeUp) -> bool {
        let (gid, is_parked) = (row.execution.gid, row.progress.activity == Activity::Parked);
        if is_parked && why == TakeUp::Due && self.shared.left_to_newer.contains(&gid) {
            return false;
        }
        let (live, commands) = Live::new(row.execution.workflow, row.execution.input_hash, Admission::Admitted);
        if !self.shared.entered(&gid, &live).await {
            return false;
        }
        // The row was read before the place in memory was ours: only now can nobody else here change it.
        let taken = self.take_up_reserved(&gid, &live, commands, why).await.unwrap_or_else(|error| {
            tracing::error!(%gid, %error, "the execution can't be taken up");
            if matches!(error, StoreError::Unavailable(_)) {
                // It may be this node's by now, with nobody who works on it.
                self.shared.strays.notify_one();
            }
            false
        });
        if !taken {
            self.shared.left(&gid, &live, None);
        }
        taken
    }

    async fn take_up_reserved(
        &self,
        gid: &Gid,
        live: &Arc<Live>,
        commands: mpsc::Receiver<Command>,
        why: TakeUp,
    ) -> Result<bool, StoreError> {
        let shared = &self.shared;
        let Some(row) = shared.store.execution(gid).await?.filter(|row| why.concerns(row)) else { return Ok(false) };
        let permit = tokio::select! {
            permit = shared.active.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            () = shared.stop.cancelled() => return Ok(false),
        };
        let note = row.progress.note.as_deref().and_then(Note::from_json);
        let key = row.key;
        if row.progress.activity != Activity::Active && !self.claim(row, note.clone()).await? {
            return Ok(false);
        }
        let upgrade = if let TakeUp::Fixed(digest) = why { Some(digest) } else { None };
        let origin = Origin::Store { key, note, upgrade };
        self.spawn(Driver::new(shared.clone(), gid.clone(), live.clone(), commands, origin), permit);
        Ok(true)
    }

    /// Makes an execution that nobody works on this node's; false if another one was first.
    async fn claim(&self, row: ExecutionRow, note: Option<Note>) -> Result<bool, StoreError> {
        let (shared, gid, seen) = (&self.shared, row.execution.gid, row.progress);
        // A crash from here on finds it among those that somebody worked on.
        let left = note.map(|note| note.under_way().to_json()).or_else(|| seen.note.clone());
        let (activity, updated_at) = (Activity::Active, now());
        let progress = Progress { activity, wake_at: None, note: left, updated_at, ..seen.clone() };
        let write = Write::Claim { key: row.key, seen, progress };
        match shared.writer.write(write, Patience::Wait).await.await {
            Ok(Ok(Written::Appended)) => Ok(true),
            // Ours all the same, if the answer to a first attempt was lost.
            Ok(Ok(Written::Conflict)) => {
                let row = shared.store.execution(&gid).await?;
                Ok(row.is_some_and(|row| row.progress.activity == Activity::Active && !row.elsewhere))
            }
            Ok(Ok(Written::Created(_) | Written::Exists)) => {
                Err(StoreError::Damaged("a claim is answered as if it were a trigger".into()))
            }
            Ok(Err(error)) => Err(error),
            // The process ends.
            Err(_) => Ok(false),
        }
    }
}

impl Shared {
    /// Puts an execution of the store into memory; false if it is there. A trigger that has yet to learn that its gid
    /// is taken holds the place for a moment: that passes, and must not keep the execution out.
    async fn entered(&self, gid: &Gid, live: &Arc<Live>) -> bool {
        loop {
            let other = match self.live.entry(gid.clone()) {
                Slot::Occupied(other) => other.get().clone(),
                Slot::Vacant(slot) => {
                    slot.insert(live.clone());
                    return true;
                }
            };
            let mut receiver = other.admission.subscribe();
            let decided = receiver.wait_for(|admission| !matches!(admission, Admission::Pending)).await;
            // Whoever is not admitted has left memory before it says so.
            if decided.is_ok_and(|admission| matches!(*admission, Admission::Admitted)) {
                return false;
            }
        }
    }
}
