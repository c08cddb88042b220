//! The journal writer: one task through which every write of the process goes, many in one transaction.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use reprise_store::{Store, StoreError, Write, Written};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use crate::crash;
use crate::lease::Lease;

/// Writes in one transaction: enough to share a sync, few enough that none waits long.
const BATCH_MAX: usize = 256;
/// Writes that may wait: four batches. Beyond it executions wait where they are.
const QUEUE_MAX: usize = 4 * BATCH_MAX;
/// How often others get their turn before a commit.
const GATHER_MAX: u32 = 4;
/// A commit waits for no more than this part of all who might write: while it is on its way the others go on, so that
/// processors and disk work at the same time.
const SHARES: usize = 3;
/// First and longest pause while the store is unavailable.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What to do while the store is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Answer with the error: somebody can be told to come back.
    Refuse,
    /// Keep the write until it succeeds.
    Wait,
}

struct Job {
    write: Write,
    patience: Patience,
    answer: oneshot::Sender<Result<Written, StoreError>>,
}

/// A write on its way. Resolves when it is durable.
pub(crate) type Pending = oneshot::Receiver<Result<Written, StoreError>>;

/// Whom the writer tells what it learns of the store, and for whom it works.
#[derive(Clone)]
pub(crate) struct News {
    /// Ends when another node has taken over.
    pub(crate) lease: Lease,
    /// A commit failed: it may have happened all the same.
    pub(crate) failed: Arc<Notify>,
    /// Each execution in memory holds a permit of this.
    pub(crate) active: Arc<Semaphore>,
    /// How many permits it has in all.
    pub(crate) active_max: usize,
}

impl News {
    /// How many writes are enough for a commit.
    fn share(&self) -> usize {
        let executions = self.active_max.saturating_sub(self.active.available_permits());
        (executions / SHARES).clamp(1, BATCH_MAX)
    }
}

/// A handle on the writer.
#[derive(Debug, Clone)]
pub(crate) struct JournalWriter {
    queue: mpsc::Sender<Job>,
}

impl JournalWriter {
    /// Starts the writer; it ends when the last handle is dropped and everything queued is written, and says so.
    pub(crate) fn start(store: Arc<dyn Store>, news: News) -> (Self, oneshot::Receiver<()>) {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (end, ended) = oneshot::channel();
        tokio::spawn(async move {
            guarded(Committer::new(store), news, jobs).await;
            // Mostly nobody waits for it.
            let _ = end.send(());
        });
        (Self { queue }, ended)
    }

    /// Queues a write. Writes of one caller become durable in the order of these calls.
    pub(crate) async fn write(&self, write: Write, patience: Patience) -> Pending {
        let (answer, pending) = oneshot::channel();
        // A closed queue drops the job, which the caller sees at `pending`.
        let _ = self.queue.send(Job { write, patience, answer }).await;
        pending
    }
}

async fn guarded(committer: Committer, news: News, jobs: mpsc::Receiver<Job>) {
    // Without its writer the process can do nothing any more, and the next start can do everything.
    if std::panic::AssertUnwindSafe(write_all(committer, news, jobs)).catch_unwind().await.is_err() {
        tracing::error!("the journal writer panicked; the process ends");
        std::process::abort();
    }
}

async fn write_all(committer: Committer, news: News, mut queue: mpsc::Receiver<Job>) {
    let mut jobs: Vec<Job> = Vec::with_capacity(BATCH_MAX);
    let mut writes: Vec<Write> = Vec::with_capacity(BATCH_MAX);
    let mut answers = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
        gather(&mut queue, &mut jobs, news.share()).await;
        let mut length = PAUSE.0;
        for job in jobs.drain(..) {
            writes.push(job.write);
            answers.push((job.patience, job.answer));
        }
        while !writes.is_empty() {
            crash::point("append before");
            let result = committer.commit(&mut writes).await;
            crash::point("append after");
            match result {
                Ok(written) => {
                    writes.clear();
                    for ((_, answer), written) in answers.drain(..).zip(written) {
                        // A driver that is gone needs no answer.
                        let _ = answer.send(Ok(written));
                    }
                }
                Err(StoreError::Fenced(text)) => {
                    // Nothing is sent any more before anybody hears of it.
                    news.lease.fence();
                    tracing::error!(error = text, writes = writes.len(), "fenced: nothing is written any more");
                    writes.clear();
                    for (_, answer) in answers.drain(..) {
                        let _ = answer.send(Err(StoreError::Fenced(text.clone())));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, writes = writes.len(), "the store does not take writes; trying again");
                    news.failed.notify_one();
                    refuse_impatient(&error, &mut writes, &mut answers);
                    // New triggers must be told at once, not after the outage.
                    tokio::time::sleep(length).await;
                    length = (length * 2).min(PAUSE.1);
                    while writes.len() < QUEUE_MAX
                        && let Ok(job) = queue.try_recv()
                    {
                        writes.push(job.write);
                        answers.push((job.patience, job.answer));
                    }
                }
            }
        }
    }
}

