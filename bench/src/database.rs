//! Stores: a fresh database on a server of its own that syncs each commit, on the disk that is measured; a store that
//! can be closed; and what a database says of itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use reprise::config::{Config, Secret, StoreKind};
use reprise_store::{MemoryStore, MySqlStore, PostgresStore, SqliteStore, Store};
use reprise_test_services::Server;
use sqlx::{Connection as _, MySqlConnection, PgConnection};

/// The name of a kind in figures.
pub(crate) const fn name(store: StoreKind) -> &'static str {
    match store {
        StoreKind::Sqlite => "sqlite",
        StoreKind::Postgres => "postgres",
        StoreKind::Mysql => "mysql",
        StoreKind::Memory => "memory",
    }
}

/// A database, empty at first; its server runs as long as one of its databases is kept.
pub(crate) struct Database {
    url: String,
    server: Arc<Server>,
}

impl Database {
    /// Starts a server; none where the store needs none. `dir`: an empty folder.
    pub(crate) async fn start(store: StoreKind, dir: &Path) -> Result<Option<Self>> {
        let folder = dir.join("server");
        let start: fn(&Path) -> _ = match store {
            StoreKind::Sqlite | StoreKind::Memory => return Ok(None),
            StoreKind::Postgres => Server::start_postgres,
            StoreKind::Mysql => Server::start_mariadb,
        };
        let server = tokio::task::spawn_blocking(move || start(&folder)).await??;
        Ok(Some(Self { url: server.database().await?, server: Arc::new(server) }))
    }

    /// One more on the same server.
    pub(crate) async fn another(&self) -> Result<Self> {
        Ok(Self { url: self.server.database().await?, server: Arc::clone(&self.server) })
    }

    /// As a configuration names it.
    pub(crate) fn secret(&self) -> Secret {
        self.url.clone().into()
    }
}

/// A store that is used without a runtime, and closed so that the next one need not wait.
pub(crate) enum Opened {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
    Mysql(MySqlStore),
    Memory(Box<MemoryStore>),
}

impl Opened {
    /// The store of a configuration.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        std::fs::create_dir_all(&config.data_dir)?;
        Ok(match config.store {
            StoreKind::Sqlite => Self::Sqlite(SqliteStore::open(config.sqlite()).await?),
            StoreKind::Postgres => Self::Postgres(PostgresStore::open(config.store_server()).await?),
            StoreKind::Mysql => Self::Mysql(MySqlStore::open(config.store_server()).await?),
            StoreKind::Memory => Self::Memory(Box::default()),
        })
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(store) => store,
            Self::Mysql(store) => store,
            Self::Memory(store) => store.as_ref(),
        }
    }

    /// Gives up what it holds: the lock of the file, or the lease.
    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Self::Sqlite(store) => store.close().await?,
            Self::Postgres(store) => store.close().await?,
            Self::Mysql(store) => store.close().await?,
            Self::Memory(_) => {}
        }
        Ok(())
    }
}

/// Looks at a database from outside.
pub(crate) enum Gauge {
    File(PathBuf),
    Postgres(PgConnection),
    Mysql(MySqlConnection),
    Nothing,
}

impl Gauge {
    /// For the store of a configuration.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let url = config.store_url.as_ref().map_or("", Secret::reveal);
        Ok(match config.store {
            StoreKind::Sqlite => Self::File(config.sqlite().path),
            StoreKind::Postgres => Self::Postgres(PgConnection::connect(url).await?),
            StoreKind::Mysql => Self::Mysql(MySqlConnection::connect(url).await?),
            StoreKind::Memory => Self::Nothing,
        })
    }

    /// Write transactions that the database has committed so far; none if it does not count them.
    ///
    /// SQLite counts them in the header of the log's index (`iChange`, the third word,
    /// <https://www.sqlite.org/walformat.html#the_wal_index_header>). PostgreSQL gives each a number; its statistics
    /// (`xact_commit`) come up to a second late and count reads too. MariaDB counts `COMMIT` commands.
    pub(crate) async fn commits(&mut self) -> Result<Option<u64>> {
        Ok(match self {
            Self::File(file) => wal_change(file).map(u64::from),
            Self::Postgres(connection) => {
                let next = sqlx::query_scalar("SELECT txid_snapshot_xmax(txid_current_snapshot())");
                count(next.fetch_one(connection).await?)
            }
            Self::Mysql(connection) => {
                let status = sqlx::query_as("SHOW GLOBAL STATUS LIKE 'Com_commit'");
                let (_, value): (String, String) = status.fetch_one(connection).await?;
                Some(value.parse().with_context(|| format!("Com_commit is {value:?}"))?)
            }
            Self::Nothing => None,
        })
    }

    /// Bytes of the database on the disk, indexes included and logs not. The store should be closed.
    pub(crate) async fn bytes(&mut self) -> Result<Option<u64>> {
        Ok(match self {
            Self::File(file) => Some(std::fs::metadata(file)?.len()),
            Self::Postgres(connection) => {
                let size = sqlx::query_scalar("SELECT pg_database_size(current_database())");
                count(size.fetch_one(connection).await?)
            }
            Self::Mysql(connection) => {
                let text = "SELECT CAST(SUM(file_size) AS SIGNED) FROM information_schema.innodb_sys_tablespaces \
                            WHERE name LIKE CONCAT(DATABASE(), '/%')";
                count(sqlx::query_scalar(text).fetch_one(connection).await?)
            }
            Self::Nothing => None,
        })
    }
}

fn count(value: i64) -> Option<u64> {
    u64::try_from(value).ok()
}

fn wal_change(file: &Path) -> Option<u32> {
    let mut index = file.as_os_str().to_owned();
    index.push("-shm");
    let header = std::fs::read(index).ok()?;
    let word: [u8; 4] = header.get(8..12)?.try_into().ok()?;
    Some(u32::from_ne_bytes(word))
}

/// Refuses a store that is gone with its process.
pub(crate) fn durable(store: StoreKind) -> Result<()> {
    if store == StoreKind::Memory {
        bail!("a store in memory holds nothing for another process; choose sqlite, postgres or mysql");
    }
    Ok(())
}
