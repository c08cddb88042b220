//! The store on a database server, PostgreSQL or MySQL: durable, for executions that must outlive a machine.
//!
//! Many processes may have one database; each is a node. One connection of a node writes, a pool of them reads. The
//! rooms: `open` reaches the server, `schema` brings the tables up to date, `node` and `heartbeat` are about who lives,
//! `cluster` about what nodes leave each other, `inbox` about what they tell each other. `writer` owns the writing
//! connection, `keys` what it numbers, `bulk` writes what needs no look at the database first and `batch` the rest; `shared`
//! is what all verbs of a store share. `read`, `deployments` and `topics` have the SQL, `rows` the values, `dialect` what
//! differs, `postgres` and `mysql`
//! what it is, `error` what went wrong.
//!
//! Nothing here needs more than transactions and unique keys: no locks beside those of rows, no sequences, no clock but
//! that of the leases. So it holds for what speaks the same protocols and is spread over many machines.

mod batch;
mod bulk;
mod cluster;
mod deployments;
mod dialect;
mod error;
mod heartbeat;
mod inbox;
mod keys;
mod mysql;
mod node;
mod open;
mod postgres;
mod read;
mod rows;
mod schema;
mod shared;
#[cfg(test)]
mod tests;
mod topics;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reprise_engine::{Digest, EntryRecord, Gid, Seq, Timestamp, WorkflowName};
use tokio::task::AbortHandle;

use self::dialect::{Dialect, Value};
use self::node::Share;
use self::shared::Shared;
use crate::{
    Cluster, Deployment, ExecutionKey, ExecutionRow, ListFilter, Store, StoreError, Topic, Write, Written, codes,
};

/// A store in a PostgreSQL database, or in one that speaks its protocol.
pub type PostgresStore = ServerStore<postgres::Postgres>;
/// A store in a MySQL or MariaDB database, or in one that speaks their protocol.
pub type MySqlStore = ServerStore<mysql::MySql>;

/// Parked for so much longer than it should be, an execution is anybody's to wake.
const OVERDUE_MS: i64 = 1000;

/// Where the database is and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// `postgres://user:password@host/name`, `mysql://..` or `mariadb://..`.
    pub url: String,
    /// What this process is called where others see it. Its number tells it apart.
    pub node: String,
    /// Connections that read at the same time. One more writes.
    pub readers: u32,
    /// Longest time to get a connection.
    pub connect_timeout: Duration,
    /// Longest time of a verb. After it the verb answers `Unavailable`.
    pub verb_timeout: Duration,
    /// How long after its last sign of life this node is taken for dead.
    pub lease: Duration,
    /// How long an open waits for another node that changes the schema.
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

/// A store on a database server, as one node of those that share it.
pub struct ServerStore<D: Dialect> {
    shared: Arc<Shared<D>>,
    heartbeat: AbortHandle,
}

impl<D: Dialect> ServerStore<D> {
    /// Reaches the server, creates or migrates the tables (waiting for another node that does), and becomes a node.
    ///
    /// # Errors
    /// [`StoreError::Open`]: the server can't be reached, or the schema is none that this runtime can work on.
    pub async fn open(options: ServerOptions) -> Result<Self, StoreError> {
        let shared = Arc::new(open::open::<D>(options).await?);
        let heartbeat = tokio::spawn(heartbeat::beat(Arc::clone(&shared))).abort_handle();
        Ok(Self { shared, heartbeat })
    }

