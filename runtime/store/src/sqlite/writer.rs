//! The one connection that writes: transactions, and being usable again after a failed one. Everything here blocks.

use reprise_engine::{Digest, Timestamp, WorkflowName};
use rusqlite::Connection;

use super::batch::Batch;
use super::error::{SqliteError, code};
use super::{SqliteOptions, deployments, open, participants};
use crate::ends::Ends;
use crate::{Deployment, Write, Written};

/// Greatest key in use; a seek, however many executions there are.
pub(super) const NEWEST_KEY: &str = "SELECT max(id) FROM executions";

/// The connection and what it remembers between commits.
#[derive(Debug)]
pub(super) struct Writer {
    /// Reopens the connection when that is needed.
    options: SqliteOptions,
    /// None after an error that leaves the connection in doubt.
    connection: Option<Connection>,
    /// Whether the last transaction ended and `next_key` and `ends` are what the database holds.
    settled: bool,
    next_key: i64,
    ends: Ends,
}

impl Writer {
    pub(super) fn new(options: SqliteOptions, connection: Connection) -> Self {
        Self { options, connection: Some(connection), settled: false, next_key: 1, ends: Ends::default() }
    }

    /// As [`crate::Store::commit`].
    pub(super) fn commit(&mut self, writes: &[Write]) -> Result<Vec<Written>, SqliteError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        match self.try_commit(writes) {
            Err(error) if error.primary_code() == Some(code::CONSTRAINT) => {
                // Somebody else has written. The memory is read again by now, so once more tells what is right.
                tracing::warn!(%error, "the database changed behind the writer's back");
                self.try_commit(writes)
            }
            done => done,
        }
    }

    /// As [`crate::Store::deploy`].
    pub(super) fn deploy(
        &mut self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, SqliteError> {
        self.change(|connection| deployments::deploy(connection, workflow, digest, component, now))
    }

    /// Pauses a participant since a time, or resumes it.
    pub(super) fn participant(&mut self, name: &str, paused_at: Option<Timestamp>) -> Result<(), SqliteError> {
        self.change(|connection| participants::set(connection, name, paused_at))
    }

    /// Ends an unfinished transaction and reads what must be known for the next one.
    pub(super) fn settle(&mut self) -> Result<(), SqliteError> {
        self.roll_back();
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::writing(&self.options)?,
        };
        let connection = self.connection.insert(connection);
        let newest: Option<i64> = connection.prepare_cached(NEWEST_KEY)?.query_row([], |row| row.get(0))?;
        self.next_key = newest.unwrap_or(0) + 1;
        self.ends.forget();
        self.settled = true;
        Ok(())
    }

    pub(super) fn close(&mut self) -> Result<(), SqliteError> {
        self.connection.take().map_or(Ok(()), |connection| connection.close().map_err(|(_, error)| error.into()))
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("the tests break no connection")
    }

    fn try_commit(&mut self, writes: &[Write]) -> Result<Vec<Written>, SqliteError> {
        let done =
            self.transaction(|connection, ends, next_key| Batch::new(connection, ends, next_key).perform(writes));
        let done = self.after(done)?;
        self.next_key = done.next_key;
        self.ends.learn(done.ends);
        Ok(done.answers)
    }

    /// A transaction beside the journals.
    pub(super) fn change<T>(
        &mut self,
        perform: impl FnOnce(&Connection) -> Result<T, SqliteError>,
    ) -> Result<T, SqliteError> {
        let done = self.transaction(|connection, _, _| perform(connection));
        self.after(done)
    }

    fn transaction<T>(
        &mut self,
        perform: impl FnOnce(&Connection, &Ends, i64) -> Result<T, SqliteError>,
    ) -> Result<T, SqliteError> {
        if !self.settled {
            self.settle()?;
        }
        let connection = self.connection.as_ref().ok_or(SqliteError::Closed)?;
        // Whatever stops this from here on, a panic included, leaves the mark for the next call.
        self.settled = false;
        execute(connection, "BEGIN IMMEDIATE")?;
        let done = perform(connection, &self.ends, self.next_key)?;
        execute(connection, "COMMIT")?;
        self.settled = true;
        Ok(done)
    }

    /// After an error: gives the database up at once, rather than with the next call.
    fn after<T>(&mut self, done: Result<T, SqliteError>) -> Result<T, SqliteError> {
        if let Err(error) = &done {
            if error.spoils_connection() {
                self.connection = None;
            }
            if let Err(error) = self.settle() {
                tracing::warn!(%error, "the store stays unavailable");
            }
        }
        done
    }

    /// Rolls back what is open. The connection is given up if even that fails.
    fn roll_back(&mut self) {
        let Some(connection) = &self.connection else { return };
        // After most errors SQLite has rolled back by itself.
        if !connection.is_autocommit() && execute(connection, "ROLLBACK").is_err() {
            self.connection = None;
        }
    }
}

fn execute(connection: &Connection, text: &str) -> Result<(), SqliteError> {
    connection.prepare_cached(text)?.execute([])?;
    Ok(())
}
