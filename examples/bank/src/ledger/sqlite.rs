//! The books in a SQLite file.

use std::{str::FromStr, time::Duration};

use sqlx::{
    Sqlite, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::sql::{Dialect, LedgerDatabase, verbs};

const ACCOUNTS: &str = "
CREATE TABLE IF NOT EXISTS accounts (
    account TEXT PRIMARY KEY,
    balance INTEGER NOT NULL,
    frozen INTEGER NOT NULL
)";

const EFFECTS: &str = "
CREATE TABLE IF NOT EXISTS effects (
    id INTEGER PRIMARY KEY,
    gid TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    op TEXT NOT NULL,
    account TEXT NOT NULL,
    delta_balance INTEGER NOT NULL,
    delta_frozen INTEGER NOT NULL
)";

impl LedgerDatabase for Sqlite {
    const SQL: Dialect = Dialect {
        create: &[ACCOUNTS, EFFECTS, "CREATE INDEX IF NOT EXISTS effects_by_branch ON effects (gid, branch_id, op)"],
        put: "INSERT INTO accounts (account, balance, frozen) VALUES (?, ?, 0)
              ON CONFLICT (account) DO UPDATE SET balance = excluded.balance, frozen = 0",
        lock: "",
        integer: "INTEGER",
        numbered: false,
    };

    verbs!();
}

/// `url`: a URL, or the path of a file, which is created if it is missing.
pub(super) async fn pool(url: &str) -> sqlx::Result<SqlitePool> {
    let options = if url.starts_with("sqlite:") {
        SqliteConnectOptions::from_str(url)?
    } else {
        SqliteConnectOptions::new().filename(url)
    };
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(30));
    // One connection: writers queue here, in order, rather than poll SQLite's lock.
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await
}
