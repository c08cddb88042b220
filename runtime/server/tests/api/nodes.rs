//! Several nodes in this process: each has its own coordinator and HTTP face, all of them share a store in memory. The
//! stores of servers have the same rules; their own tests show that they keep them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reprise_coordinator::CoordinatorConfig;
use reprise_engine::{Digest, EntryRecord, Gid, Seq, Timestamp, WorkflowName};
use reprise_outbound::Participant;
use reprise_store::{
    Activity, Cluster, Deployment, ExecutionKey, ExecutionRow, LeaseClock, Letter, ListFilter, MemoryStore, Store,
    StoreError, Topic, Write, Written,
};

use crate::face::Face;

/// How often nodes look for dead ones.
const LOOK: Duration = Duration::from_millis(50);
/// Overdue for longer, an execution is everybody's.
const OVERDUE_MS: u64 = 1_000;

/// What nodes share.
#[derive(Debug, Default)]
pub(crate) struct Database {
    inner: MemoryStore,
    ownership: Mutex<Ownership>,
}

#[derive(Debug, Default)]
struct Ownership {
    nodes: usize,
    dead: HashSet<usize>,
    owners: HashMap<ExecutionKey, usize>,
    gids: HashMap<ExecutionKey, Gid>,
    letters: Vec<Letter>,
}

/// One node's way to the database.
pub(crate) struct NodeStore {
    database: Arc<Database>,
    node: usize,
    pub(crate) lease: LeaseClock,
    /// Commits happen, and their answers are lost.
    loses_answers: AtomicBool,
    /// It reads what only newer runtimes write.
    is_newer: AtomicBool,
}

/// A node.
pub(crate) struct Node {
    pub(crate) store: Arc<NodeStore>,
    pub(crate) face: Face,
}

impl Node {
    /// Starts one more node.
    pub(crate) async fn join(
        database: &Arc<Database>,
        config: CoordinatorConfig,
        participants: BTreeMap<String, Participant>,
    ) -> Self {
        let store = NodeStore::join(database);
        let face = Face::on(store.clone(), config, participants).await;
        Self { store, face }
    }

    /// Starts three without participants.
    pub(crate) async fn three(database: &Arc<Database>, config: &CoordinatorConfig) -> [Self; 3] {
        let join = || Self::join(database, config.clone(), BTreeMap::new());
        [join().await, join().await, join().await]
    }

    /// Others take over. It learns so when it writes.
    pub(crate) fn bury(&self) {
        self.store.database.with(|ownership| ownership.dead.insert(self.store.node));
    }
}

impl Database {
    fn with<R>(&self, f: impl FnOnce(&mut Ownership) -> R) -> R {
        f(&mut self.ownership.lock().expect("nothing panics here"))
    }

    /// Writes behind everybody's back, as a node that is dead now.
    pub(crate) async fn create(&self, write: Write) -> ExecutionKey {
        let Write::Create { execution, .. } = &write else { panic!("only what is new: {write:?}") };
        let gid = execution.gid.clone();
        let written = self.inner.commit(&[write]).await.expect("memory does not fail")[0];
        let Written::Created(key) = written else { panic!("{written:?}") };
        self.with(|ownership| ownership.gids.insert(key, gid));
        key
    }

    /// Letters that nobody has removed.
    pub(crate) fn letters(&self) -> usize {
        self.with(|ownership| ownership.letters.len())
    }

    async fn row(&self, key: ExecutionKey) -> Option<ExecutionRow> {
        let gid = self.with(|ownership| ownership.gids.get(&key).cloned())?;
        self.inner.execution(&gid).await.expect("memory does not fail")
    }
}

impl NodeStore {
    pub(crate) fn join(database: &Arc<Database>) -> Arc<Self> {
        let node = database.with(|ownership| {
            ownership.nodes += 1;
            ownership.nodes - 1
        });
        let store = Self {
            database: database.clone(),
            node,
            lease: LeaseClock::new(),
            loses_answers: AtomicBool::new(false),
            is_newer: AtomicBool::new(false),
        };
        store.renew();
        Arc::new(store)
    }

    /// The lease holds for longer than any test.
    pub(crate) fn renew(&self) {
        self.lease.renewed(tokio::time::Instant::now(), Duration::from_secs(100_000));
    }

    pub(crate) fn lose_answers(&self, lose: bool) {
        self.loses_answers.store(lose, Ordering::SeqCst);
    }

    /// From now on it stands for the store of a newer runtime.
    pub(crate) fn update(&self) {
        self.is_newer.store(true, Ordering::SeqCst);
    }

    fn living(&self) -> Result<(), StoreError> {
        let dead = self.database.with(|ownership| ownership.dead.contains(&self.node));
        if dead { Err(StoreError::Fenced("buried".into())) } else { Ok(()) }
    }

    fn seen(&self, mut row: ExecutionRow) -> ExecutionRow {
        let owner = self.database.with(|ownership| ownership.owners.get(&row.key).copied());
        row.elsewhere = row.progress.activity == Activity::Active && owner != Some(self.node);
        row
    }

    fn seen_all(&self, rows: Vec<ExecutionRow>) -> Vec<ExecutionRow> {
        rows.into_iter().map(|row| self.seen(row)).collect()
    }

    fn inner(&self) -> &MemoryStore {
        &self.database.inner
    }
}

/// What stands for an entry that only newer runtimes read: another version, and else what this one writes.
pub(crate) fn of_a_newer_runtime(mut record: EntryRecord) -> EntryRecord {
    record.data[0] = 9;
    record.fingerprint = xxhash_rust::xxh3::xxh3_64(&record.data);
    record
}

