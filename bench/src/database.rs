//! A fresh database on a server of its own that syncs each commit, on the disk that is measured.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use reprise::config::StoreKind;
use reprise_store::{MySqlStore, PostgresStore, ServerOptions, SqliteOptions, SqliteStore, Store};
use reprise_test_services::Server;

/// Runs as long as it is kept.
pub(crate) struct Database {
    /// Where it is.
    pub(crate) url: String,
    _server: Server,
}

impl Database {
    /// Starts it; none where the store needs none. `dir`: an empty folder.
    pub(crate) async fn start(store: StoreKind, dir: &Path) -> Result<Option<Self>> {
        let folder = dir.join("server");
        let start: fn(&Path) -> _ = match store {
            StoreKind::Sqlite | StoreKind::Memory => return Ok(None),
            StoreKind::Postgres => Server::start_postgres,
            StoreKind::Mysql => Server::start_mariadb,
        };
        let server = tokio::task::spawn_blocking(move || start(&folder)).await??;
        Ok(Some(Self { url: server.database().await?, _server: server }))
    }
}

/// An empty store, and what it runs on.
pub(crate) async fn store(kind: StoreKind, dir: &Path) -> Result<(Arc<dyn Store>, Option<Database>)> {
    let database = Database::start(kind, dir).await?;
    let options = ServerOptions::new(database.as_ref().map_or("", |database| &database.url));
    let store: Arc<dyn Store> = match kind {
        StoreKind::Sqlite => Arc::new(SqliteStore::open(SqliteOptions::new(dir.join("append.db"))).await?),
        StoreKind::Postgres => Arc::new(PostgresStore::open(options).await?),
        StoreKind::Mysql => Arc::new(MySqlStore::open(options).await?),
        StoreKind::Memory => Arc::new(reprise_store::MemoryStore::new()),
    };
    Ok((store, database))
}
