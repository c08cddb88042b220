//! Opening the file: whose it is, which version, whether it can be written, and how it is set up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _};

use super::error::{SqliteError, advice, code};
use super::{SqliteOptions, wal};
use crate::StoreError;

/// `Rprs`, in the file's header: this is a database of Reprise.
const APPLICATION_ID: i32 = 0x5270_7273;

/// A page is what a commit writes at least, and most commits touch few rows of each page.
const PAGE_BYTES: u32 = 4096;

/// How long a statement waits for a lock. Only another program can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that stay prepared for each connection: all there are, and the lists people ask for lately.
const STATEMENTS: usize = 64;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Opens the writing connection; the caller holds the lock. Creates and migrates what is missing.
pub(super) async fn writer(options: &SqliteOptions) -> Result<Connection, StoreError> {
    let claimed = options.clone();
    let connection = blocking(&options.path, move || claim(&claimed)).await?;
    migrate(&options.path).await?;
    let (log, log_bytes) = (wal::path(&options.path), wal::bytes(options.wal_pages, PAGE_BYTES));
    blocking(&options.path, move || {
        if let Err(error) = wal::allocate(&log, log_bytes) {
            tracing::warn!(%error, "the write-ahead log is not allocated; early commits are slower");
        }
        Ok(())
    })
    .await?;
    Ok(connection)
}

/// A connection as writer and readers have it. It belongs to one thread at a time, so SQLite need not lock it.
pub(super) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, SqliteError> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// A connection that writes, to a file that is ours.
pub(super) fn writing(options: &SqliteOptions) -> Result<Connection, SqliteError> {
    let connection = connect(&options.path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // The write-ahead log is synced at every commit: what is acknowledged survives a power failure.
    connection.pragma_update(None, "synchronous", "full")?;
    // A checkpoint syncs the log, writes the pages to their places and syncs the file, which may grow: tens of
    // milliseconds. Every `wal_pages` pages, hundreds of commits share one. The log is then written again from its
    // start, never truncated (journal_size_limit stays -1), so that a commit's sync finds a file that does not
    // grow: 0.4 ms instead of 4 ms.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", options.wal_pages, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -32768)?;
    Ok(connection)
}

/// Looks whose file it is before anything is changed: another program's stays as it is. Then makes it ours.
fn claim(options: &SqliteOptions) -> Result<Connection, StoreError> {
    let path = &options.path;
    let failed = |error: SqliteError| open_error(path, &error);
    if !is_ours(path).map_err(failed)? {
        return Err(refused(
            path,
            "is a database of another application; choose another file, this one is left as it is",
        ));
    }
    let connection = writing(options).map_err(failed)?;
    let mode: String =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(|error| failed(error.into()))?;
    if mode != "wal" {
        return Err(refused(path, "can't have a write-ahead log here; choose a directory on a local disk"));
    }
    // Written at every open: a file that can only be read says so here, not with the first execution.
    connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(|error| failed(error.into()))?;
    Ok(connection)
}

fn is_ours(path: &Path) -> Result<bool, SqliteError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(application == APPLICATION_ID || (application == 0 && tables == 0))
}

/// Brings the schema up to date, on a connection of its own: sqlx keeps the same table of migrations in every database.
async fn migrate(path: &Path) -> Result<(), StoreError> {
    let settings = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
    let failed = |error: sqlx::Error| refused(path, &format!("fails: {error}"));
    let mut connection = settings.connect().await.map_err(failed)?;
    let done = MIGRATIONS.run_direct(None, &mut connection, false).await;
    done.map_err(|error| migrate_error(path, error))?;
    connection.close().await.map_err(failed)
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(refused(path, &format!("was not opened: {error}"))),
    }
}

fn migrate_error(path: &Path, error: MigrateError) -> StoreError {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    if let MigrateError::VersionMissing(found) = error {
        refused(path, &format!("has schema {found}, this runtime knows up to {known}; start a newer runtime"))
    } else if let MigrateError::VersionMismatch(found) = error {
        refused(path, &format!("has another schema {found} than this runtime; start the one that made it"))
    } else {
        refused(path, &format!("can't be brought to schema {known}: {error}"))
    }
}

fn open_error(path: &Path, error: &SqliteError) -> StoreError {
    match error.primary_code() {
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
