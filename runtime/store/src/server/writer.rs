//! The connection that writes. Each of its transactions first renews the lease, which fails if another node has it: that
//! row is written, not only read, so that the databases that check conflicts at commit see it too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reprise_engine::{Digest, Gid, Timestamp, WorkflowName};
use sqlx::{ConnectOptions as _, Connection as _};

use super::batch::{Batch, Done};
use super::dialect::{ConnectionOf, Dialect, SessionLimits, SettingsOf};
use super::error::{ServerError, Sort};
use super::{ServerOptions, deployments, read};
use crate::{Deployment, Write, Written};

/// How often a transaction is tried that others make impossible.
const ATTEMPTS: u32 = 6;

/// How the server is reached.
pub(super) struct Way<D: Dialect> {
    pub(super) settings: SettingsOf<D>,
    pub(super) options: ServerOptions,
}

impl<D: Dialect> Way<D> {
    pub(super) fn limits(options: &ServerOptions) -> SessionLimits {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        // Half a lease: who takes over must not wait for the transaction of a process that stands still.
        SessionLimits { statement_ms: ms(options.verb_timeout), idle_transaction_ms: ms(options.lease).div_ceil(2) }
    }

    pub(super) async fn connect(&self) -> Result<ConnectionOf<D>, ServerError> {
        let limit = self.options.connect_timeout;
        let connected = async {
            let mut connection = self.settings.connect().await?;
            D::prepare(&mut connection, Self::limits(&self.options)).await?;
            Ok(connection)
        };
        tokio::time::timeout(limit, connected).await.unwrap_or(Err(ServerError::Slow(limit)))
    }
}

pub(super) struct Writer<D: Dialect> {
    way: Arc<Way<D>>,
    epoch: i64,
    /// Taken while a transaction is open: one that is given up closes its connection, and so ends at the server.
    connection: Option<ConnectionOf<D>>,
    /// None: to be asked for, by a transaction that has the lease.
    next_key: Option<i64>,
    in_doubt: HashMap<Gid, i64>,
    closed: bool,
}

impl<D: Dialect> Writer<D> {
    pub(super) fn new(way: Arc<Way<D>>, connection: ConnectionOf<D>, epoch: i64) -> Self {
        Self { way, epoch, connection: Some(connection), next_key: None, in_doubt: HashMap::new(), closed: false }
    }

