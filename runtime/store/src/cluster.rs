//! Many nodes on one database: who lives, who works on what, and how they tell each other something.
//!
//! A node is one process; it has a row with a lease, by the database's clock. It owns the executions that it admitted,
//! claimed ([`crate::Write::Claim`]) or adopted, while they are active. Each of its transactions renews its lease and
//! fails once another node has buried it, so a node that came back from a long sleep can write nothing.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::{ExecutionKey, ExecutionRow, StoreError};

/// Something said to an execution through another node than the one that works on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Chosen by the sender, at random.
    pub id: i64,
    /// To which execution.
    pub execution: ExecutionKey,
    /// What, in the sender's form.
    pub content: Vec<u8>,
}

/// What a store offers that several nodes share.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Until when this node may send.
    fn lease(&self) -> &LeaseClock;

    /// How often to look for what dead nodes left behind, and for executions that other nodes parked.
    fn look(&self) -> Duration;

    /// Takes over active executions of dead nodes, at most `limit`; they are this node's when it returns. Empty when
    /// there are none at the moment. Cheap then.
    ///
    /// # Errors
    /// [`StoreError`]; what was taken over all the same is in [`crate::Store::active`].
    async fn adopt(&self, limit: u32) -> Result<Vec<ExecutionRow>, StoreError>;

    /// Those of `keys` that are closed or quarantined, in key order, whether or not notifications are still delivered.
    /// Other nodes may have closed them.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn settled(&self, keys: &[ExecutionKey]) -> Result<Vec<ExecutionRow>, StoreError>;

    /// Leaves a letter for whichever node works on its execution. The same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn post(&self, letter: &Letter) -> Result<(), StoreError>;

    /// Letters to executions of this node that are active, at most `limit`, oldest first. They stay until they are
    /// removed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn letters(&self, limit: u32) -> Result<Vec<Letter>, StoreError>;

    /// Removes letters by id; those that are gone do not matter.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_letters(&self, ids: &[i64]) -> Result<(), StoreError>;
}

/// Until when nobody may take this node for dead, by its own monotonic clock: a part of the lease before its end, so
/// that clocks that run at different speeds do no harm.
#[derive(Debug)]
pub struct LeaseClock {
    until: watch::Sender<Instant>,
    ended: Notify,
}

impl LeaseClock {
    /// One that has run out.
    #[must_use]
    pub fn new() -> Self {
        Self { until: watch::Sender::new(Instant::now()), ended: Notify::new() }
    }

    /// The lease was renewed for `lease` by a request that was sent at `sent`.
    pub fn renewed(&self, sent: Instant, lease: Duration) {
        let until = sent + lease.mul_f64(0.75);
        self.until.send_if_modified(|known| {
            let later = until > *known;
            if later {
                *known = until;
            }
            later
        });
    }

    /// Nothing may be sent any more.
    pub fn end(&self) {
        self.until.send_replace(Instant::now());
        self.ended.notify_waiters();
    }

    /// Whether something may be sent now.
    #[must_use]
    pub fn holds(&self) -> bool {
        Instant::now() < *self.until.borrow()
    }

    /// Returns when something may be sent.
    pub async fn held(&self) {
        let mut until = self.until.subscribe();
        while Instant::now() >= *until.borrow_and_update() {
            if until.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns when nothing may be sent any more.
    pub async fn lost(&self) {
        loop {
            // Many wait here, and each commit renews: they look when the time is over, and are woken by `end` alone.
            let ended = self.ended.notified();
            let end = *self.until.borrow();
            if Instant::now() >= end {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(end) => {}
                () = ended => {}
            }
        }
    }
}

impl Default for LeaseClock {
    fn default() -> Self {
        Self::new()
    }
}
