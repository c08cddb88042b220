//! MySQL and MariaDB: an insert waits for the transaction that holds the same key, but a plain read sees the past.
//!
//! Under `REPEATABLE READ`, the default, a transaction reads as of its first read, so a place that was taken since then
//! would look free. Reads of taken places are therefore locking ones (`LOCK IN SHARE MODE`, which old and new versions
//! of both know). A locking read of a row that isn't there would lock the gap and make strangers deadlock, so a place
//! that was free is read plainly, and the strict insert of the reply catches what that misses.

use sqlx::MySql;

use super::{BarrierDatabase, Dialect, Placeholders, Schema, Sealed, TextEquality, verbs};

/// DTM's own text. It names no collation, so two gids that differ by case only take the same place; see
/// [`TextEquality::Collated`].
const BARRIER: &str = "
CREATE TABLE IF NOT EXISTS {table} (
    id bigint(22) PRIMARY KEY AUTO_INCREMENT,
    trans_type varchar(45) DEFAULT '',
    gid varchar(128) DEFAULT '',
    branch_id varchar(128) DEFAULT '',
    op varchar(45) DEFAULT '',
    barrier_id varchar(45) DEFAULT '',
    reason varchar(45) DEFAULT '' COMMENT 'the branch type who insert this record',
    create_time datetime DEFAULT now(),
    update_time datetime DEFAULT now(),
    KEY (create_time),
    KEY (update_time),
    UNIQUE KEY (gid, branch_id, op, barrier_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4";

const REPLY: &str = "
CREATE TABLE IF NOT EXISTS {table}_reply (
    id bigint PRIMARY KEY AUTO_INCREMENT,
    gid varchar(128) NOT NULL,
    branch_id varchar(128) NOT NULL,
    op varchar(45) NOT NULL,
    barrier_id varchar(45) NOT NULL,
    reply longtext NOT NULL,
    create_time datetime NOT NULL DEFAULT now(),
    KEY (create_time),
    UNIQUE KEY (gid, branch_id, op, barrier_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";

impl Sealed for MySql {}

impl BarrierDatabase for MySql {
    const DIALECT: Dialect = Dialect {
        barrier: "dtm_barrier.barrier",
        begin: "START TRANSACTION",
        placeholders: Placeholders::Marks,
        insert: "INSERT IGNORE",
        on_conflict: "",
        current: "LOCK IN SHARE MODE",
        text_equality: TextEquality::Collated,
        schema: Some(Schema {
            find: "SELECT schema_name FROM information_schema.schemata WHERE schema_name = ?",
            create: "CREATE DATABASE IF NOT EXISTS {schema} DEFAULT CHARACTER SET utf8mb4",
        }),
        create_barrier: &[BARRIER],
        create_reply: &[REPLY],
        find_table: "SELECT table_name FROM information_schema.tables \
                     WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ?",
        create_lock: None,
        forget: "DELETE FROM {table} WHERE create_time < NOW() - INTERVAL ? SECOND ORDER BY create_time LIMIT 500",
    };

    verbs!();
}
