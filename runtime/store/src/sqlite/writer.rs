//! The one connection that writes: transactions, and being usable again after a failed one.

use reprise_engine::{Digest, Timestamp, WorkflowName};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, query, query_scalar};

use super::batch::Batch;
use super::deployments;
use super::ends::Ends;
use super::error::{code, primary_code, store_error};
use super::participants;
use super::statements::Statements;
use crate::{Deployment, StoreError, Write, Written};

/// Greatest key in use; a seek, however many executions there are.
pub(super) const NEWEST_KEY: &str = "SELECT max(id) FROM executions";

/// The connection and what it remembers between commits.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    statements: Statements,
    /// None after an error that leaves the connection in doubt.
    connection: Option<SqliteConnection>,
    /// Whether the last transaction ended and `next_key` and `ends` are what the database holds.
    settled: bool,
    next_key: i64,
    ends: Ends,
}

impl Writer {
    /// `options` reopens the connection when that is needed.
    pub(super) fn new(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        Self {
            options,
            statements: Statements::new(),
            connection: Some(connection),
            settled: false,
            next_key: 1,
            ends: Ends::default(),
        }
    }

    /// As [`crate::Store::commit`].
    pub(super) async fn commit(&mut self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let done = match self.try_commit(writes).await {
            Err(error) if primary_code(&error) == Some(code::CONSTRAINT) => {
                // Somebody else has written. The memory is read again by now, so once more tells what is right.
                tracing::warn!(%error, "the database changed behind the writer's back");
                self.try_commit(writes).await
            }
            done => done,
        };
        done.map_err(store_error)
    }

    /// As [`crate::Store::deploy`].
    pub(super) async fn deploy(
        &mut self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        let done = self.deployment(workflow, digest, component, now).await;
        self.after(done).await.map_err(store_error)
    }

    /// Pauses a participant since a time, or resumes it.
    pub(super) async fn participant(&mut self, name: &str, paused_at: Option<Timestamp>) -> Result<(), StoreError> {
        let done = self.set_participant(name, paused_at).await;
        self.after(done).await.map_err(store_error)
    }

    /// Ends an unfinished transaction and reads what must be known for the next one.
    pub(super) async fn settle(&mut self) -> Result<(), sqlx::Error> {
        self.roll_back().await;
        if self.connection.is_none() {
            self.connection = Some(self.options.connect().await?);
        }
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let newest: Option<i64> = query_scalar(NEWEST_KEY).fetch_one(connection).await?;
        self.next_key = newest.unwrap_or(0) + 1;
        self.ends.forget();
        self.settled = true;
        Ok(())
    }

    pub(super) async fn close(&mut self) -> Result<(), sqlx::Error> {
        match self.connection.take() {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("the tests break no connection")
    }

    async fn try_commit(&mut self, writes: &[Write]) -> Result<Vec<Written>, sqlx::Error> {
        let done = self.transaction(writes).await;
        self.after(done).await
    }

    async fn transaction(&mut self, writes: &[Write]) -> Result<Vec<Written>, sqlx::Error> {
        self.begin().await?;
        let Self { connection: Some(connection), statements, ends, next_key, .. } = self else {
            return Err(sqlx::Error::WorkerCrashed);
        };
        let done = Batch::new(connection, statements, ends, *next_key).perform(writes).await?;
        self.end().await?;
        self.next_key = done.next_key;
        self.ends.learn(done.ends);
        Ok(done.answers)
    }

    async fn deployment(
        &mut self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, sqlx::Error> {
        self.begin().await?;
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let deployment = deployments::deploy(connection, workflow, digest, component, now).await?;
        self.end().await?;
        Ok(deployment)
    }

    async fn set_participant(&mut self, name: &str, paused_at: Option<Timestamp>) -> Result<(), sqlx::Error> {
        self.begin().await?;
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        participants::set(connection, name, paused_at).await?;
        self.end().await
    }

    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        if !self.settled {
            self.settle().await?;
        }
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        // Whatever stops this from here on, a dropped future included, leaves the mark for the next call.
        self.settled = false;
        query("BEGIN IMMEDIATE").execute(connection).await?;
        Ok(())
    }

    async fn end(&mut self) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        query("COMMIT").execute(connection).await?;
        self.settled = true;
        Ok(())
    }

    /// After an error: gives the database up at once, rather than with the next call.
    async fn after<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if let Err(error) = &done {
            // After an I/O error a file handle may have lost pages that were to be synced; a new one starts clean.
            if matches!(primary_code(error), None | Some(code::IO | code::CANNOT_OPEN)) {
                self.connection = None;
            }
            if let Err(error) = self.settle().await {
                tracing::warn!(%error, "the store stays unavailable");
            }
        }
        done
    }

    /// Rolls back what is open. The connection is given up if even that fails.
    async fn roll_back(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        match query("ROLLBACK").execute(connection).await {
            Ok(_) => {}
            // Nothing is open: SQLite has rolled back by itself, as it does after most errors.
            Err(error) if primary_code(&error) == Some(code::ERROR) => {}
            Err(_) => self.connection = None,
        }
    }
}
