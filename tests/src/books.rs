//! Databases that banks keep their books in, looked at behind everybody's back.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Executor as _, Row as _};

/// Fails at once where a row is locked.
const LOCK: &str = "SELECT account FROM accounts FOR UPDATE NOWAIT";

/// In which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Books {
    /// A file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    MariaDb,
    /// Redis: for banks only, the runtime performs no statements there.
    Redis,
}

impl Books {
    /// A fresh database for the bank `name`, a URL; files are in `dir`.
    ///
    /// # Panics
    /// If there is no server and none can be started.
    pub async fn create(self, dir: &Path, name: &str) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", dir.join(format!("{name}.db")).display()),
            Self::Postgres => reprise_test_services::postgres().await,
            Self::MariaDb => reprise_test_services::mariadb().await,
            Self::Redis => reprise_test_services::redis().await,
        }
    }

    /// How a workflow of the examples names it.
    #[must_use]
    pub const fn dialect(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MariaDb => "mysql",
            Self::Redis => "redis",
        }
    }

    /// Checks that nobody holds a lock on the accounts in the database at `url`, and that nothing of the executions whose
    /// gids begin with `gids` is prepared there: it would hold its locks for ever.
    ///
    /// # Errors
    /// Somebody does, or something is.
    pub async fn are_free(self, url: &str, gids: &str) -> Result<()> {
        let (prepared, locked) = match self {
            Self::Sqlite => {
                let mut connection = SqliteConnection::connect(url).await?;
                (Vec::new(), connection.execute("BEGIN IMMEDIATE").await.err())
            }
            Self::Postgres => {
                let mut connection = PgConnection::connect(url).await?;
                let prepared =
                    sqlx::query_scalar("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()");
                (prepared.fetch_all(&mut connection).await?, connection.execute(LOCK).await.err())
            }
            Self::MariaDb => {
                let mut connection = MySqlConnection::connect(url).await?;
                (prepared_in_mariadb(&mut connection, gids).await?, connection.execute(LOCK).await.err())
            }
            Self::Redis => return Ok(()),
        };
        ensure!(prepared.is_empty(), "still prepared in {self:?}: {prepared:?}");
        ensure!(locked.is_none(), "something is locked for ever in {self:?}: {locked:?}");
        Ok(())
    }
}

/// The list is the server's: others have theirs in it.
async fn prepared_in_mariadb(connection: &mut MySqlConnection, gids: &str) -> Result<Vec<String>> {
    let rows = connection.fetch_all("XA RECOVER").await?;
    let names = rows.iter().map(|row| row.try_get::<Vec<u8>, _>("data").context("XA RECOVER names what is prepared"));
    let names = names.collect::<Result<Vec<Vec<u8>>>>()?;
    let ours = names.iter().filter(|name| name.starts_with(gids.as_bytes()));
    Ok(ours.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}