fn as_a_newer_runtime_reads(mut record: EntryRecord) -> EntryRecord {
    if record.data[0] == 9 {
        record.data[0] = 1;
        record.fingerprint = xxhash_rust::xxh3::xxh3_64(&record.data);
    }
    record
}

#[async_trait]
impl Store for NodeStore {
    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self)
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        self.living()?;
        let written = self.inner().commit(writes).await?;
        self.database.with(|ownership| {
            for (write, written) in writes.iter().zip(&written) {
                match (write, written) {
                    (Write::Create { execution, .. }, Written::Created(key)) => {
                        ownership.owners.insert(*key, self.node);
                        ownership.gids.insert(*key, execution.gid.clone());
                    }
                    (Write::Claim { key, .. }, Written::Appended) => _ = ownership.owners.insert(*key, self.node),
                    _ => {}
                }
            }
        });
        if self.loses_answers.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the answer is lost".into()));
        }
        Ok(written)
    }

    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        let records = self.inner().journal(key, from, limit).await?;
        let is_newer = self.is_newer.load(Ordering::SeqCst);
        Ok(if is_newer { records.into_iter().map(as_a_newer_runtime_reads).collect() } else { records })
    }

    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError> {
        Ok(self.inner().execution(gid).await?.map(|row| self.seen(row)))
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        Ok(self.seen_all(self.inner().list(filter).await?))
    }

    async fn active(&self, after: Option<ExecutionKey>, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        let all = self.seen_all(self.inner().active(after, u32::MAX).await?);
        Ok(all.into_iter().filter(|row| !row.elsewhere).take(limit as usize).collect())
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        let living: Vec<usize> =
            self.database.with(|all| (0..all.nodes).filter(|node| !all.dead.contains(node)).collect());
        let mine = |row: &ExecutionRow| {
            let share = usize::try_from(row.key.0).expect("keys are positive") % living.len().max(1);
            let is_overdue = row.progress.wake_at.is_some_and(|due| now.ms_since(due) > OVERDUE_MS);
            living.get(share) == Some(&self.node) || is_overdue
        };
        let all = self.inner().due(now, u32::MAX).await?;
        Ok(all.into_iter().filter(mine).take(limit as usize).collect())
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner().next_wake().await
    }

    async fn quarantined(
        &self,
        workflow: &WorkflowName,
        after: Option<ExecutionKey>,
        limit: u32,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        self.inner().quarantined(workflow, after, limit).await
    }

    async fn deploy(
        &self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        self.inner().deploy(workflow, digest, component, now).await
    }

    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        self.inner().deployments(workflow).await
    }

    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner().component(digest).await
    }

    async fn paused_participants(&self) -> Result<Vec<String>, StoreError> {
        self.inner().paused_participants().await
    }

    async fn pause_participant(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.inner().pause_participant(name, now).await
    }

    async fn resume_participant(&self, name: &str) -> Result<(), StoreError> {
        self.inner().resume_participant(name).await
    }

    async fn topics(&self, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, StoreError> {
        self.inner().topics(after, limit).await
    }

    async fn topic(&self, name: &str) -> Result<Option<Topic>, StoreError> {
        self.inner().topic(name).await
    }

    async fn put_topic(&self, topic: &Topic) -> Result<bool, StoreError> {
        self.inner().put_topic(topic).await
    }

    async fn delete_topic(&self, name: &str) -> Result<bool, StoreError> {
        self.inner().delete_topic(name).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Cluster for NodeStore {
    fn lease(&self) -> &LeaseClock {
        &self.lease
    }

    fn look(&self) -> Duration {
        LOOK
    }

    async fn adopt(&self, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        self.living()?;
        let all = self.inner().active(None, u32::MAX).await?;
        let adopted: Vec<ExecutionRow> = self.database.with(|ownership| {
            let left =
                |row: &ExecutionRow| ownership.owners.get(&row.key).is_none_or(|owner| ownership.dead.contains(owner));
            let adopted: Vec<ExecutionRow> = all.into_iter().filter(left).take(limit as usize).collect();
            for row in &adopted {
                ownership.owners.insert(row.key, self.node);
            }
            adopted
        });
        if self.loses_answers.load(Ordering::SeqCst) && !adopted.is_empty() {
            return Err(StoreError::Unavailable("the answer is lost".into()));
        }
        Ok(self.seen_all(adopted))
    }

    async fn settled(&self, keys: &[ExecutionKey]) -> Result<Vec<ExecutionRow>, StoreError> {
        let mut settled = Vec::new();
        for key in keys {
            settled.extend(
                self.database
                    .row(*key)
                    .await
                    .filter(|row| row.progress.phase.is_closed() || row.progress.activity == Activity::Quarantined),
            );
        }
        Ok(self.seen_all(settled))
    }

    async fn post(&self, letter: &Letter) -> Result<(), StoreError> {
        self.database.with(|ownership| {
            if ownership.letters.iter().all(|known| known.id != letter.id) {
                ownership.letters.push(letter.clone());
            }
        });
        Ok(())
    }

    async fn letters(&self, limit: u32) -> Result<Vec<Letter>, StoreError> {
        let mine = self.active(None, u32::MAX).await?;
        let mine: HashSet<ExecutionKey> = mine.into_iter().map(|row| row.key).collect();
        Ok(self.database.with(|ownership| {
            let to_me = ownership.letters.iter().filter(|letter| mine.contains(&letter.execution));
            to_me.take(limit as usize).cloned().collect()
        }))
    }

    async fn remove_letters(&self, ids: &[i64]) -> Result<(), StoreError> {
        self.database.with(|ownership| ownership.letters.retain(|letter| !ids.contains(&letter.id)));
        Ok(())
    }
}
