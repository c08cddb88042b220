//! Opening: reaches the server, takes the lease, brings the schema up to date.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::Pool;
use sqlx::migrate::MigrateError;
use sqlx::pool::PoolOptions;

use super::ServerOptions;
use super::dialect::{ConnectionOf, Dialect};
use super::error::describe;
use super::lease::{self, open_error};
use super::writer::{Way, Writer};
use crate::StoreError;

/// Idle for longer, a connection is asked whether it still works before it is used.
const FRESH: Duration = Duration::from_secs(1);

/// Idle for longer, it is closed: before what stands between closes it silently.
const IDLE: Duration = Duration::from_secs(60);

/// Older, it is closed: so that a server that is back gets its share.
const LIFETIME: Duration = Duration::from_secs(600);

/// A writer that has the lease.
pub(super) async fn writer<D: Dialect>(options: ServerOptions) -> Result<(Arc<Way<D>>, Writer<D>), StoreError> {
    if options.lease < Duration::from_millis(100) {
        return Err(StoreError::Open("the lease is too short; use 100 ms or more".into()));
    }
    // The text of the error names what is wrong, never the URL.
    let settings = D::settings(&options.url)
        .map_err(|error| StoreError::Open(format!("`store_url` can't be used: {}", describe(&error))))?;
    let way = Arc::new(Way::<D> { settings, options });
    let mut connection = way.connect().await.map_err(open_error)?;
    let epoch = lease::claim::<D>(&mut connection, &way.options).await?;
    if let Err(error) = migrate::<D>(&mut connection).await {
        lease::release::<D>(&mut connection, epoch).await;
        return Err(error);
    }
    let writer = Writer::new(Arc::clone(&way), connection, epoch);
    Ok((way, writer))
}

/// Connections that read. The first one is made when it is needed.
pub(super) fn readers<D: Dialect>(way: &Way<D>) -> Pool<D::Database> {
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

async fn migrate<D: Dialect>(connection: &mut ConnectionOf<D>) -> Result<(), StoreError> {
    let known = D::schema();
    let text = match D::migrate(connection).await {
        Ok(()) => return Ok(()),
        Err(MigrateError::VersionMissing(found)) => {
            format!("the database has schema {found}, this runtime knows up to {known}; start a newer runtime")
        }
        Err(MigrateError::VersionMismatch(found)) => {
            format!("the database has another schema {found} than this runtime; start the one that made it")
        }
        Err(MigrateError::Execute(error)) => format!(
            "the database can't be brought to schema {known}: {}; grant the user what it needs, or empty the database",
            describe(&error)
        ),
        Err(error) => format!("the database can't be brought to schema {known}: {error}"),
    };
    Err(StoreError::Open(text))
}