    /// As [`crate::Store::commit`].
    pub(super) async fn commit(&mut self, writes: &[Write]) -> Result<Vec<Written>, ServerError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let mut attempt = 1;
        loop {
            match self.try_commit(writes).await {
                Err(error) if attempt < ATTEMPTS && error.sort() == Sort::Again => pause(attempt).await,
                // Somebody else has written. What is known is asked for again, so once more tells what is right.
                Err(error) if attempt == 1 && error.sort() == Sort::Taken => {
                    tracing::warn!(%error, "the database changed behind the writer's back");
                }
                done => return done,
            }
            attempt += 1;
        }
    }

    /// As [`crate::Store::deploy`].
    pub(super) async fn deploy(
        &mut self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, ServerError> {
        let mut attempt = 1;
        loop {
            let mut connection = self.begin().await?;
            let done = deployments::deploy::<D>(&mut connection, workflow, digest, component, now).await;
            match self.end(connection, done).await {
                Err(error) if attempt < ATTEMPTS && error.sort() == Sort::Again => pause(attempt).await,
                done => return done,
            }
            attempt += 1;
        }
    }

    /// Pauses a participant since a time, or resumes it.
    pub(super) async fn participant(&mut self, name: &str, paused_at: Option<Timestamp>) -> Result<(), ServerError> {
        let mut attempt = 1;
        loop {
            let mut connection = self.begin().await?;
            let done = deployments::set_pause::<D>(&mut connection, name, paused_at).await;
            match self.end(connection, done).await {
                Err(error) if attempt < ATTEMPTS && error.sort() == Sort::Again => pause(attempt).await,
                done => return done,
            }
            attempt += 1;
        }
    }

    /// Keeps the lease.
    pub(super) async fn renew(&mut self) -> Result<(), ServerError> {
        let connection = self.begin().await?;
        self.end(connection, Ok(())).await
    }

    /// Gives the lease back, and ends.
    pub(super) async fn close(&mut self) -> Result<(), ServerError> {
        if self.closed {
            return Ok(());
        }
        let mut connection = self.begin().await?;
        self.closed = true;
        let release = format!("UPDATE nodes SET expires_at = 0 WHERE id = 1 AND epoch = {}", self.epoch);
        let done = D::command(&mut connection, release).await;
        self.end(connection, done.map_err(Into::into)).await?;
        match self.connection.take() {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }

    async fn try_commit(&mut self, writes: &[Write]) -> Result<Vec<Written>, ServerError> {
        let mut connection = self.begin().await?;
        // Whatever stops this from here on leaves the key to be asked for again.
        let next_key = match self.next_key.take() {
            Some(key) => key,
            None => next_key::<D>(&mut connection).await?,
        };
        let done = Batch::<D>::new(&mut connection, &self.in_doubt, next_key).perform(writes).await;
        if let Ok(done) = &done {
            self.doubt(writes, done);
        }
        let done = self.end(connection, done).await?;
        self.in_doubt.clear();
        self.next_key = Some(done.next_key);
        Ok(done.answers)
    }

    /// Until the answer is here, this commit may have happened or not.
    fn doubt(&mut self, writes: &[Write], done: &Done) {
        for (write, written) in writes.iter().zip(&done.answers) {
            if let (Write::Create { execution, .. }, Written::Created(key)) = (write, written) {
                self.in_doubt.insert(execution.gid.clone(), key.0);
            }
        }
    }

    /// A connection with an open transaction of a node that has its lease.
    pub(super) async fn begin(&mut self) -> Result<ConnectionOf<D>, ServerError> {
        if self.closed {
            return Err(ServerError::Closed);
        }
        if let Some(mut connection) = self.connection.take() {
            match self.fence(&mut connection).await {
                Ok(()) => return Ok(connection),
                // The server was restarted since the last transaction; nothing of this one is there yet.
                Err(error) if error.is_way() => tracing::debug!(%error, "the writing connection is opened again"),
                Err(error) => return Err(error),
            }
        }
        let mut connection = self.way.connect().await?;
        self.fence(&mut connection).await?;
        Ok(connection)
    }

    async fn fence(&mut self, connection: &mut ConnectionOf<D>) -> Result<(), ServerError> {
        let (epoch, lease_ms) = (self.epoch, self.way.options.lease.as_millis());
        let renew = format!("UPDATE nodes SET expires_at = {{now}} + {lease_ms} WHERE id = 1 AND epoch = {epoch}");
        let mut attempt = 1;
        loop {
            let begun = D::command(connection, format!("START TRANSACTION; {}", D::text(&renew))).await;
            match begun.map_err(ServerError::from) {
                Ok(1..) => return Ok(()),
                Ok(0) => return Err(ServerError::Fenced { node: self.way.options.node.clone(), epoch }),
                Err(error) if attempt < ATTEMPTS && error.sort() == Sort::Again => {
                    D::command(connection, "ROLLBACK".into()).await?;
                    pause(attempt).await;
                }
                Err(error) => return Err(error),
            }
            attempt += 1;
        }
    }

    /// Commits what is done, or undoes it and keeps the connection if it is good for more.
    async fn end<T>(
        &mut self,
        mut connection: ConnectionOf<D>,
        done: Result<T, ServerError>,
    ) -> Result<T, ServerError> {
        let done = match done {
            Ok(done) => D::command(&mut connection, "COMMIT".into()).await.map(|_| done).map_err(Into::into),
            Err(error) => Err(error),
        };
        match &done {
            Ok(_) => self.connection = Some(connection),
            Err(error) if matches!(error.sort(), Sort::Again | Sort::Taken) => {
                D::command(&mut connection, "ROLLBACK".into()).await?;
                self.connection = Some(connection);
            }
            // Dropped, which ends the transaction. The next connection may lead to another server.
            Err(_) => {}
        }
        done
    }
}

async fn next_key<D: Dialect>(connection: &mut ConnectionOf<D>) -> Result<i64, ServerError> {
    let newest = D::fetch(connection, read::NEWEST_KEY, &[]).await?;
    let newest = newest.first().map(|row| D::int(row, 0)).transpose()?;
    Ok(newest.flatten().unwrap_or(0) + 1)
}

/// Longer each time, so that the others come to an end.
async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(2 << attempt)).await;
}
