//! One database: its pools, and connections that go back to a pool only when they are clean.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reprise_barrier::{Tables, create_tables};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions as _, Connection as _, Pool};
use tokio::sync::OnceCell;

use crate::config::{DatabaseConfig, DatabasesError};
use crate::dialect::{Dialect, pool};
use crate::failure::{Failure, describe};

/// Connections for what has to be written beside an XA transaction that holds a connection already. They are never
/// waited for while holding one of them, so few are enough.
const SIDE_CONNECTIONS: u32 = 2;

/// Connections that are held for each one of the pool: beyond them a connection is closed, and its transaction ended from
/// another one.
const HELD_PER_CONNECTION: u32 = 8;

/// One database.
#[derive(Debug)]
pub(crate) struct Database<D: Dialect> {
    pool: Pool<D>,
    side: Pool<D>,
    pub(crate) tables: Tables,
    statement_timeout: Duration,
    has_tables: OnceCell<()>,
    /// Connections whose prepared transaction is attached to them, by its name; apart from the pool.
    held: Mutex<HashMap<String, D::Connection>>,
    held_max: usize,
}

impl<D: Dialect> Database<D> {
    pub(crate) fn new(name: &str, config: &DatabaseConfig) -> Result<Self, DatabasesError> {
        for (key, value) in [
            ("connections", u64::from(config.connections)),
            ("connect_timeout_ms", config.connect_timeout_ms),
            ("statement_timeout_ms", config.statement_timeout_ms),
        ] {
            if value == 0 {
                return Err(DatabasesError::Zero { name: name.to_owned(), key });
            }
        }
        let tables =
            config.tables().map_err(|source| DatabasesError::BarrierTable { name: name.to_owned(), source })?;
        // The text of the error names what is wrong, never the URL.
        let options = D::options(config)
            .map(|options| options.disable_statement_logging())
            .map_err(|error| DatabasesError::Url { name: name.to_owned(), reason: error.to_string() })?;
        Ok(Self {
            pool: pool::<D>(config.connections, config, options.clone()),
            side: pool::<D>(SIDE_CONNECTIONS, config, options),
            tables: tables.unwrap_or_else(Tables::default_of::<D>),
            statement_timeout: config.statement_timeout(),
            has_tables: OnceCell::new(),
            held: Mutex::default(),
            held_max: (config.connections.saturating_mul(HELD_PER_CONNECTION)) as usize,
        })
    }

    /// How long the server may work on one statement.
    pub(crate) fn limit(&self, timeout: Duration) -> Duration {
        timeout.min(self.statement_timeout)
    }

    /// A connection on which nothing is open. The first one creates the barrier tables if they are missing.
    pub(crate) async fn lease(&self) -> Result<Lease<D>, Failure> {
        let mut lease = Lease(Some(self.pool.acquire().await.map_err(|error| Failure::of_way(&error))?));
        let created = self.has_tables.get_or_try_init(|| create_tables::<D>(&mut lease, &self.tables)).await;
        match created {
            Ok(()) => Ok(lease),
            Err(error) => Err(Failure::of_barrier::<D>(error)),
        }
    }

    /// A connection, with the plans that it has of earlier statements or without.
    pub(crate) async fn lease_with(&self, plans: Plans) -> Result<Lease<D>, Failure> {
        let mut lease = self.lease().await?;
        match plans {
            Plans::Kept => Ok(lease),
            Plans::Fresh => {
                let forgotten = lease.clear_cached_statements().await;
                forgotten.map_err(|error| Failure::of_way(&error)).map(|()| lease)
            }
        }
    }

    /// Keeps the connection that a prepared transaction is attached to; closes it if there are too many.
    pub(crate) async fn hold(&self, name: &str, lease: Lease<D>) {
        let connection = lease.detach();
        let refused = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if held.len() < self.held_max { held.insert(name.to_owned(), connection) } else { Some(connection) }
        };
        if let Some(connection) = refused {
            close::<D>(connection).await;
        }
    }

    /// Whether the transaction of this name is attached to a connection of this process.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// The connection that the transaction of this name is attached to. Dropped, it is closed.
    pub(crate) fn take_held(&self, name: &str) -> Option<D::Connection> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    /// A connection beside the one that holds an XA transaction.
    pub(crate) async fn side_lease(&self) -> Result<Lease<D>, Failure> {
        let connection = self.side.acquire().await;
        connection.map(|connection| Lease(Some(connection))).map_err(|error| Failure::of_way(&error))
    }
}

/// What a connection knows of statements it ran before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plans {
    Kept,
    Fresh,
}

/// A connection in use. Dropped before [`Lease::give_back`], it is closed: what is under way on it ends there.
#[derive(Debug)]
pub(crate) struct Lease<D: Dialect>(Option<PoolConnection<D>>);

impl<D: Dialect> Lease<D> {
    /// Returns the connection to its pool; nothing may be open on it.
    pub(crate) fn give_back(mut self) {
        drop(self.0.take());
    }

    /// Closes the connection and waits until the server has heard of it, so that what it held is free sooner.
    pub(crate) async fn close(self) {
        close::<D>(self.detach()).await;
    }

    /// The connection, which is the pool's no more.
    fn detach(mut self) -> D::Connection {
        self.0.take().expect("taken only by what consumes the lease").detach()
    }

    /// Ends what is open and returns the connection; if that fails it is closed, which ends it too.
    pub(crate) async fn roll_back(mut self) {
        match D::command(&mut self, "ROLLBACK".into()).await {
            Ok(()) => self.give_back(),
            Err(error) => tracing::debug!(error = %describe(&error), "ROLLBACK failed; the connection is closed"),
        }
    }
}

/// Closes a connection and waits until the server has heard of it.
pub(crate) async fn close<D: Dialect>(connection: D::Connection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(error = %describe(&error), "the connection did not close cleanly");
    }
}

impl<D: Dialect> Deref for Lease<D> {
    type Target = D::Connection;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().expect("taken only by give_back and drop, which consume the lease")
    }
}

impl<D: Dialect> DerefMut for Lease<D> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0.as_mut().expect("taken only by give_back and drop, which consume the lease")
    }
}

impl<D: Dialect> Drop for Lease<D> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}
