//! Where executions live: a few verbs over SQLite, a database server or memory.
//!
//! The trait speaks the domain. One verb is one transaction; a lost race is a value ([`Written::Exists`],
//! [`Written::Conflict`]), not an error. No SQL is outside this crate.

mod cluster;
mod codes;
mod ends;
mod memory;
mod packed;
mod rules;
mod server;
mod sqlite;

use async_trait::async_trait;
use reprise_engine::{Digest, EntryRecord, Gid, Phase, Seq, Timestamp, WorkflowName};
use thiserror::Error;

pub use cluster::{Cluster, LeaseClock, Letter};
pub use memory::MemoryStore;
pub use packed::{pack_entries, unpack_entries};
pub use server::{MySqlStore, PostgresStore, ServerOptions, ServerStore};
pub use sqlite::{SqliteOptions, SqliteStore};

/// Key of an execution in its store: integers in arrival order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecutionKey(pub i64);

/// SHA-256 of an input, to tell a repeated trigger from a different one.
pub type InputHash = [u8; 32];

/// What a new execution is admitted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExecution {
    /// Its gid.
    pub gid: Gid,
    /// The workflow.
    pub workflow: WorkflowName,
    /// Of the input.
    pub input_hash: InputHash,
    /// When.
    pub created_at: Timestamp,
}

/// What keeps an execution from closing, as its row tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    /// A node works on it, or takes it up at start.
    Active,
    /// It waits until `wake_at`; nothing of it is in memory.
    Parked,
    /// It waits for a fixed component or an operator.
    Quarantined,
    /// Nothing is left to do.
    Finished,
}

/// The part of an execution's row that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Where it stands.
    pub phase: Phase,
    /// The component it runs.
    pub digest: Digest,
    /// Whether somebody works on it.
    pub activity: Activity,
    /// When to wake it, if parked.
    pub wake_at: Option<Timestamp>,
    /// What people should know: why it is quarantined, the last error of a stuck call. JSON.
    pub note: Option<String>,
    /// What `run` returned, once it did, in the engine's stored form (`RunResult::to_bytes`).
    pub result: Option<Vec<u8>>,
    /// When this was written.
    pub updated_at: Timestamp,
}

/// One write. Many of them share a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Admits an execution with its first entries, unless its gid exists.
    Create {
        /// Who.
        execution: NewExecution,
        /// From seq 0.
        entries: Vec<EntryRecord>,
        /// The row.
        progress: Progress,
    },
    /// Appends entries, all or none.
    Append {
        /// To which.
        key: ExecutionKey,
        /// In order and without gaps, may be empty. The first one's `seq` is how many must be there already.
        entries: Vec<EntryRecord>,
        /// The row, where it changes.
        progress: Option<Progress>,
    },
    /// Makes an execution that nobody works on this node's, if its row is still as it was seen.
    Claim {
        /// Which.
        key: ExecutionKey,
        /// As it was seen: activity, `wake_at` and `updated_at` must be the same still.
        seen: Progress,
        /// The row from now on.
        progress: Progress,
    },
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Admitted under this key.
    Created(ExecutionKey),
    /// Not admitted: the gid exists.
    Exists,
    /// Appended, or claimed. Also the answer to a repetition of the same append.
    Appended,
    /// Not appended: other entries stand there, the execution does not exist, or (without entries) it is not at work
    /// here. Not claimed: somebody else was first.
    Conflict,
}

/// A row of `executions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRow {
    /// Its key.
    pub key: ExecutionKey,
    /// What it was admitted with.
    pub execution: NewExecution,
    /// How it stands.
    pub progress: Progress,
    /// Whether another node works on it, or did until it died. Only of active ones.
    pub elsewhere: bool,
}

/// Which executions to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListFilter {
    /// Only of this workflow.
    pub workflow: Option<WorkflowName>,
    /// Only in this phase.
    pub phase: Option<Phase>,
    /// Only with this activity.
    pub activity: Option<Activity>,
    /// Only older than this key (the last one of the page before).
    pub before: Option<ExecutionKey>,
    /// Page size, 1..=1000.
    pub limit: u32,
}

/// A version of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The workflow.
    pub workflow: WorkflowName,
    /// 1, 2, ... per workflow.
    pub version: u32,
    /// Its component.
    pub digest: Digest,
    /// When it was deployed.
    pub deployed_at: Timestamp,
}