/// Lets everybody else who can go on do so before the commit, until there are `enough`: what they write shares its sync.
/// An idle process loses no time by that, and a busy one writes as much at a time as its tasks can give.
async fn gather(queue: &mut mpsc::Receiver<Job>, jobs: &mut Vec<Job>, enough: usize) {
    for _ in 0..GATHER_MAX {
        if jobs.len() >= enough {
            return;
        }
        let before = jobs.len();
        tokio::task::yield_now().await;
        while jobs.len() < BATCH_MAX
            && let Ok(job) = queue.try_recv()
        {
            jobs.push(job);
        }
        if jobs.len() == before {
            return;
        }
    }
}

type Committed = (Vec<Write>, Result<Vec<Written>, StoreError>);

/// Commits: by itself, or on a thread of its own where the store blocks.
struct Committer {
    store: Arc<dyn Store>,
    thread: Option<std::sync::mpsc::Sender<(Vec<Write>, oneshot::Sender<Committed>)>>,
}

impl Committer {
    fn new(store: Arc<dyn Store>) -> Self {
        let thread = store.blocking().is_some().then(|| {
            let (batches, queue) = std::sync::mpsc::channel::<(Vec<Write>, oneshot::Sender<Committed>)>();
            let store = store.clone();
            let write = move || {
                for (writes, answer) in queue {
                    let Some(blocking) = store.blocking() else { return };
                    let done = blocking.commit_blocking(&writes);
                    // The writer that does not wait for it has ended with the process.
                    let _ = answer.send((writes, done));
                }
            };
            let thread = std::thread::Builder::new().name("journal-writer".into()).spawn(write);
            thread.expect("a process that can't have a thread more can't serve anybody");
            batches
        });
        Self { store, thread }
    }

    /// As [`Store::commit`]; `writes` stay what they are.
    async fn commit(&self, writes: &mut Vec<Write>) -> Result<Vec<Written>, StoreError> {
        let Some(thread) = &self.thread else { return self.store.commit(writes).await };
        let (answer, done) = oneshot::channel();
        thread.send((std::mem::take(writes), answer)).expect("the thread lives as long as this");
        let (same, result) = done.await.expect("a commit that panics ends the process");
        *writes = same;
        result
    }
}

type Answer = (Patience, oneshot::Sender<Result<Written, StoreError>>);

fn refuse_impatient(error: &StoreError, writes: &mut Vec<Write>, answers: &mut Vec<Answer>) {
    let kept: Vec<(Write, Answer)> = writes
        .drain(..)
        .zip(answers.drain(..))
        .filter_map(|(write, (patience, answer))| match patience {
            Patience::Wait => Some((write, (patience, answer))),
            Patience::Refuse => {
                let text = match error {
                    StoreError::Unavailable(text) => text.clone(),
                    StoreError::Open(_) | StoreError::Damaged(_) | StoreError::Fenced(_) => error.to_string(),
                };
                let _ = answer.send(Err(StoreError::Unavailable(text)));
                None
            }
        })
        .collect();
    (*writes, *answers) = kept.into_iter().unzip();
}

#[cfg(test)]
mod tests {
    use super::*;
    use reprise_engine::{Digest, Entry, Phase, Seq, Timestamp};
    use reprise_store::{Activity, MemoryStore, NewExecution, Progress};

    fn create(gid: &str) -> Write {
        let gid: reprise_engine::Gid = gid.parse().expect("valid");
        let now = Timestamp(1);
        Write::Create {
            execution: NewExecution {
                gid,
                workflow: "w".parse().expect("valid"),
                input_hash: [0; 32],
                created_at: now,
            },
            entries: vec![Entry::Closed.to_record(Seq(0), now)],
            progress: Progress {
                phase: Phase::Running,
                digest: Digest::new([0; 32]),
                activity: Activity::Active,
                wake_at: None,
                note: None,
                result: None,
                updated_at: now,
            },
        }
    }

    fn start() -> (JournalWriter, oneshot::Receiver<()>) {
        let store = Arc::new(MemoryStore::new());
        let (active, active_max) = (Arc::new(Semaphore::new(1)), 1);
        let news = News { lease: Lease::of(store.clone()), failed: Arc::default(), active, active_max };
        JournalWriter::start(store, news)
    }

    #[tokio::test]
    async fn every_write_is_answered_in_order() {
        let (writer, ended) = start();
        let mut pending = Vec::new();
        for i in 0..600 {
            pending.push(writer.write(create(&format!("g{}", i % 500)), Patience::Wait).await);
        }
        let mut created = 0;
        for (i, answer) in pending.into_iter().enumerate() {
            match answer.await.expect("answered").expect("memory does not fail") {
                Written::Created(_) => created += 1,
                Written::Exists => assert!(i >= 500, "{i} is new"),
                other @ (Written::Appended | Written::Conflict) => panic!("{i}: {other:?}"),
            }
        }
        assert_eq!(created, 500);
        drop(writer);
        ended.await.expect("the writer ends with its last handle");
    }
}
