//! The store in one SQLite file: durable, for one machine.
//!
//! One connection writes, a few read; with a write-ahead log neither waits for the other. The rooms: `open` and `lock`
//! decide whether the file is ours, `wal` keeps its log allocated, `writer` owns the writing connection and `batch` what
//! becomes of the writes of one commit, `statements`, `read`, `deployments` and `participants` have the SQL, `rows` the values.

mod batch;
mod deployments;
mod ends;
mod error;
mod lock;
mod many;
mod open;
mod participants;
mod read;
mod rows;
mod statements;
#[cfg(test)]
mod tests;
mod wal;
mod writer;

use std::path::PathBuf;

use async_trait::async_trait;
use reprise_engine::{Digest, EntryRecord, Gid, Seq, Timestamp, WorkflowName};
use sqlx::SqlitePool;
use tokio::sync::Mutex;

use self::error::store_error;
use self::lock::FileLock;
use self::writer::Writer;
use crate::{Deployment, ExecutionKey, ExecutionRow, ListFilter, Store, StoreError, Write, Written};

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
    // In this order they are dropped: the lock last.
    writer: Mutex<Writer>,
    readers: SqlitePool,
    _lock: FileLock,
}

impl SqliteStore {
    /// Opens the file, creates or migrates it.
    ///
    /// # Errors
    /// [`StoreError::Open`]: the file is in use, none of ours, of a newer version, or can't be written.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let lock = FileLock::take(&options.path)?;
        let (settings, connection) = open::writer(&options).await?;
        let mut writer = Writer::new(settings, connection);
        writer.settle().await.map_err(store_error)?;
        Ok(Self { writer: Mutex::new(writer), readers: open::readers(&options), _lock: lock })
    }

    /// Closes every connection. Without it the next open does what is left to do; nothing is lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the log could not be brought into the file; it stays beside it.
    pub async fn close(self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.into_inner().close().await.map_err(store_error)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        self.writer.lock().await.commit(writes).await
    }

    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        read::journal(&self.readers, key, from, limit).await.map_err(store_error)
    }

    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError> {
        read::execution(&self.readers, gid).await.map_err(store_error)
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        read::list(&self.readers, filter).await.map_err(store_error)
    }

    async fn active(&self, after: Option<ExecutionKey>, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        read::active(&self.readers, after, limit).await.map_err(store_error)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        read::due(&self.readers, now, limit).await.map_err(store_error)
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        read::next_wake(&self.readers).await.map_err(store_error)
    }

    async fn quarantined(
        &self,
        workflow: &WorkflowName,
        after: Option<ExecutionKey>,
        limit: u32,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        read::quarantined(&self.readers, workflow, after, limit).await.map_err(store_error)
    }

    async fn deploy(
        &self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        self.writer.lock().await.deploy(workflow, digest, component, now).await
    }

    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        deployments::deployments(&self.readers, workflow).await.map_err(store_error)
    }

    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        deployments::component(&self.readers, digest).await.map_err(store_error)
    }

    async fn paused_participants(&self) -> Result<Vec<String>, StoreError> {
        participants::paused(&self.readers).await.map_err(store_error)
    }

    async fn pause_participant(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.writer.lock().await.participant(name, Some(now)).await
    }

    async fn resume_participant(&self, name: &str) -> Result<(), StoreError> {
        self.writer.lock().await.participant(name, None).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        read::ping(&self.readers).await.map_err(store_error)
    }
}
