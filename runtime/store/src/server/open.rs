//! Opening: reaches the server, sees to the schema, becomes a node.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::Pool;
use sqlx::pool::PoolOptions;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::dialect::{ConnectionOf, Dialect};
use super::error::{ServerError, Sort, describe, open_error};
use super::node::Node;
use super::shared::Shared;
use super::writer::{Way, Writer, lease_ms};
use super::{ServerOptions, heartbeat, schema};
use crate::StoreError;

/// Idle for longer, a connection is asked whether it still works before it is used.
const FRESH: Duration = Duration::from_secs(1);

/// Idle for longer, it is closed: before what stands between closes it silently.
const IDLE: Duration = Duration::from_secs(60);

/// Older, it is closed: so that a server that is back gets its share.
const LIFETIME: Duration = Duration::from_secs(600);

/// A write gets so much time at least, however short the lease.
const WRITE: Duration = Duration::from_secs(2);

/// A node that lives, and its connections.
pub(super) async fn open<D: Dialect>(options: ServerOptions) -> Result<Shared<D>, StoreError> {
    if options.lease < Duration::from_millis(100) {
        return Err(StoreError::Open("the lease is too short; use 100 ms or more".into()));
    }
    // The text of the error names what is wrong, never the URL.
    let settings = D::settings(&options.url)
        .map_err(|error| StoreError::Open(format!("`store_url` can't be used: {}", describe(&error))))?;
    let verb_timeout = options.verb_timeout;
    let write_timeout = verb_timeout.min(WRITE.max(options.lease * 3 / 4));
    let way = Arc::new(Way::<D> { settings, options });
    let mut connection = way.connect().await.map_err(open_error)?;
    schema::settle(&way, &mut connection).await?;
    let node = Arc::new(enter::<D>(&way, &mut connection).await.map_err(open_error)?);
    let readers = readers(&way);
    let writer = Mutex::new(Writer::new(way, Arc::clone(&node), connection));
    let shared = Shared { node, writer, readers, verb_timeout, write_timeout, fenced: watch::Sender::new(false) };
    heartbeat::look_first(&shared).await.map_err(open_error)?;
    Ok(shared)
}

/// Becomes a node. Others may do so at the same time.
async fn enter<D: Dialect>(way: &Way<D>, connection: &mut ConnectionOf<D>) -> Result<Node, ServerError> {
    let give_up = Instant::now() + way.options.verb_timeout;
    loop {
        match Node::enter::<D>(connection, &way.options, lease_ms(&way.options)).await {
            Err(error) if error.sort() == Sort::Again && Instant::now() < give_up => {
                D::command(connection, "ROLLBACK".into()).await?;
            }
            done => return done,
        }
    }
}

/// Connections that read. The first one is made when it is needed.
fn readers<D: Dialect>(way: &Way<D>) -> Pool<D::Database> {
    let limits = Way::<D>::limits(&way.options);
    PoolOptions::new()
        .max_connections(way.options.readers)
        .acquire_timeout(way.options.connect_timeout)
        .idle_timeout(IDLE)
        .max_lifetime(LIFETIME)
        .test_before_acquire(false)
        .before_acquire(|connection: &mut ConnectionOf<D>, met| {
            Box::pin(async move {
                if met.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| Box::pin(D::prepare(connection, limits)))
        .connect_lazy_with(way.settings.clone())
}