    /// Returns when another node has taken this one for dead: this process must send nothing any more. Never before.
    pub fn fenced(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut fenced = self.shared.fenced.subscribe();
        async move {
            if fenced.wait_for(|fenced| *fenced).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Ends as a node, so that others need not wait for the end of its lease to go on with what it worked on, and closes
    /// every connection.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the others may have to wait.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.heartbeat.abort();
        let closed =
            self.shared.write(self.shared.write_timeout, async { self.shared.writer.lock().await.close().await }).await;
        self.shared.readers.close().await;
        closed
    }

    /// Rows of executions, all of which must be readable.
    async fn rows(&self, text: &str, values: &[Value<'_>]) -> Result<Vec<ExecutionRow>, StoreError> {
        let found = self.shared.fetch(text, values).await?;
        let row = |row| rows::execution_row::<D>(row, self.shared.node.id);
        Ok(found.iter().map(row).collect::<Result<_, _>>()?)
    }

    /// Rows of executions without those that are damaged.
    async fn readable_rows(&self, text: &str, values: &[Value<'_>]) -> Result<Vec<ExecutionRow>, StoreError> {
        Ok(read::readable::<D>(&self.shared.fetch(text, values).await?, self.shared.node.id))
    }
}

impl<D: Dialect> Drop for ServerStore<D> {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

impl<D: Dialect> fmt::Debug for ServerStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.shared.node.id;
        f.debug_struct("ServerStore").field("database", &D::NAME).field("node", &node).finish_non_exhaustive()
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
    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self)
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        self.shared
            .write(self.shared.write_timeout, async { self.shared.writer.lock().await.commit(writes).await })
            .await
    }

    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        let found = self.shared.fetch(read::JOURNAL, &read::journal_values(key.0, from, limit)).await?;
        Ok(read::entries::<D>(&found, from, limit)?)
    }

    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError> {
        Ok(self.rows(read::EXECUTION, &[Value::Text(gid.as_str())]).await?.pop())
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        let mut values = vec![Value::Int(filter.before.map_or(i64::MAX, |before| before.0))];
        values.extend(filter.workflow.as_ref().map(|workflow| Value::Text(workflow.as_str())));
        values.push(limit_value(filter.limit));
        self.rows(&read::list_text(filter), &values).await
    }

    async fn active(&self, after: Option<ExecutionKey>, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        let values = [Value::Int(self.shared.node.id), after_value(after), limit_value(limit)];
        self.readable_rows(read::ACTIVE, &values).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        let Share { nodes, index } = self.shared.node.share();
        let now = codes::of_time(now);
        let values = [now, nodes, index, now.saturating_sub(OVERDUE_MS)].map(Value::Int);
        self.readable_rows(read::DUE, &[&values[..], &[limit_value(limit)]].concat()).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        let found = self.shared.fetch(read::NEXT_WAKE, &[]).await?;
        Ok(found.first().map(|row| rows::int::<D>(row, 0).and_then(rows::time)).transpose()?)
    }

    async fn quarantined(
        &self,
        workflow: &WorkflowName,
        after: Option<ExecutionKey>,
        limit: u32,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        let values = [Value::Text(workflow.as_str()), after_value(after), limit_value(limit)];
        self.readable_rows(read::QUARANTINED, &values).await
    }

    async fn deploy(
        &self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        // A large component may take longer than a lease: nobody can bury this node meanwhile, and it sends nothing.
        let deploy = deployments::Deploy { workflow, digest, component, now };
        self.shared
            .write(self.shared.verb_timeout, async { self.shared.writer.lock().await.perform(deploy).await })
            .await
    }

    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        let found = match workflow {
            Some(workflow) => {
                self.shared
                    .fetch(deployments::VERSIONS, &[Value::Text(workflow.as_str()), Value::Int(i64::MAX)])
                    .await?
            }
            None => self.shared.fetch(deployments::NEWEST, &[]).await?,
        };
        Ok(found.iter().map(rows::deployment::<D>).collect::<Result<_, _>>()?)
    }

    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let parts = self.shared.fetch(deployments::COMPONENT, &[Value::Bytes(digest.as_bytes())]).await?;
        Ok(deployments::component::<D>(&parts)?)
    }

    async fn paused_participants(&self) -> Result<Vec<String>, StoreError> {
        let found = self.shared.fetch(deployments::PAUSED, &[]).await?;
        Ok(found.iter().map(|row| rows::text::<D>(row, 0)).collect::<Result<_, _>>()?)
    }

    async fn pause_participant(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.shared.perform(deployments::SetPause { name, paused_at: Some(now) }).await
    }

    async fn resume_participant(&self, name: &str) -> Result<(), StoreError> {
        self.shared.perform(deployments::SetPause { name, paused_at: None }).await
    }

    async fn topics(&self, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, StoreError> {
        let values = [Value::Text(after.unwrap_or_default()), limit_value(limit)];
        let found = self.shared.fetch(topics::ALL, &values).await?;
        Ok(found.iter().map(topics::row::<D>).collect::<Result<_, _>>()?)
    }

    async fn topic(&self, name: &str) -> Result<Option<Topic>, StoreError> {
        let found = self.shared.fetch(topics::ONE, &[Value::Text(name)]).await?;
        Ok(found.first().map(topics::row::<D>).transpose()?)
    }

    async fn put_topic(&self, topic: &Topic) -> Result<bool, StoreError> {
        self.shared.perform(topics::Put(topic)).await
    }

    async fn delete_topic(&self, name: &str) -> Result<bool, StoreError> {
        self.shared.perform(topics::Delete(name)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.shared.fetch(read::PING, &[]).await?;
        Ok(())
    }
}
