//! The books in PostgreSQL.

use std::time::Duration;

use sqlx::{PgPool, Postgres, postgres::PgPoolOptions};

use super::sql::{Dialect, LedgerDatabase, verbs};

const ACCOUNTS: &str = "
CREATE TABLE IF NOT EXISTS accounts (
    account text PRIMARY KEY,
    balance bigint NOT NULL,
    frozen bigint NOT NULL
)";

const EFFECTS: &str = "
CREATE TABLE IF NOT EXISTS effects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gid text NOT NULL,
    branch_id text NOT NULL,
    op text NOT NULL,
    account text NOT NULL,
    delta_balance bigint NOT NULL,
    delta_frozen bigint NOT NULL
)";

/// Even `IF NOT EXISTS` would wait for whoever has changed the table, and an XA branch that is prepared may be waiting for
/// this bank to come back.
const EFFECTS_BY_BRANCH: &str = "
DO $$ BEGIN
    IF to_regclass('effects_by_branch') IS NULL THEN
        CREATE INDEX effects_by_branch ON effects (gid, branch_id, op);
    END IF;
END $$";

impl LedgerDatabase for Postgres {
    const SQL: Dialect = Dialect {
        create: &[ACCOUNTS, EFFECTS, EFFECTS_BY_BRANCH],
        put: "INSERT INTO accounts (account, balance, frozen) VALUES (?, ?, 0)
              ON CONFLICT (account) DO UPDATE SET balance = excluded.balance, frozen = 0",
        lock: "FOR UPDATE",
        integer: "bigint",
        numbered: true,
    };

    verbs!();
}

/// Connections to the database at `url`; the database has to exist.
pub(super) async fn pool(url: &str) -> sqlx::Result<PgPool> {
    // A server that is down is reported soon: the caller tries again anyway.
    PgPoolOptions::new().max_connections(16).acquire_timeout(Duration::from_secs(5)).connect(url).await
}
