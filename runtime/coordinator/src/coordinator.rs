//! The handle that faces hold: trigger, wait, look, stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Slot;
use futures::{FutureExt as _, StreamExt as _};
use reprise_engine::{Digest, EntryRecord, Execution, Gid, QueryBack, Rules, Seq, Timestamp, WorkflowName};
use reprise_host::{Host, Program};
use reprise_outbound::Outbound;
use reprise_store::{
    Activity, Deployment, ExecutionKey, ExecutionRow, InputHash, Progress, Store, StoreError, Write, Written,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::{Trigger, TriggerError, Triggered};
use crate::calls::CallBoard;
use crate::clock::now;
use crate::command::Command;
use crate::config::CoordinatorConfig;
use crate::driver::{Driver, Origin};
use crate::events::{Event, Events};
use crate::journal_writer::{JournalWriter, Patience};
use crate::note::Note;
use crate::wake::Waker;

/// Rows read at one time, at start and when they are due.
pub(crate) const TAKE_UP_MAX: u32 = 200;
/// Commands to one execution that wait; who has more to say waits for a place.
const COMMANDS: usize = 8;
/// Entries read from the store at one time.
const JOURNAL_PAGE: u32 = 1_000;
/// Rows taken up at one time.
const TAKE_UP_AT_ONCE: usize = 64;

/// Owns the executions of this process. Cheap to clone.
#[derive(Clone)]
pub struct Coordinator {
    pub(crate) shared: Arc<Shared>,
}

/// What every driver uses.
pub(crate) struct Shared {
    pub(crate) config: CoordinatorConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Host,
    pub(crate) outbound: Outbound,
    pub(crate) writer: JournalWriter,
    pub(crate) events: Events,
    pub(crate) live: DashMap<Gid, Arc<Live>>,
    pub(crate) deployments: DashMap<WorkflowName, Deployment>,
    pub(crate) active: Arc<Semaphore>,
    pub(crate) instances: Arc<Semaphore>,
    pub(crate) waker: Waker,
    pub(crate) pausing: tokio::sync::Mutex<()>,
    pub(crate) stop: CancellationToken,
    drivers: TaskTracker,
    admits: AtomicBool,
}

/// An execution that is in memory.
pub(crate) struct Live {
    pub(crate) workflow: WorkflowName,
    pub(crate) input_hash: InputHash,
    pub(crate) admission: watch::Sender<Admission>,
    pub(crate) board: CallBoard,
    pub(crate) commands: mpsc::Sender<Command>,
}

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

/// How the admission of an execution stands.
#[derive(Debug, Clone)]
pub(crate) enum Admission {
    /// Its first write is on its way.
    Pending,
    /// It is durable.
    Admitted,
    /// It existed before.
    Exists,
    /// It could not be written.
    Refused(String),
}

impl Coordinator {
    /// Starts: takes up everything unfinished that the store holds, and wakes what is parked when it is due.
    ///
    /// # Errors
    /// [`StoreError`]: the store does not answer.
    pub async fn start(
        config: CoordinatorConfig,
        store: Arc<dyn Store>,
        host: Host,
        outbound: Outbound,
    ) -> Result<Self, StoreError> {
        store.ping().await?;
        crate::participants::pause_again(&*store, &outbound).await?;
        let writer = JournalWriter::start(store.clone()).0;
        let shared = Arc::new(Shared {
            active: Arc::new(Semaphore::new(config.active_max)),
            instances: Arc::new(Semaphore::new(config.instances)),
            config,
            store,
            host,
            outbound,
            writer,
            events: Events::new(),
            live: DashMap::new(),
            deployments: DashMap::new(),
            waker: Waker::new(),
            pausing: tokio::sync::Mutex::new(()),
            stop: CancellationToken::new(),
            drivers: TaskTracker::new(),
            admits: AtomicBool::new(true),
        });
        let coordinator = Self { shared };
        coordinator.shared.drivers.spawn(crate::wake::take_up_left_behind(coordinator.clone()));
        coordinator.shared.drivers.spawn(crate::wake::wake_when_due(coordinator.clone()));
        coordinator.shared.drivers.spawn(crate::sweep::sweep_from_time_to_time(coordinator.clone()));
        Ok(coordinator)
    }

    /// Stops: admits nothing more, lets attempts under way end, makes everything durable. What is unfinished goes on
    /// at the next start.
    pub async fn shutdown(&self) {
        self.shared.admits.store(false, Ordering::SeqCst);
        self.shared.stop.cancel();
        self.shared.drivers.close();
        // Each driver waits for its own writes, so the writer has nothing left when they have ended.
        self.shared.drivers.wait().await;
    }

    /// Triggers an execution. Returns when it is durable.
    ///
    /// # Errors
    /// [`TriggerError`].
    pub async fn trigger(&self, trigger: Trigger) -> Result<Triggered, TriggerError> {
        let shared = &self.shared;
        if !shared.admits.load(Ordering::Relaxed) {
            return Err(TriggerError::ShuttingDown);
        }
        let (bytes, most) = (trigger.input.len(), shared.config.input_bytes_max);
        if bytes > most {
            return Err(TriggerError::InputTooLarge { bytes, most });
        }
        let input_hash: InputHash = Sha256::digest(&trigger.input).into();
        let running = shared.live.get(&trigger.gid).map(|live| live.value().clone());
        if let Some(live) = running {
            return self.attach(&trigger, input_hash, &live).await;
        }
        let deployment = self.newest(&trigger.workflow).await?;
        let program = self.program(deployment.digest).await.map_err(TriggerError::Component)?;
        let Ok(permit) = shared.active.clone().try_acquire_owned() else {
            return Err(TriggerError::Busy { most: shared.config.active_max });
        };
        let (live, commands) = Live::new(trigger.workflow.clone(), input_hash, Admission::Pending);
        let other = match shared.live.entry(trigger.gid.clone()) {
            Slot::Occupied(other) => Some(other.get().clone()),
            Slot::Vacant(slot) => {
                slot.insert(live.clone());
                None
            }
        };
        if let Some(other) = other {
            drop(permit);
            return self.attach(&trigger, input_hash, &other).await;
        }
        let rules = self.rules(&trigger);
        let Trigger { gid, workflow, input, .. } = trigger.clone();
        let limits = shared.config.limits;
        let execution = Execution::start(gid.clone(), workflow, deployment.digest, input, rules, limits, now());
        let origin = Origin::Trigger { execution: Box::new(execution), program };
        let driver = Driver::new(shared.clone(), gid, live.clone(), commands, origin);
        self.spawn(driver, permit);
        self.admitted(&trigger, input_hash, &live).await.map(|()| Triggered::Admitted).or_else(|e| e)
    }

    fn rules(&self, trigger: &Trigger) -> Rules {
        let now = now();
        let query_back = trigger.prepare.as_ref();
        Rules {
            on_trap: trigger.on_trap,
            completeness: self.shared.config.completeness,
            deadline: trigger.timeout_ms.map(|ms| now.plus_ms(ms)),
            query_back: query_back.map(|prepare| QueryBack {
                operation: prepare.query_back.clone(),
                due: now.plus_ms(prepare.check_after_ms),
            }),
        }
    }

    /// Joins an execution that is in memory already. Compares when it is admitted, not before: what is in memory may be
    /// another trigger of a gid that the store has, with another input than the store's.
    async fn attach(&self, trigger: &Trigger, hash: InputHash, live: &Live) -> Result<Triggered, TriggerError> {
        match self.admitted(trigger, hash, live).await {
            Ok(()) => compare(trigger, hash, &live.workflow, live.input_hash).map(|()| Triggered::Known),
            Err(answer) => answer,
        }
    }

    /// Waits until the execution is durable. The error is the answer where it is not this one that was admitted.
    async fn admitted(
        &self,
        trigger: &Trigger,
        hash: InputHash,
        live: &Live,
    ) -> Result<(), Result<Triggered, TriggerError>> {
        let mut receiver = live.admission.subscribe();
        let decided = receiver.wait_for(|admission| !matches!(admission, Admission::Pending)).await;
        // A copy, so that no guard lives across the await below.
        let admission = decided.map(|admission| admission.clone());
        match admission {
            Ok(Admission::Admitted) => Ok(()),
            Ok(Admission::Exists) => Err(self.known(trigger, hash).await),
            Ok(Admission::Refused(why)) => Err(Err(TriggerError::Unavailable(why))),
            Ok(Admission::Pending) | Err(_) => Err(Err(TriggerError::ShuttingDown)),
        }
    }

    /// Compares a trigger with the execution that the store has under its gid.
    async fn known(&self, trigger: &Trigger, hash: InputHash) -> Result<Triggered, TriggerError> {
        let row = self.shared.store.execution(&trigger.gid).await;
        match row.map_err(|e| TriggerError::Unavailable(e.to_string()))? {
            Some(row) => {
                compare(trigger, hash, &row.execution.workflow, row.execution.input_hash)?;
                if row.progress.activity == Activity::Active {
                    // Nobody works on it: this trigger came between a restart and its recovery.
                    let coordinator = self.clone();
                    self.shared.drivers.spawn(async move { coordinator.take_up(vec![row], TakeUp::Due).await });
                }
                Ok(Triggered::Known)
            }
            None => Err(TriggerError::Unavailable("the store knows the gid but has no row of it".into())),
        }
    }

    /// Every durable change from here on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }

    pub(crate) async fn newest(&self, workflow: &WorkflowName) -> Result<Deployment, TriggerError> {
        if let Some(deployment) = self.shared.deployments.get(workflow) {
            return Ok(deployment.clone());
        }
        let all = self.shared.store.deployments(Some(workflow)).await;
        let newest = all.map_err(|e| TriggerError::Unavailable(e.to_string()))?.into_iter().next();
        let deployment = newest.ok_or_else(|| TriggerError::UnknownWorkflow(workflow.clone()))?;
        self.shared.deployed(&deployment);
        Ok(deployment)
    }

    /// The program of a digest, from memory, the host's cache, or the store. The error is for people.
    pub(crate) async fn program(&self, digest: Digest) -> Result<Arc<Program>, String> {
        self.shared.program(digest).await
    }

    /// Takes up executions that the store has, if `why` is reason enough. Skips those in memory. How many.
    pub(crate) async fn take_up(&self, rows: Vec<ExecutionRow>, why: TakeUp) -> usize {
        // Together, so that their writes share a transaction.
        let all = futures::stream::iter(rows).map(|row| self.take_up_one(row, why));
        all.buffer_unordered(TAKE_UP_AT_ONCE).filter(|taken| std::future::ready(*taken)).count().await
    }

    async fn take_up_one(&self, row: ExecutionRow, why: TakeUp) -> bool {
        let gid = row.execution.gid;
        let (live, commands) = Live::new(row.execution.workflow, row.execution.input_hash, Admission::Admitted);
        if !self.shared.entered(&gid, &live).await {
            return false;
        }
        // The row was read before the place in memory was ours: only now can nobody else change it.
        let taken = self.take_up_reserved(&gid, &live, commands, why).await.unwrap_or_else(|error| {
            tracing::error!(%gid, %error, "the execution can't be taken up; the next start or trigger does");
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
        let Some(row) = shared.store.execution(gid).await? else { return Ok(false) };
        let is_due = match row.progress.activity {
            Activity::Active => true,
            Activity::Parked => why == TakeUp::Asked || row.progress.wake_at.is_none_or(|due| due <= now()),
            Activity::Quarantined => why != TakeUp::Due,
            Activity::Finished => false,
        };
        if !is_due {
            return Ok(false);
        }
        let permit = tokio::select! {
            permit = shared.active.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            () = shared.stop.cancelled() => return Ok(false),
        };
        let note = row.progress.note.as_deref().and_then(Note::from_json);
        if row.progress.activity != Activity::Active {
            // A crash from here on finds it among those that somebody worked on.
            let left = note.clone().map(|note| note.under_way().to_json()).or(row.progress.note.clone());
            let (activity, updated_at) = (Activity::Active, now());
            let progress = Progress { activity, wake_at: None, note: left, updated_at, ..row.progress };
            let write = Write::Append { key: row.key, entries: Vec::new(), progress: Some(progress) };
            match shared.writer.write(write, Patience::Wait).await.await {
                Ok(Ok(Written::Appended)) => {}
                Ok(Ok(_)) => return Err(StoreError::Damaged("the execution is gone".into())),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Ok(false),
            }
        }
        let upgrade = if let TakeUp::Fixed(digest) = why { Some(digest) } else { None };
        let origin = Origin::Store { key: row.key, note, upgrade };
        self.spawn(Driver::new(shared.clone(), gid.clone(), live.clone(), commands, origin), permit);
        Ok(true)
    }

    fn spawn(&self, driver: Driver, permit: OwnedSemaphorePermit) {
        let (shared, gid, live) = (self.shared.clone(), driver.gid().clone(), driver.live().clone());
        self.shared.drivers.spawn(async move {
            // A bug in one driver must not leave its execution as if somebody worked on it.
            let driven = std::panic::AssertUnwindSafe(Box::pin(driver.drive())).catch_unwind();
            if driven.await.is_err() {
                tracing::error!(%gid, "the driver panicked; the next start or trigger takes the execution up again");
                shared.left(&gid, &live, None);
                live.admission.send_replace(Admission::Refused("the runtime failed; see its log".into()));
            }
            drop(permit);
        });
    }
}

fn compare(
    trigger: &Trigger,
    hash: InputHash,
    workflow: &WorkflowName,
    input_hash: InputHash,
) -> Result<(), TriggerError> {
    let differs = if trigger.workflow != *workflow {
        format!("it runs workflow `{workflow}`, not `{}`; choose another gid", trigger.workflow)
    } else if hash != input_hash {
        "the same workflow was triggered with another input; choose another gid, or repeat the same input".to_owned()
    } else {
        return Ok(());
    };
    Err(TriggerError::Mismatch { gid: trigger.gid.clone(), differs })
}

impl Live {
    fn new(
        workflow: WorkflowName,
        input_hash: InputHash,
        admission: Admission,
    ) -> (Arc<Self>, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (admission, board) = (watch::channel(admission).0, CallBoard::default());
        (Arc::new(Self { workflow, input_hash, admission, board, commands }), receiver)
    }
}

impl Shared {
    /// All entries of an execution, read page by page.
    pub(crate) async fn whole_journal(&self, key: ExecutionKey) -> Result<Vec<EntryRecord>, StoreError> {
        let mut records = Vec::new();
        loop {
            let from = Seq(u32::try_from(records.len()).unwrap_or(u32::MAX));
            let page = self.store.journal(key, from, JOURNAL_PAGE).await?;
            let full = page.len() == JOURNAL_PAGE as usize;
            records.extend(page);
            if !full {
                return Ok(records);
            }
        }
    }

    pub(crate) async fn program(&self, digest: Digest) -> Result<Arc<Program>, String> {
        if let Some(program) = self.host.program(digest).await.map_err(|e| e.to_string())? {
            return Ok(program);
        }
        let bytes = self.store.component(digest).await.map_err(|e| e.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("component {digest} is not in the store"))?;
        Ok(self.host.prepare(bytes).await.map_err(|e| e.to_string())?.program)
    }

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

    /// Forgets an execution that left memory; `wake_at` is when it is due again.
    pub(crate) fn left(&self, gid: &Gid, live: &Arc<Live>, wake_at: Option<Timestamp>) {
        self.live.remove_if(gid, |_, current| Arc::ptr_eq(current, live));
        if let Some(due) = wake_at {
            self.waker.due(due);
        }
    }

    /// Remembers a deployment, unless a newer one is known.
    pub(crate) fn deployed(&self, deployment: &Deployment) {
        let known = self.deployments.entry(deployment.workflow.clone()).or_insert_with(|| deployment.clone());
        let is_newer = known.version < deployment.version;
        let mut known = known;
        if is_newer {
            *known = deployment.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faces call these from tasks that move between threads.
    fn is_send<T: Send>(_: &T) {}

    #[expect(dead_code, reason = "checked by the compiler")]
    fn futures_are_send(coordinator: &Coordinator, trigger: Trigger, gid: &Gid) {
        let longest = std::time::Duration::ZERO;
        is_send(&coordinator.trigger(trigger.clone()));
        is_send(&coordinator.trigger_and_wait(trigger, longest));
        is_send(&coordinator.wait(gid, longest));
        is_send(&coordinator.shutdown());
    }
}
