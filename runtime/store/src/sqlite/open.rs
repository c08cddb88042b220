//! Opening the file: whose it is, which version, whether it can be written, and how it is set up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlitePool, query, query_scalar};

use super::error::{advice, code, primary_code};
use super::{SqliteOptions, wal};
use crate::StoreError;

/// `Rprs`, in the file's header: this is a database of Reprise.
const APPLICATION_ID: i32 = 0x5270_7273;

/// A page is what a commit writes at least, and most commits touch few rows of each page.
const PAGE_BYTES: u32 = 4096;

/// How long a statement waits for a lock. Only another program can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call waits for a reader.
const READER_TIMEOUT: Duration = Duration::from_secs(10);

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Opens the writing connection; the caller holds the lock. Creates and migrates what is missing.
pub(super) async fn writer(options: &SqliteOptions) -> Result<(SqliteConnectOptions, SqliteConnection), StoreError> {
    check_owner(&options.path).await?;
    let settings = writer_settings(options);
    let mut connection = settings.connect().await.map_err(|error| open_error(&options.path, error))?;
    set_up(&mut connection, options).await?;
    Ok((settings, connection))
}

/// Connections that only read. They are opened when needed and then kept.
pub(super) fn readers(options: &SqliteOptions) -> SqlitePool {
    let settings = settings(&options.path).read_only(true).pragma("cache_size", "-8192");
    SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        .acquire_timeout(READER_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(settings)
}

fn settings(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
        // Rows cross between threads one by one; a page of a journal should not wait for its reader at each.
        .row_buffer_size(1_000)
}

fn writer_settings(options: &SqliteOptions) -> SqliteConnectOptions {
    settings(&options.path)
        .create_if_missing(true)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        // The write-ahead log is synced at every commit: what is acknowledged survives a power failure.
        .synchronous(SqliteSynchronous::Full)
        // A checkpoint syncs the log, writes the pages to their places and syncs the file, which may grow: tens of
        // milliseconds. Every `wal_pages` pages, hundreds of commits share one. The log is then written again from its
        // start, never truncated (journal_size_limit stays -1), so that a commit's sync finds a file that does not
        // grow: 0.4 ms instead of 4 ms.
        .pragma("wal_autocheckpoint", options.wal_pages.to_string())
        .pragma("cache_size", "-32768")
        .statement_cache_capacity(128)
}

/// Looks before anything is changed: another program's file stays as it is.
async fn check_owner(path: &Path) -> Result<(), StoreError> {
    let mut connection =
        settings(path).create_if_missing(true).connect().await.map_err(|error| open_error(path, error))?;
    let found = async {
        let application: i32 = query_scalar("PRAGMA application_id").fetch_one(&mut connection).await?;
        let tables: i64 = query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut connection).await?;
        Ok::<_, sqlx::Error>((application, tables))
    };
    let (application, tables) = found.await.map_err(|error| open_error(path, error))?;
    connection.close().await.map_err(|error| open_error(path, error))?;
    if application == APPLICATION_ID || (application == 0 && tables == 0) {
        return Ok(());
    }
    Err(refused(path, "is a database of another application; choose another file, this one is left as it is"))
}

async fn set_up(connection: &mut SqliteConnection, options: &SqliteOptions) -> Result<(), StoreError> {
    let path = &options.path;
    let sql = |error| open_error(path, error);
    let mode: String = query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await.map_err(sql)?;
    if mode != "wal" {
        return Err(refused(path, "can't have a write-ahead log here; choose a directory on a local disk"));
    }
    // Written at every open: a file that can only be read says so here, not with the first execution.
    let claim = AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"));
    query(claim).execute(&mut *connection).await.map_err(sql)?;
    MIGRATIONS.run_direct(None, connection, false).await.map_err(|error| migrate_error(path, error))?;
    let log_bytes = wal::bytes(options.wal_pages, PAGE_BYTES);
    let log = wal::path(path);
    match tokio::task::spawn_blocking(move || wal::allocate(&log, log_bytes)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the write-ahead log is not allocated; early commits are slower"),
        Err(error) => tracing::warn!(%error, "the write-ahead log is not allocated; early commits are slower"),
    }
    Ok(())
}

fn migrate_error(path: &Path, error: MigrateError) -> StoreError {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        open_error(path, error)
    } else if let MigrateError::VersionMissing(found) = error {
        refused(path, &format!("has schema {found}, this runtime knows up to {known}; start a newer runtime"))
    } else if let MigrateError::VersionMismatch(found) = error {
        refused(path, &format!("has another schema {found} than this runtime; start the one that made it"))
    } else {
        refused(path, &format!("can't be brought to schema {known}: {error}"))
    }
}

fn open_error(path: &Path, error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        Some(code::NOT_A_DATABASE) => refused(path, "is not a SQLite database; choose another file"),
        Some(code::CORRUPT) => refused(path, &format!("is damaged ({error}); restore a backup")),
        Some(code) => refused(path, &format!("fails: {error}; {}", advice(code))),
        None => refused(path, &format!("fails: {error}")),
    }
}

/// `text` continues a sentence that starts with the path.
pub(super) fn refused(path: &Path, text: &str) -> StoreError {
    StoreError::Open(format!("{} {text}", path.display()))
}

/// `path` with `suffix` after its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