/// A name that messages may be sent to, and who gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name, 1 to 255 characters.
    pub name: String,
    /// Who has subscribed: JSON, in the form of those who read it.
    pub subscribers: String,
    /// 1 at first, 1 more with each change.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Why a verb failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database can't be reached or refuses to write (full disk, read-only, locked). Nothing is half written;
    /// repeat the same call, that is safe.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A stored row can't be read.
    #[error("the store holds a damaged row: {0}")]
    Damaged(String),
    /// The database belongs to another version or is none of ours.
    #[error("the store can't be opened: {0}")]
    Open(String),
    /// Another node has taken over: this process writes nothing any more. Send nothing, end the process.
    #[error("the store is fenced: {0}")]
    Fenced(String),
}

/// A store that waits for a disk of this machine and for nothing else.
pub trait BlockingStore: Send + Sync {
    /// As [`Store::commit`], on the thread that calls it, which it blocks.
    ///
    /// # Errors
    /// As [`Store::commit`].
    fn commit_blocking(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError>;
}

/// Where executions, components and deployments live.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// For those who commit all the time: a thread of their own saves each commit the way to another thread and back.
    /// None if there is nothing to save, which is the rule: a database across the network is waited for.
    fn blocking(&self) -> Option<&dyn BlockingStore> {
        None
    }

    /// What it offers if several nodes share it.
    fn cluster(&self) -> Option<&dyn Cluster> {
        None
    }

    /// Performs `writes` in order in one transaction and makes them durable; one answer each, in order.
    /// A write that answers `Exists` or `Conflict` changes nothing and does not disturb the others.
    /// A repeated append leaves the row alone, so that a late repetition can't move it back. For the same reason an
    /// append without entries applies its progress only while the execution is active, and this node's where several
    /// share the store; otherwise it is a conflict, unless the row stands already where this commit brings it.
    /// A `Create` whose entries are not 0, 1, 2, ... and an append that is half old and half new are conflicts. One
    /// caller at a time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing is written, or (a lost answer) everything; repeat the same call.
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError>;

    /// The entries of an execution from `from` on, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`]. Damaged entry bytes are not an error here: the engine checks them.
    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError>;

    /// The row of a gid.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError>;

    /// Rows that match, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError>;

    /// Executions of this node with activity `Active`, in key order, after `after`. Those that it has not in memory were
    /// left behind by a process before it (a store of one process belongs to each process in turn), or by a write whose
    /// answer was lost.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn active(&self, after: Option<ExecutionKey>, limit: u32) -> Result<Vec<ExecutionRow>, StoreError>;

    /// Parked executions due at `now`, earliest first, at most `limit`. They stay parked until a write says otherwise.
    /// Where several nodes live, each is answered its share, and what is overdue.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, StoreError>;

    /// When the next parked execution is due.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Quarantined executions of a workflow, in key order, after `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn quarantined(
        &self,
        workflow: &WorkflowName,
        after: Option<ExecutionKey>,
        limit: u32,
    ) -> Result<Vec<ExecutionRow>, StoreError>;

    /// Keeps a component and makes it the newest version of a workflow. Deploying the newest digest again answers the
    /// version it has.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deploy(
        &self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError>;

    /// The newest version of every workflow, by name; with `workflow`, all versions of that one, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError>;

    /// The bytes of a component.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Names of the participants that are paused, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn paused_participants(&self) -> Result<Vec<String>, StoreError>;

    /// Keeps a participant paused until [`Self::resume_participant`]; the same when it is paused already.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn pause_participant(&self, name: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Ends a pause; the same when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn resume_participant(&self, name: &str) -> Result<(), StoreError>;

    /// Topics in the order of their names, after `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn topics(&self, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, StoreError>;

    /// One topic.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn topic(&self, name: &str) -> Result<Option<Topic>, StoreError>;

    /// Keeps a topic if the store has the version before this one, or, for version 1, none. False if it has another: read
    /// it again.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_topic(&self, topic: &Topic) -> Result<bool, StoreError>;

    /// Forgets a topic; whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete_topic(&self, name: &str) -> Result<bool, StoreError>;

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ping(&self) -> Result<(), StoreError>;
}
