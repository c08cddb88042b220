//! SQLite: one writer at a time, so a transaction that is to claim a place starts as a writer.

use sqlx::Sqlite;

use super::{BarrierDatabase, Dialect, Placeholders, Sealed, TextEquality, verbs};

const BARRIER: &str = "
CREATE TABLE IF NOT EXISTS {table} (
    id INTEGER PRIMARY KEY,
    trans_type TEXT NOT NULL DEFAULT '',
    gid TEXT NOT NULL DEFAULT '',
    branch_id TEXT NOT NULL DEFAULT '',
    op TEXT NOT NULL DEFAULT '',
    barrier_id TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (gid, branch_id, op, barrier_id)
)";

const REPLY: &str = "
CREATE TABLE IF NOT EXISTS {table}_reply (
    id INTEGER PRIMARY KEY,
    gid TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    op TEXT NOT NULL,
    barrier_id TEXT NOT NULL,
    reply TEXT NOT NULL,
    create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (gid, branch_id, op, barrier_id)
)";

impl Sealed for Sqlite {}

impl BarrierDatabase for Sqlite {
    const DIALECT: Dialect = Dialect {
        barrier: "barrier",
        begin: "BEGIN IMMEDIATE",
        placeholders: Placeholders::Marks,
        insert: "INSERT",
        on_conflict: "ON CONFLICT DO NOTHING",
        current: "",
        text_equality: TextEquality::Exact,
        schema: None,
        create_barrier: &[BARRIER],
        create_reply: &[REPLY],
        find_table: "SELECT name FROM pragma_table_list \
                     WHERE schema = COALESCE(NULLIF(lower(?), ''), 'main') AND name = ? COLLATE NOCASE",
        create_lock: None,
        forget: "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} \
                 WHERE create_time < datetime('now', '-' || ? || ' seconds') LIMIT 500)",
    };

    verbs!();
}
