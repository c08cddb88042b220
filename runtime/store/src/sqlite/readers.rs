//! The connections that read: as many questions at one time, each a hop to a thread that may wait for the disk and back.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::SqliteError;
use super::{SqliteOptions, open};

/// How long a call waits for a reader.
const READER_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that only read. They are opened when needed and then kept.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    count: u32,
    /// One for each connection.
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(options: &SqliteOptions) -> Self {
        let count = options.readers.max(1);
        Self {
            path: options.path.clone(),
            count,
            permits: Semaphore::new(count as usize),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Waits for the right to [`Self::ask`].
    pub(super) async fn permit(&self) -> Result<SemaphorePermit<'_>, SqliteError> {
        match tokio::time::timeout(READER_TIMEOUT, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(SqliteError::Closed),
            Err(_) => Err(SqliteError::Readers),
        }
    }

    /// Asks on a connection of its own; it may block.
    pub(super) fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, SqliteError>,
    ) -> Result<T, SqliteError> {
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| connect(&self.path), Ok)?;
        let answer = question(&connection);
        let mut idle = self.idle();
        // A caller that went away has left its permit before its connection: there may be one too many.
        if idle.len() < self.count as usize && !answer.as_ref().is_err_and(SqliteError::spoils_connection) {
            idle.push(connection);
        }
        drop(idle);
        answer
    }

    /// Waits until nobody reads, and closes.
    pub(super) async fn close(&self) {
        // It is closed by nobody else, and then there is nothing to wait for.
        drop(self.permits.acquire_many(self.count).await);
        self.permits.close();
        self.idle().clear();
    }

    /// A thread that panicked while it held the list has left it whole.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> Result<Connection, SqliteError> {
    let connection = open::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    Ok(connection)
}
