//! The store in one SQLite file: durable, for one machine.
//!
//! One connection writes, a few read; with a write-ahead log neither waits for the other. The rooms: `open` and `lock`
//! decide whether the file is ours, `wal` keeps its log allocated, `writer` owns the writing connection and `batch` what
//! becomes of the writes of one commit, `readers` owns the others; `statements`, `read`, `deployments`, `participants`
//! and `topics` have the SQL, `rows` the values.
//!
//! SQLite blocks its thread. A verb is one hop to a thread that may, and back; the journal writer has a thread of its
//! own and commits without any ([`BlockingStore`]).

mod batch;
mod deployments;
mod error;
mod lock;
mod open;
mod participants;
mod read;
mod readers;
mod rows;
mod statements;
#[cfg(test)]
mod tests;
mod topics;
mod wal;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use reprise_engine::{Digest, EntryRecord, Gid, Seq, Timestamp, WorkflowName};
use rusqlite::Connection;

use self::error::SqliteError;
use self::lock::FileLock;
use self::readers::Readers;
use self::writer::Writer;
use crate::{
    BlockingStore, Deployment, ExecutionKey, ExecutionRow, ListFilter, Store, StoreError, Topic, Write, Written,
};

/// Where the file is and how it is used.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file; it is created if it does not exist, its directory is not.
    pub path: PathBuf,
    /// Connections that read at the same time.
    pub readers: u32,
    /// Pages of 4,096 bytes that the write-ahead log takes before they go to their places. The log is allocated at a
    /// quarter more, and kept.
    pub wal_pages: u32,
}

impl SqliteOptions {
    /// The usual options for a file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 4, wal_pages: 4000 }
    }
}

/// A store in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    file: Arc<OpenFile>,
}

/// What a verb takes along to the thread that performs it, so that the lock outlives what it protects.
#[derive(Debug)]
struct OpenFile {
    // In this order they are dropped: the lock last.
    writer: Mutex<Writer>,
    readers: Readers,
    _lock: FileLock,
}

impl SqliteStore {
    /// Opens the file, creates or migrates it.
    ///
    /// # Errors
    /// [`StoreError::Open`]: the file is in use, none of ours, of a newer version, or can't be written.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let lock = FileLock::take(&options.path)?;
        let connection = open::writer(&options).await?;
        let readers = Readers::new(&options);
        let writer = Mutex::new(Writer::new(options, connection));
        let store = Self { file: Arc::new(OpenFile { writer, readers, _lock: lock }) };
        store.write(Writer::settle).await?;
        Ok(store)
    }

    /// Closes every connection. Without it the next open does what is left to do; nothing is lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the log could not be brought into the file; it stays beside it.
    pub async fn close(self) -> Result<(), StoreError> {
        self.file.readers.close().await;
        self.write(Writer::close).await
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Writer) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let file = Arc::clone(&self.file);
        Ok(hop(move || change(&mut file.writer())).await?)
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self.file.readers.permit().await?;
        let file = Arc::clone(&self.file);
        Ok(hop(move || file.readers.ask(question)).await?)
    }
}

impl OpenFile {
    /// A writer whose verb panicked is not settled, and starts with a rollback.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Performs `verb` where it may block. It goes on to its end when its caller has gone.
async fn hop<T: Send + 'static>(
    verb: impl FnOnce() -> Result<T, SqliteError> + Send + 'static,
) -> Result<T, SqliteError> {
    let done = tokio::task::spawn_blocking(verb).await;
    done.unwrap_or_else(|error| Err(SqliteError::GivenUp(error.to_string())))
}

impl BlockingStore for SqliteStore {
    fn commit_blocking(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        Ok(self.file.writer().commit(writes)?)
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn blocking(&self) -> Option<&dyn BlockingStore> {
        Some(self)
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        let writes = writes.to_vec();
        self.write(move |writer| writer.commit(&writes)).await
    }

    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        self.read(move |connection| read::journal(connection, key, from, limit)).await
    }

    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError> {
        let gid = gid.clone();
        self.read(move |connection| read::execution(connection, &gid)).await
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| read::list(connection, &filter)).await
    }

    async fn active(&self, after: Option<ExecutionKey>, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        self.read(move |connection| read::active(connection, after, limit)).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        self.read(move |connection| read::due(connection, now, limit)).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(read::next_wake).await
    }

    async fn quarantined(
        &self,
        workflow: &WorkflowName,
        after: Option<ExecutionKey>,
        limit: u32,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        let workflow = workflow.clone();
        self.read(move |connection| read::quarantined(connection, &workflow, after, limit)).await
    }

    async fn deploy(
        &self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        let (workflow, component) = (workflow.clone(), component.to_vec());
        self.write(move |writer| writer.deploy(&workflow, digest, &component, now)).await
    }

    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        let workflow = workflow.cloned();
        self.read(move |connection| deployments::deployments(connection, workflow.as_ref())).await
    }

    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |connection| deployments::component(connection, digest)).await
    }

    async fn paused_participants(&self) -> Result<Vec<String>, StoreError> {
        self.read(participants::paused).await
    }

    async fn pause_participant(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |writer| writer.participant(&name, Some(now))).await
    }

    async fn resume_participant(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |writer| writer.participant(&name, None)).await
    }

    async fn topics(&self, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, StoreError> {
        let after = after.map(str::to_owned);
        self.read(move |connection| topics::topics(connection, after.as_deref(), limit)).await
    }

    async fn topic(&self, name: &str) -> Result<Option<Topic>, StoreError> {
        let name = name.to_owned();
        self.read(move |connection| topics::topic(connection, &name)).await
    }

    async fn put_topic(&self, topic: &Topic) -> Result<bool, StoreError> {
        let topic = topic.clone();
        self.write(move |writer| writer.change(|connection| topics::put(connection, &topic))).await
    }

    async fn delete_topic(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |writer| writer.change(|connection| topics::delete(connection, &name))).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(read::ping).await
    }
}
