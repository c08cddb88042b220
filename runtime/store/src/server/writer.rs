//! The connection that writes. Each of its transactions first renews this node's lease, which fails once another node has
//! buried it: the row is written, not only read, so that the databases that check conflicts at commit see it too.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use reprise_engine::Gid;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::Instant;

use super::ServerOptions;
use super::batch::{self, Batch, keys_of, starts};
use super::bulk::{Bulk, Turn};
use super::dialect::{ConnectionOf, Dialect, SessionLimits, SettingsOf};
use super::error::{ServerError, Sort};
use super::keys::{self, Block};
use super::node::Node;
use crate::ends::Ends;
use crate::{Write, Written};

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

/// What is written beside journals: all of it in one transaction, which may have to be done again.
pub(super) trait Work<D: Dialect>: Sync {
    /// What it finds out.
    type Done: Send;

    /// Does it, within an open transaction.
    fn perform(&self, connection: &mut ConnectionOf<D>)
    -> impl Future<Output = Result<Self::Done, ServerError>> + Send;
}

/// Of one node.
pub(super) struct Writer<D: Dialect> {
    way: Arc<Way<D>>,
    node: Arc<Node>,
    /// Taken while a transaction is open: one that is given up closes its connection, and so ends at the server.
    connection: Option<ConnectionOf<D>>,
    pub(super) keys: Block,
    pub(super) in_doubt: Doubt,
    /// Lengths of the journals that were written lately.
    pub(super) ends: Ends,
    /// The number of the last turn begun.
    turns: i64,
    /// The turn in the node's row, if the last transaction is known to have ended.
    turn: Option<i64>,
    /// Whether the server takes a commit in one message, as far as is known.
    pub(super) takes_bulk: bool,
    closed: bool,
}

/// What commits whose answer was lost did, if they did it.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// Executions, and the keys they had.
    pub(super) created: HashMap<Gid, i64>,
    pub(super) claimed: HashSet<i64>,
}

/// An open transaction of a node that lives.
pub(super) struct Transaction<D: Dialect> {
    pub(super) connection: ConnectionOf<D>,
    /// When the renewal was sent that it began with.
    sent: Instant,
    turn: i64,
}

