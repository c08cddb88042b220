//! PostgreSQL, and what speaks its protocol: an insert waits for the transaction that holds the same key.
//!
//! Under `READ COMMITTED`, the default, every statement sees what is committed by then. Under the stricter levels a
//! claim of a place that was taken meanwhile is a serialization failure, which the caller retries like a deadlock.

use sqlx::Postgres;

use super::{BarrierDatabase, Dialect, Placeholders, Schema, Sealed, TextEquality, verbs};

/// DTM's own text, but for the times: DTM leaves them empty, and rows without one can't be cleaned up. The name of the
/// constraint matters, DTM's clients say `ON CONFLICT ON CONSTRAINT uniq_barrier`.
const BARRIER: &str = "
CREATE TABLE IF NOT EXISTS {table} (
    id bigint NOT NULL DEFAULT nextval('{table}_seq'),
    trans_type varchar(45) DEFAULT '',
    gid varchar(128) DEFAULT '',
    branch_id varchar(128) DEFAULT '',
    op varchar(45) DEFAULT '',
    barrier_id varchar(45) DEFAULT '',
    reason varchar(45) DEFAULT '',
    create_time timestamp(0) with time zone DEFAULT CURRENT_TIMESTAMP,
    update_time timestamp(0) with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT uniq_barrier UNIQUE (gid, branch_id, op, barrier_id)
)";

const REPLY: &str = "
CREATE TABLE IF NOT EXISTS {table}_reply (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gid varchar(128) NOT NULL,
    branch_id varchar(128) NOT NULL,
    op varchar(45) NOT NULL,
    barrier_id varchar(45) NOT NULL,
    reply text NOT NULL,
    create_time timestamp(0) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (gid, branch_id, op, barrier_id)
)";

impl Sealed for Postgres {}

impl BarrierDatabase for Postgres {
    const DIALECT: Dialect = Dialect {
        barrier: "dtm_barrier.barrier",
        begin: "BEGIN",
        placeholders: Placeholders::Numbers,
        insert: "INSERT",
        on_conflict: "ON CONFLICT DO NOTHING",
        current: "",
        text_equality: TextEquality::Exact,
        schema: Some(Schema {
            find: "SELECT nspname::text FROM pg_namespace WHERE nspname = lower(?)",
            create: "CREATE SCHEMA IF NOT EXISTS {schema}",
        }),
        create_barrier: &[
            "CREATE SEQUENCE IF NOT EXISTS {table}_seq",
            BARRIER,
            "CREATE INDEX IF NOT EXISTS {name}_create_time ON {table} (create_time)",
        ],
        create_reply: &[REPLY, "CREATE INDEX IF NOT EXISTS {name}_reply_create_time ON {table}_reply (create_time)"],
        find_table: "SELECT table_name::text FROM information_schema.tables \
                     WHERE table_schema = COALESCE(NULLIF(lower(?), ''), current_schema()) AND table_name = lower(?)",
        // `IF NOT EXISTS` looks first and creates then; a second process between the two is an error.
        create_lock: Some("SELECT pg_advisory_xact_lock(7310588170)::text"),
        forget: "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} \
                 WHERE create_time < CURRENT_TIMESTAMP - CAST(? || ' seconds' AS interval) LIMIT 500)",
    };

    verbs!();
}
