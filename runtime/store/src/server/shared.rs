//! What the verbs of a store and its heartbeat share: the writer, the connections that read, the node.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Pool;
use tokio::sync::{Mutex, watch};

use super::dialect::{Dialect, RowOf, Value};
use super::error::ServerError;
use super::node::Node;
use super::writer::{Work, Writer};
use crate::StoreError;

/// How often a read is tried whose connection turns out to be dead.
const READ_ATTEMPTS: u32 = 3;

/// One node's way to its database.
pub(super) struct Shared<D: Dialect> {
    pub(super) node: Arc<Node>,
    pub(super) writer: Mutex<Writer<D>>,
    pub(super) readers: Pool<D::Database>,
    /// Longest time of a verb.
    pub(super) verb_timeout: Duration,
    /// Longest time of a write. Later its answer would be of no use: the lease, which only its end renews, would be over.
    pub(super) write_timeout: Duration,
    pub(super) fenced: watch::Sender<bool>,
}

/// What is asked: a text with `?` for values, or one with `{keys}`.
#[derive(Debug, Clone, Copy)]
enum Question<'a> {
    Values(&'a [Value<'a>]),
    Keys(&'a [i64]),
}

impl<D: Dialect> Shared<D> {
    /// Performs a verb that writes, or gives it up in time: then its connection is closed.
    pub(super) async fn write<T>(
        &self,
        limit: Duration,
        verb: impl Future<Output = Result<T, ServerError>>,
    ) -> Result<T, StoreError> {
        let done = within(limit, verb).await;
        if let Err(error @ ServerError::Fenced { .. }) = &done {
            self.fence(error);
        }
        Ok(done?)
    }

    /// Performs `work` in a transaction of its own, more than once if others are in its way.
    pub(super) async fn perform<W: Work<D>>(&self, work: W) -> Result<W::Done, StoreError> {
        self.write(self.write_timeout, async { self.writer.lock().await.perform(work).await }).await
    }

    /// Another node has buried this one.
    pub(super) fn fence(&self, error: &ServerError) {
        self.node.clock.end();
        if !self.fenced.send_replace(true) {
            tracing::error!(%error, "fenced");
        }
    }

    /// Rows of a text with `?` for values.
    pub(super) async fn fetch(&self, text: &str, values: &[Value<'_>]) -> Result<Vec<RowOf<D>>, ServerError> {
        self.read(text, Question::Values(values)).await
    }

    /// Rows of a text with `{keys}`; none if there are no keys.
    pub(super) async fn fetch_of(&self, text: &str, keys: &[i64]) -> Result<Vec<RowOf<D>>, ServerError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.read(text, Question::Keys(keys)).await
    }

    /// One statement that needs no lease: it says itself when it may change something.
    pub(super) async fn change(&self, text: &str, values: &[Value<'_>]) -> Result<u64, ServerError> {
        within(self.verb_timeout, async {
            let mut connection = self.readers.acquire().await?;
            let done = D::change(&mut connection, &D::text(text), values).await;
            if done.is_err() {
                connection.close_on_drop();
            }
            Ok(done?)
        })
        .await
    }

    async fn read(&self, text: &str, question: Question<'_>) -> Result<Vec<RowOf<D>>, ServerError> {
        let text = D::text(text);
        let reading = async {
            let mut attempt = 1;
            loop {
                match self.try_read(&text, question).await {
                    Err(error) if attempt < READ_ATTEMPTS && error.is_way() => attempt += 1,
                    done => return done,
                }
            }
        };
        within(self.verb_timeout, reading).await
    }

    async fn try_read(&self, text: &str, question: Question<'_>) -> Result<Vec<RowOf<D>>, ServerError> {
        let mut connection = self.readers.acquire().await?;
        let done = match question {
            Question::Values(values) => D::fetch(&mut connection, text, values).await,
            Question::Keys(keys) => D::fetch_of(&mut connection, text, keys).await,
        };
        if done.is_err() {
            // After a failover it may lead to the wrong server.
            connection.close_on_drop();
        }
        Ok(done?)
    }
}

async fn within<T>(limit: Duration, verb: impl Future<Output = Result<T, ServerError>>) -> Result<T, ServerError> {
    tokio::time::timeout(limit, verb).await.unwrap_or(Err(ServerError::Slow(limit)))
}
