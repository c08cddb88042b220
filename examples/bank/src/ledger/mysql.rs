//! The books in MySQL or MariaDB.

use std::time::Duration;

use sqlx::{MySql, MySqlPool, mysql::MySqlPoolOptions};

use super::sql::{Dialect, LedgerDatabase, verbs};

/// Texts are compared byte by byte, as the other databases do it.
const ACCOUNTS: &str = "
CREATE TABLE IF NOT EXISTS accounts (
    account varchar(128) PRIMARY KEY,
    balance bigint NOT NULL,
    frozen bigint NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";

const EFFECTS: &str = "
CREATE TABLE IF NOT EXISTS effects (
    id bigint PRIMARY KEY AUTO_INCREMENT,
    gid varchar(128) NOT NULL,
    branch_id varchar(128) NOT NULL,
    op varchar(45) NOT NULL,
    account varchar(128) NOT NULL,
    delta_balance bigint NOT NULL,
    delta_frozen bigint NOT NULL,
    KEY effects_by_branch (gid, branch_id, op)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";

impl LedgerDatabase for MySql {
    const SQL: Dialect = Dialect {
        create: &[ACCOUNTS, EFFECTS],
        put: "INSERT INTO accounts (account, balance, frozen) VALUES (?, ?, 0)
              ON DUPLICATE KEY UPDATE balance = VALUES(balance), frozen = 0",
        lock: "FOR UPDATE",
        integer: "SIGNED",
        numbered: false,
    };

    verbs!();
}

/// Connections to the database at `url`; the database has to exist.
pub(super) async fn pool(url: &str) -> sqlx::Result<MySqlPool> {
    // A server that is down is reported soon: the caller tries again anyway.
    MySqlPoolOptions::new().max_connections(16).acquire_timeout(Duration::from_secs(5)).connect(url).await
}
