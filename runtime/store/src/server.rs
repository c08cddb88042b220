//! The store on a database server, PostgreSQL or MySQL: durable, for executions that must outlive a machine.
//!
//! One connection writes, a pool of them reads. The rooms: `open` reaches the server, `lease` decides who may write,
//! `writer` owns the writing connection and `batch` what becomes of the writes of one commit; `read` and `deployments`
//! have the SQL, `rows` the values, `dialect` what differs, `postgres` and `mysql` what it is, `error` what went wrong.
//!
//! Nothing here needs more than transactions and unique keys: no locks beside those of rows, no sequences, no clock but
//! that of the lease. So it holds for what speaks the same protocols and is spread over many machines.

mod batch;
mod deployments;
mod dialect;
mod error;
mod lease;
mod mysql;
mod open;
mod postgres;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use reprise_engine::{Digest, EntryRecord, Gid, Seq, Timestamp, WorkflowName};
use sqlx::Pool;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;

use self::dialect::{Dialect, RowOf, Value};
use self::error::ServerError;
use self::writer::Writer;
use crate::{Deployment, ExecutionKey, ExecutionRow, ListFilter, Store, StoreError, Write, Written, codes};

/// A store in a PostgreSQL database, or in one that speaks its protocol.
pub type PostgresStore = ServerStore<postgres::Postgres>;
/// A store in a MySQL or MariaDB database, or in one that speaks their protocol.
pub type MySqlStore = ServerStore<mysql::MySql>;

/// How often a read is tried whose connection turns out to be dead.
const READ_ATTEMPTS: u32 = 3;

/// Where the database is and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// `postgres://user:password@host/name`, `mysql://..` or `mariadb://..`.
    pub url: String,
    /// What this node is called where others see its lease.
    pub node: String,
    /// Connections that read at the same time. One more writes.
    pub readers: u32,
    /// Longest time to get a connection.
    pub connect_timeout: Duration,
    /// Longest time of a verb. After it the verb answers `Unavailable`.
    pub verb_timeout: Duration,
    /// How long after its last sign of life this node is taken for dead.
    pub lease: Duration,
    /// How long an open waits for the end of another node's lease.
    pub lease_wait: Duration,
}

impl ServerOptions {
    /// The usual options for a database.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            node: format!("process-{}", std::process::id()),
            readers: 8,
            connect_timeout: Duration::from_secs(5),
            verb_timeout: Duration::from_secs(30),
            lease: Duration::from_secs(10),
            lease_wait: Duration::from_secs(20),
        }
    }
}

impl fmt::Debug for ServerOptions {
    /// Hides the URL, which may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, node, readers, connect_timeout, verb_timeout, lease, lease_wait } = self;
        f.debug_struct("ServerOptions")
            .field("url", &"(hidden)")
            .field("node", node)
            .field("readers", readers)
            .field("connect_timeout", connect_timeout)
            .field("verb_timeout", verb_timeout)
            .field("lease", lease)
            .field("lease_wait", lease_wait)
            .finish()
    }
}

/// A store on a database server.
pub struct ServerStore<D: Dialect> {
    writer: Arc<Mutex<Writer<D>>>,
    readers: Pool<D::Database>,
    verb_timeout: Duration,
    fenced: watch::Sender<bool>,
    renewal: AbortHandle,
}

impl<D: Dialect> ServerStore<D> {
    /// Reaches the server, takes the lease (waiting for the end of another one's), creates or migrates the tables.
    ///
    /// # Errors
    /// [`StoreError::Open`]: the server can't be reached, another node has the lease, or the schema is not ours.
    pub async fn open(options: ServerOptions) -> Result<Self, StoreError> {
        let (lease, verb_timeout) = (options.lease, options.verb_timeout);
        let (way, writer) = open::writer::<D>(options).await?;
        let readers = open::readers(&way);
        let writer = Arc::new(Mutex::new(writer));
        let fenced = watch::Sender::new(false);
        let renewal = tokio::spawn(renew(Arc::downgrade(&writer), lease, fenced.clone())).abort_handle();
        Ok(Self { writer, readers, verb_timeout, fenced, renewal })
    }