impl<D: Dialect> Writer<D> {
    pub(super) fn new(way: Arc<Way<D>>, node: Arc<Node>, connection: ConnectionOf<D>) -> Self {
        let (keys, in_doubt, ends) = (Block::empty(), Doubt::default(), Ends::default());
        let (connection, turns, turn, takes_bulk, closed) = (Some(connection), 0, None, true, false);
        Self { way, node, connection, keys, in_doubt, ends, turns, turn, takes_bulk, closed }
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
                    tracing::debug!(%error, "another node has written what this one did not know of");
                    self.keys = Block::empty();
                }
                done => return done,
            }
            attempt += 1;
        }
    }

    /// Anything else that is written, in a transaction of its own, which is tried again when others were in its way.
    pub(super) async fn perform<W: Work<D>>(&mut self, work: W) -> Result<W::Done, ServerError> {
        let mut attempt = 1;
        loop {
            let mut transaction = self.begin().await?;
            let done = work.perform(&mut transaction.connection).await;
            match self.end(transaction, done).await {
                Err(error) if attempt < ATTEMPTS && matches!(error.sort(), Sort::Again | Sort::Taken) => {
                    pause(attempt).await;
                }
                done => return done,
            }
            attempt += 1;
        }
    }

    /// Keeps the lease.
    pub(super) async fn renew(&mut self) -> Result<(), ServerError> {
        let transaction = self.begin().await?;
        self.end(transaction, Ok(())).await
    }

    /// Ends as a node: what it works on is for others from now on.
    pub(super) async fn close(&mut self) -> Result<(), ServerError> {
        if self.closed {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        self.closed = true;
        self.node.clock.end();
        let give_up = format!("UPDATE nodes SET alive = 0 WHERE id = {}", self.node.id);
        let done = D::command(&mut transaction.connection, give_up).await;
        self.end(transaction, done.map_err(Into::into)).await?;
        match self.connection.take() {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }

    async fn try_commit(&mut self, writes: &[Write]) -> Result<Vec<Written>, ServerError> {
        let first_key = self.reserve(writes).await?;
        if let Some(answers) = self.write_at_once(writes, first_key).await? {
            return Ok(answers);
        }
        let mut transaction = self.begin().await?;
        let batch = Batch::<D>::new(&mut transaction.connection, self.node.id, &self.in_doubt, first_key);
        let done = batch.perform(writes).await;
        if let Ok((answers, _)) = &done {
            self.in_doubt.take_in(writes, answers);
        }
        let (answers, ends) = self.end(transaction, done).await?;
        self.in_doubt = Doubt::default();
        self.ends.learn(ends);
        Ok(answers)
    }

    /// In one message, if nothing is in doubt and nothing has to be looked up. None: nothing is written, or it is not
    /// known what is.
    async fn write_at_once(&mut self, writes: &[Write], first_key: i64) -> Result<Option<Vec<Written>>, ServerError> {
        let may = self.takes_bulk && self.in_doubt.is_empty() && !self.closed;
        let Some(before) = self.turn.filter(|_| may) else { return Ok(None) };
        self.look_up_ends(writes).await?;
        let Some(bulk) = Bulk::of(writes, first_key, &self.ends) else { return Ok(None) };
        let Some(mut connection) = self.connection.take() else { return Ok(None) };
        self.in_doubt.take_in(writes, &bulk.answers);
        let (sent, this) = (Instant::now(), self.next_turn());
        let turn = Turn { node: self.node.id, lease_ms: lease_ms(&self.way.options), before, this };
        match D::write(&mut connection, turn, &bulk).await.map_err(ServerError::from) {
            Ok(Some(inserted)) => {
                self.node.renewed(sent);
                (self.connection, self.turn, self.in_doubt) = (Some(connection), Some(this), Doubt::default());
                self.ends.learn(bulk.ends.iter().map(|(key, end)| (*key, *end)));
                Ok(Some(bulk.answers(&inserted)))
            }
            Ok(None) => {
                (self.connection, self.in_doubt) = (Some(connection), Doubt::default());
                Ok(None)
            }
            Err(error) if matches!(error.sort(), Sort::Again | Sort::Taken) => {
                (self.connection, self.in_doubt) = (Some(connection), Doubt::default());
                Err(error)
            }
            // CockroachDB refuses a statement that changes a table twice.
            Err(error) if error.is_unsupported() => {
                tracing::info!(%error, "this server takes no commit in one message; each is written step by step");
                (self.connection, self.in_doubt, self.takes_bulk) = (Some(connection), Doubt::default(), false);
                Ok(None)
            }
            // What became of it is found out on another connection.
            Err(error) if error.is_way() => {
                tracing::debug!(%error, "the writing connection is opened again");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks for the journal lengths that are not known. If another node writes there, its rows are in the way later on.
    async fn look_up_ends(&mut self, writes: &[Write]) -> Result<(), ServerError> {
        let unknown = keys_of(writes, |write| match write {
            Write::Append { key, .. } => self.ends.get(key.0).is_none().then_some(key.0),
            Write::Create { .. } | Write::Claim { .. } => None,
        });
        if unknown.is_empty() {
            return Ok(());
        }
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        match batch::journal_ends::<D>(&mut connection, &unknown).await {
            Ok(found) => {
                self.ends.learn(found.into_iter().filter_map(|(key, end)| Some((key, end?))));
                self.connection = Some(connection);
            }
            Err(error) => tracing::debug!(%error, "the ends of journals were not read; they are asked for again"),
        }
        Ok(())
    }

    /// From here on it is not known which one stands in the node's row.
    fn next_turn(&mut self) -> i64 {
        self.turn = None;
        self.turns += 1;
        self.turns
    }

    /// The first of as many consecutive keys as `writes` may need.
    async fn reserve(&mut self, writes: &[Write]) -> Result<i64, ServerError> {
        let count = i64::try_from(writes.iter().filter(|write| starts(write)).count()).unwrap_or(i64::MAX);
        if count == 0 {
            return Ok(0);
        }
        if let Some(first) = self.keys.take(count, Instant::now()) {
            return Ok(first);
        }
        if self.keys.holds(count) {
            self.look_at_counter().await;
            if let Some(first) = self.keys.take(count, Instant::now()) {
                return Ok(first);
            }
        }
        let (size, sent) = (Block::size_for(count), Instant::now());
        let first = self.perform(keys::Reserve { counter: keys::EXECUTION, count: size }).await?;
        self.keys = Block::reserved(first + count, size - count, sent);
        Ok(first)
    }

    /// Asks whether the block is the newest still: that costs less than another one.
    async fn look_at_counter(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let sent = Instant::now();
        match keys::next::<D>(&mut connection, keys::EXECUTION).await {
            Ok(next) => {
                self.connection = Some(connection);
                self.keys.renew(next, sent);
            }
            Err(error) => tracing::debug!(%error, "the counter of keys was not read; another block is reserved"),
        }
    }

    /// A connection with an open transaction of a node that has its lease.
    pub(super) async fn begin(&mut self) -> Result<Transaction<D>, ServerError> {
        if self.closed {
            return Err(ServerError::Closed);
        }
        if let Some(connection) = self.connection.take() {
            match self.fence(connection).await {
                Ok(transaction) => return Ok(transaction),
                // The server was restarted since the last transaction; nothing of this one is there yet.
                Err(error) if error.is_way() => tracing::debug!(%error, "the writing connection is opened again"),
                Err(error) => return Err(error),
            }
        }
        let connection = self.way.connect().await?;
        self.fence(connection).await
    }

    async fn fence(&mut self, mut connection: ConnectionOf<D>) -> Result<Transaction<D>, ServerError> {
        let (id, lease_ms) = (self.node.id, lease_ms(&self.way.options));
        let turn = self.next_turn();
        let renew =
            format!("UPDATE nodes SET expires_at = {{now}} + {lease_ms}, turn = {turn} WHERE id = {id} AND alive = 1");
        let begin = format!("START TRANSACTION; {}", D::text(&renew));
        let mut attempt = 1;
        loop {
            let sent = Instant::now();
            match D::command(&mut connection, begin.clone()).await.map_err(ServerError::from) {
                Ok(1..) => return Ok(Transaction { connection, sent, turn }),
                Ok(0) => return Err(ServerError::Fenced { node: self.node.name.clone(), id }),
                Err(error) if attempt < ATTEMPTS && error.sort() == Sort::Again => {
                    D::command(&mut connection, "ROLLBACK".into()).await?;
                    pause(attempt).await;
                }
                Err(error) => return Err(error),
            }
            attempt += 1;
        }
    }

    /// Commits what is done, or undoes it and keeps the connection if it is good for more.
    async fn end<T>(&mut self, transaction: Transaction<D>, done: Result<T, ServerError>) -> Result<T, ServerError> {
        let Transaction { mut connection, sent, turn } = transaction;
        let done = match done {
            Ok(done) => D::command(&mut connection, "COMMIT".into()).await.map(|_| done).map_err(Into::into),
            Err(error) => Err(error),
        };
        match &done {
            Ok(_) => {
                if !self.closed {
                    self.node.renewed(sent);
                }
                (self.connection, self.turn) = (Some(connection), Some(turn));
            }
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

impl Doubt {
    fn is_empty(&self) -> bool {
        self.created.is_empty() && self.claimed.is_empty()
    }

    /// Until the answer is here, this commit may have happened or not.
    fn take_in(&mut self, writes: &[Write], answers: &[Written]) {
        for (write, written) in writes.iter().zip(answers) {
            match (write, written) {
                (Write::Create { execution, .. }, Written::Created(key)) => {
                    self.created.insert(execution.gid.clone(), key.0);
                }
                (Write::Claim { key, .. }, Written::Appended) => _ = self.claimed.insert(key.0),
                (Write::Create { .. } | Write::Append { .. } | Write::Claim { .. }, _) => {}
            }
        }
    }
}

pub(super) fn lease_ms(options: &ServerOptions) -> i64 {
    i64::try_from(options.lease.as_millis()).unwrap_or(i64::MAX)
}

/// Longer each time, so that the others come to an end.
async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(2 << attempt)).await;
}
