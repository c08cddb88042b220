//! Opens the store that the configuration names, and keeps hold of a lease on it where there is one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use reprise_store::{MemoryStore, MySqlStore, PostgresStore, ServerStore, SqliteStore, Store};

use super::{ServeError, make_private};
use crate::config::{Config, StoreKind};

/// What a process has that is the only one to use a database.
pub(super) enum Lease {
    Postgres(Arc<PostgresStore>),
    MySql(Arc<MySqlStore>),
}

impl Lease {
    /// Returns when another process has it.
    pub(super) fn fenced(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Postgres(store) => Box::pin(store.fenced()),
            Self::MySql(store) => Box::pin(store.fenced()),
        }
    }

    /// The next process need not wait then.
    pub(super) async fn give_back(self) {
        let closed = match self {
            Self::Postgres(store) => store.close().await,
            Self::MySql(store) => store.close().await,
        };
        if let Err(error) = closed {
            tracing::warn!(%error, "the lease is not given back; it ends by itself");
        }
    }
}

pub(super) async fn open_store(config: &Config) -> Result<(Arc<dyn Store>, Option<Lease>), ServeError> {
    if config.store != StoreKind::Memory {
        let path = config.data_dir.clone();
        make_private(&path).map_err(|source| ServeError::DataDir { path, source })?;
    }
    Ok(match config.store {
        StoreKind::Memory => (Arc::new(MemoryStore::new()), None),
        StoreKind::Sqlite => (Arc::new(SqliteStore::open(config.sqlite()).await?), None),
        StoreKind::Postgres => {
            let store: Arc<PostgresStore> = Arc::new(ServerStore::open(config.store_server()).await?);
            (Arc::<PostgresStore>::clone(&store), Some(Lease::Postgres(store)))
        }
        StoreKind::Mysql => {
            let store: Arc<MySqlStore> = Arc::new(ServerStore::open(config.store_server()).await?);
            (Arc::<MySqlStore>::clone(&store), Some(Lease::MySql(store)))
        }
    })
}
