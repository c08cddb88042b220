//! The handle that faces hold: trigger, wait, look, stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::mapref::entry::Entry as Slot;
use dashmap::{DashMap, DashSet};
use futures::FutureExt as _;
use reprise_engine::{
    Completeness, Digest, EntryRecord, Execution, Gid, QueryBack, Rules, Seq, Timestamp, WorkflowName,
};
use reprise_host::{Host, Program};
use reprise_outbound::Outbound;
use reprise_store::{Activity, Deployment, ExecutionKey, InputHash, Store, StoreError};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::{Start, Trigger, TriggerError, Triggered};
use crate::calls::CallBoard;
use crate::clock::now;
use crate::command::Command;
use crate::config::CoordinatorConfig;
use crate::deploy::{Deployments, Recalled};
use crate::driver::{Driver, Origin};
use crate::events::{Event, Events};
use crate::journal_writer::{JournalWriter, News};
use crate::lease::Lease;
use crate::native::Natives;
use crate::take_up::TakeUp;
use crate::wake::Waker;
use crate::{cluster, sweep, wake};

/// Commands to one execution that wait; who has more to say waits for a place.
const COMMANDS: usize = 8;
/// Entries read from the store at one time.
const JOURNAL_PAGE: u32 = 1_000;

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
    pub(crate) natives: Natives,
    pub(crate) writer: JournalWriter,
    pub(crate) events: Events,
    pub(crate) live: DashMap<Gid, Arc<Live>>,
    pub(crate) deployments: Deployments,
    pub(crate) active: Arc<Semaphore>,
    pub(crate) waker: Waker,
    /// Some executions of this node may have nobody who works on them: a write happened whose answer was lost.
    pub(crate) strays: Arc<Notify>,
    /// Executions that only a newer runtime can read, and that it gets the time to take up.
    pub(crate) left_to_newer: Arc<DashSet<Gid>>,
    /// Whether the operator has been told that there are such.
    pub(crate) told_newer: AtomicBool,
    pub(crate) lease: Lease,
    pub(crate) pausing: tokio::sync::Mutex<()>,
    pub(crate) stop: CancellationToken,
    pub(crate) drivers: TaskTracker,
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
        let (lease, strays) = (Lease::of(store.clone()), Arc::<Notify>::default());
        let (active_max, active) = (config.active_max, Arc::new(Semaphore::new(config.active_max)));
        let news = News { lease: lease.clone(), failed: strays.clone(), active: active.clone(), active_max };
        let writer = JournalWriter::start(store.clone(), news).0;
        let shared = Arc::new(Shared {
            active,
            deployments: Deployments::of(&*store),
            natives: Natives::new(config.natives.clone()),
            config,
            store,
            host,
            outbound,
            writer,
            events: Events::new(),
            live: DashMap::new(),
            waker: Waker::new(),
            strays,
            left_to_newer: Arc::default(),
            told_newer: AtomicBool::new(false),
            lease,
            pausing: tokio::sync::Mutex::new(()),
            stop: CancellationToken::new(),
            drivers: TaskTracker::new(),
            admits: AtomicBool::new(true),
        });
        let coordinator = Self { shared };
        let tasks = &coordinator.shared.drivers;
        tasks.spawn(wake::take_up_left_behind(coordinator.clone()));
        tasks.spawn(wake::take_up_strays(coordinator.clone()));
        tasks.spawn(wake::wake_when_due(coordinator.clone()));
        tasks.spawn(sweep::sweep_from_time_to_time(coordinator.clone()));
        if coordinator.shared.store.cluster().is_some() {
            tasks.spawn(cluster::look_from_time_to_time(coordinator.clone()));
            tasks.spawn(cluster::follow_pauses(coordinator.clone()));
            tasks.spawn(cluster::read_letters(coordinator.clone()));
            tasks.spawn(cluster::watch_settled(coordinator.clone()));
        }
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
        let (digest, program) = self.pinned(&trigger).await?;
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
        let origin = Origin::Trigger { execution: Box::new(self.begin(trigger.clone(), digest)), program };
        let driver = Driver::new(shared.clone(), trigger.gid.clone(), live.clone(), commands, origin);
        self.spawn(driver, permit);
        self.admitted(&trigger, input_hash, &live).await.map(|()| Triggered::Admitted).or_else(|e| e)
    }

    /// What an execution of this trigger is pinned to, and the program, if it has one.
    async fn pinned(&self, trigger: &Trigger) -> Result<(Digest, Option<Arc<Program>>), TriggerError> {
        let Some(digest) = self.shared.natives.digest(&trigger.workflow) else {
            let deployment = self.newest(&trigger.workflow).await?;
            let program = self.shared.program(deployment.digest).await.map_err(TriggerError::Component)?;
            return match trigger.start {
                Start::Steered(_) => Err(TriggerError::Reserved(trigger.workflow.clone())),
                Start::AtOnce | Start::Prepared(_) | Start::Submitted => Ok((deployment.digest, Some(program))),
            };
        };
        let program = self.shared.natives.program(digest);
        match (&trigger.start, &program) {
            (Start::Steered(_), Some(_)) | (Start::AtOnce | Start::Prepared(_) | Start::Submitted, None) => {
                Err(TriggerError::Reserved(trigger.workflow.clone()))
            }
            _ => Ok((digest, program)),
        }
    }

    fn begin(&self, trigger: Trigger, digest: Digest) -> Execution {
        let (now, limits) = (now(), self.shared.config.limits);
        let Trigger { gid, workflow, input, on_trap, timeout_ms, start } = trigger;
        // What the runtime's own programs call follows their own rules.
        let is_native = self.shared.natives.digest(&workflow).is_some();
        let completeness = if is_native { Completeness::Lenient } else { self.shared.config.completeness };
        let deadline = timeout_ms.map(|ms| now.plus_ms(ms));
        let mut rules = Rules { on_trap, completeness, deadline, query_back: None };
        match start {
            Start::AtOnce => Execution::start(gid, workflow, digest, input, rules, limits, now),
            Start::Prepared(prepare) => {
                let due = now.plus_ms(prepare.check_after_ms);
                rules.query_back = Some(QueryBack { operation: prepare.query_back, due });
                Execution::start(gid, workflow, digest, input, rules, limits, now)
            }
            Start::Submitted => {
                let mut execution = Execution::start(gid, workflow, digest, input, rules, limits, now);
                execution.submit_at_once();
                execution
            }
            Start::Steered(steering) => Execution::open(gid, workflow, digest, input, (rules, steering), limits, now),
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
                if row.progress.activity == Activity::Active && !row.elsewhere {
                    // Nobody works on it: this trigger came between a restart, or a takeover, and its recovery.
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
        let known = match self.shared.deployments.recall(workflow, Instant::now()) {
            Recalled::Sure(deployment) => return Ok(deployment),
            Recalled::Old(deployment) => Some(deployment),
            Recalled::Nothing => None,
        };
        let newest = match (self.shared.store.deployments(Some(workflow)).await, known) {
            (Ok(all), _) => all.into_iter().next(),
            (Err(error), Some(known)) => {
                tracing::debug!(%workflow, %error, "the newest version can't be read; going on with the known one");
                return Ok(known);
            }
            (Err(error), None) => return Err(TriggerError::Unavailable(error.to_string())),
        };
        let deployment = newest.ok_or_else(|| TriggerError::UnknownWorkflow(workflow.clone()))?;
        self.shared.deployments.remember(&deployment, Instant::now());
        Ok(deployment)
    }

    pub(crate) fn spawn(&self, driver: Driver, permit: OwnedSemaphorePermit) {
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
    pub(crate) fn new(
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

    /// The program of a digest: one of the runtime, or a component from memory, the host's cache, or the store. The
    /// error is for people.
    pub(crate) async fn program(&self, digest: Digest) -> Result<Arc<Program>, String> {
        if let Some(program) = self.natives.program(digest) {
            return Ok(program);
        }
        if let Some(program) = self.host.program(digest).await.map_err(|e| e.to_string())? {
            return Ok(program);
        }
        let bytes = self.store.component(digest).await.map_err(|e| e.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("component {digest} is not in the store"))?;
        Ok(self.host.prepare(bytes).await.map_err(|e| e.to_string())?.program)
    }

    /// Forgets an execution that left memory; `wake_at` is when it is due again.
    pub(crate) fn left(&self, gid: &Gid, live: &Arc<Live>, wake_at: Option<Timestamp>) {
        self.live.remove_if(gid, |_, current| Arc::ptr_eq(current, live));
        if let Some(due) = wake_at {
            self.waker.due(due);
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