    /// Returns when another node has taken the lease: this process must send nothing any more. Never before.
    pub fn fenced(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut fenced = self.fenced.subscribe();
        async move {
            if fenced.wait_for(|fenced| *fenced).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Gives the lease back, so that the next node need not wait for its end, and closes every connection.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the lease was not given back. It ends by itself.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.renewal.abort();
        let closed = self.within(async { self.writer.lock().await.close().await }).await;
        self.readers.close().await;
        Ok(closed?)
    }

    /// Performs a verb that writes, or gives it up in time: then its connection is closed.
    async fn write<T>(&self, verb: impl Future<Output = Result<T, ServerError>>) -> Result<T, StoreError> {
        let done = self.within(verb).await;
        if let Err(ServerError::Fenced { .. }) = &done {
            self.fenced.send_replace(true);
        }
        Ok(done?)
    }

    async fn within<T>(&self, verb: impl Future<Output = Result<T, ServerError>>) -> Result<T, ServerError> {
        let limit = self.verb_timeout;
        tokio::time::timeout(limit, verb).await.unwrap_or(Err(ServerError::Slow(limit)))
    }

    async fn fetch(&self, text: &str, values: &[Value<'_>]) -> Result<Vec<RowOf<D>>, ServerError> {
        let text = D::text(text);
        let reading = async {
            let mut attempt = 1;
            loop {
                match self.try_fetch(&text, values).await {
                    Err(error) if attempt < READ_ATTEMPTS && error.is_way() => attempt += 1,
                    done => return done,
                }
            }
        };
        self.within(reading).await
    }

    async fn try_fetch(&self, text: &str, values: &[Value<'_>]) -> Result<Vec<RowOf<D>>, ServerError> {
        let mut connection = self.readers.acquire().await?;
        let done = D::fetch(&mut connection, text, values).await;
        if done.is_err() {
            // After a failover it may lead to the wrong server.
            connection.close_on_drop();
        }
        Ok(done?)
    }

    async fn fetch_readable(&self, text: &str, values: &[Value<'_>]) -> Result<Vec<ExecutionRow>, StoreError> {
        Ok(read::readable::<D>(&self.fetch(text, values).await?))
    }
}

impl<D: Dialect> Drop for ServerStore<D> {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl<D: Dialect> fmt::Debug for ServerStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStore").field("database", &D::NAME).finish_non_exhaustive()
    }
}

/// Renews the lease three times in its length. A commit renews it too, so one that is under way is not waited for.
async fn renew<D: Dialect>(writer: Weak<Mutex<Writer<D>>>, lease: Duration, fenced: watch::Sender<bool>) {
    let mut tick = tokio::time::interval(lease / 3);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(writer) = writer.upgrade() else { return };
        let Ok(mut writer) = writer.try_lock() else { continue };
        match tokio::time::timeout(lease / 3, writer.renew()).await {
            Ok(Ok(())) => {}
            Ok(Err(error @ ServerError::Fenced { .. })) => {
                tracing::error!(%error, "fenced");
                fenced.send_replace(true);
                return;
            }
            Ok(Err(ServerError::Closed)) => return,
            Ok(Err(error)) => tracing::warn!(%error, "the lease was not renewed; trying again"),
            Err(_) => tracing::warn!("the lease was not renewed: the database does not answer; trying again"),
        }
    }
}

fn limit_value(limit: u32) -> Value<'static> {
    Value::Int(i64::from(limit))
}

/// Keys start at 1.
fn after_value(after: Option<ExecutionKey>) -> Value<'static> {
    Value::Int(after.map_or(0, |after| after.0))
}

#[async_trait]
impl<D: Dialect> Store for ServerStore<D> {
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        self.write(async { self.writer.lock().await.commit(writes).await }).await
    }

    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        let values = [Value::Int(key.0), Value::Int(i64::from(from.0)), limit_value(limit)];
        let found = self.fetch(read::JOURNAL, &values).await?;
        Ok(found.iter().map(rows::entry_record::<D>).collect::<Result<_, _>>()?)
    }

    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError> {
        let found = self.fetch(read::EXECUTION, &[Value::Text(gid.as_str())]).await?;
        Ok(found.first().map(rows::execution_row::<D>).transpose()?)
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        let mut values = vec![Value::Int(filter.before.map_or(i64::MAX, |before| before.0))];
        values.extend(filter.workflow.as_ref().map(|workflow| Value::Text(workflow.as_str())));
        values.push(limit_value(filter.limit));
        let found = self.fetch(&read::list_text(filter), &values).await?;
        Ok(found.iter().map(rows::execution_row::<D>).collect::<Result<_, _>>()?)
    }

    async fn active(&self, after: Option<ExecutionKey>, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        self.fetch_readable(read::ACTIVE, &[after_value(after), limit_value(limit)]).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        self.fetch_readable(read::DUE, &[Value::Int(codes::of_time(now)), limit_value(limit)]).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        let found = self.fetch(read::NEXT_WAKE, &[]).await?;
        Ok(found.first().map(|row| rows::int::<D>(row, 0).and_then(rows::time)).transpose()?)
    }

    async fn quarantined(
        &self,
        workflow: &WorkflowName,
        after: Option<ExecutionKey>,
        limit: u32,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        let values = [Value::Text(workflow.as_str()), after_value(after), limit_value(limit)];
        self.fetch_readable(read::QUARANTINED, &values).await
    }

    async fn deploy(
        &self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        self.write(async { self.writer.lock().await.deploy(workflow, digest, component, now).await }).await
    }

    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        let found = match workflow {
            Some(workflow) => {
                self.fetch(deployments::VERSIONS, &[Value::Text(workflow.as_str()), Value::Int(i64::MAX)]).await?
            }
            None => self.fetch(deployments::NEWEST, &[]).await?,
        };
        Ok(found.iter().map(rows::deployment::<D>).collect::<Result<_, _>>()?)
    }

    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let parts = self.fetch(deployments::COMPONENT, &[Value::Bytes(digest.as_bytes())]).await?;
        Ok(deployments::component::<D>(&parts)?)
    }

    async fn paused_participants(&self) -> Result<Vec<String>, StoreError> {
        let found = self.fetch(deployments::PAUSED, &[]).await?;
        Ok(found.iter().map(|row| rows::text::<D>(row, 0)).collect::<Result<_, _>>()?)
    }

    async fn pause_participant(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(async { self.writer.lock().await.participant(name, Some(now)).await }).await
    }

    async fn resume_participant(&self, name: &str) -> Result<(), StoreError> {
        self.write(async { self.writer.lock().await.participant(name, None).await }).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.fetch(read::PING, &[]).await?;
        Ok(())
    }
}
