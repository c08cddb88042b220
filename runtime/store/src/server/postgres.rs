//! PostgreSQL: rows of a batch are arrays, so that one prepared statement serves every size.

use std::str::FromStr as _;

use reprise_engine::EntryRecord;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, PgConnection, Row as _};

use super::dialect::{Dialect, EntryRow, NewRow, ProgressRow, SessionLimits, Value};
use super::error::Sort;
use crate::codes;

/// PostgreSQL and what speaks its protocol.
#[derive(Debug)]
pub struct Postgres;

pub(super) const INSERT_EXECUTIONS: &str = "INSERT INTO executions (id, gid, workflow, digest, input_hash, phase, \
     activity, wake_at, note, result, created_at, updated_at, owner) SELECT v.*, $13::bigint FROM unnest($1::bigint[], $2::text[], $3::text[], \
     $4::bytea[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::bytea[], $11::bigint[], \
     $12::bigint[]) AS v ON CONFLICT (gid) DO NOTHING RETURNING id";

pub(super) const INSERT_ENTRIES: &str = "INSERT INTO journal (execution, seq, at, kind, fingerprint, data) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])";

pub(super) const UPDATE_EXECUTIONS: &str = "UPDATE executions SET phase = v.phase, digest = v.digest, activity = v.activity, wake_at = v.wake_at, note = v.note, \
     result = v.result, updated_at = v.updated_at, owner = coalesce(v.owner, executions.owner) FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], \
     $5::bigint[], $6::text[], $7::bytea[], $8::bigint[], $9::bigint[]) AS v (id, phase, digest, activity, wake_at, note, result, \
     updated_at, owner) WHERE executions.id = v.id";

/// Plans that are right for a large table, also where the server's statistics are of a time when it was small.
const PLANS: [&str; 4] = [
    "SET enable_seqscan = off",
    "SET enable_bitmapscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
];

impl Dialect for Postgres {
    type Database = sqlx::Postgres;

    const NAME: &'static str = "PostgreSQL";

    fn text(text: &str) -> String {
        let text = text.replace("{now}", "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)");
        let mut pieces = text.split('?');
        let mut numbered = pieces.next().unwrap_or_default().to_owned();
        for (index, piece) in pieces.enumerate() {
            numbered += &format!("${}{piece}", index + 1);
        }
        numbered
    }

    fn settings(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
        Ok(PgConnectOptions::from_str(url)?.application_name("reprise").disable_statement_logging())
    }

    async fn prepare(connection: &mut PgConnection, limits: SessionLimits) -> Result<(), sqlx::Error> {
        let SessionLimits { statement_ms, idle_transaction_ms } = limits;
        let limits = [
            format!("SET statement_timeout = {statement_ms}"),
            format!("SET lock_timeout = {statement_ms}"),
            format!("SET idle_in_transaction_session_timeout = {idle_transaction_ms}"),
        ];
        for setting in limits.into_iter().chain(PLANS.map(str::to_owned)) {
            match Self::command(connection, setting.clone()).await {
                // What only speaks the protocol need not have every setting.
                Err(sqlx::Error::Database(error)) if !matches!(error.code().as_deref(), Some("57P01" | "57P03")) => {
                    tracing::debug!(%error, setting, "the database does not know this setting");
                }
                done => _ = done?,
            }
        }
        Ok(())
    }

    async fn fetch(connection: &mut PgConnection, text: &str, values: &[Value<'_>]) -> Result<Vec<PgRow>, sqlx::Error> {
        sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments(values)?).fetch_all(connection).await
    }

    async fn change(connection: &mut PgConnection, text: &str, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        let done = sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments(values)?).execute(connection).await?;
        Ok(done.rows_affected())
    }

    async fn command(connection: &mut PgConnection, text: String) -> Result<u64, sqlx::Error> {
        Ok(sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await?.rows_affected())
    }

    async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
        migrations().run_direct(None, connection, false).await
    }

    fn schema() -> i64 {
        migrations().iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    fn int(row: &PgRow, column: usize) -> Result<Option<i64>, sqlx::Error> {
        row.try_get(column)
    }

    fn bytes(row: &PgRow, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
        row.try_get_unchecked(column)
    }

    async fn insert_executions(
        connection: &mut PgConnection,
        owner: i64,
        rows: &[NewRow<'_>],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let mut arguments = Columns::default();
        arguments.add(rows, |(id, ..)| *id)?;
        arguments.add(rows, |(_, execution, _)| execution.gid.as_str())?;
        arguments.add(rows, |(_, execution, _)| execution.workflow.as_str())?;
        arguments.add(rows, |(.., progress)| progress.digest.as_bytes().as_slice())?;
        arguments.add(rows, |(_, execution, _)| execution.input_hash.as_slice())?;
        arguments.add(rows, |(.., progress)| codes::of_phase(progress.phase))?;
        arguments.add(rows, |(.., progress)| codes::of_activity(progress.activity))?;
        arguments.add(rows, |(.., progress)| progress.wake_at.map(codes::of_time))?;
        arguments.add(rows, |(.., progress)| progress.note.as_deref())?;
        arguments.add(rows, |(.., progress)| progress.result.as_deref())?;
        arguments.add(rows, |(_, execution, _)| codes::of_time(execution.created_at))?;
        arguments.add(rows, |(.., progress)| codes::of_time(progress.updated_at))?;
        arguments.0.add(owner).map_err(sqlx::Error::Encode)?;
        let inserted = sqlx::query_with(INSERT_EXECUTIONS, arguments.0).fetch_all(connection).await?;
        inserted.iter().map(|row| row.try_get(0)).collect()
    }

    async fn insert_entries(connection: &mut PgConnection, rows: &[EntryRow<'_>]) -> Result<(), sqlx::Error> {
        let mut arguments = Columns::default();
        let of = |entry: fn(&EntryRecord) -> i64| move |(_, record): &EntryRow<'_>| entry(record);
        arguments.add(rows, |(execution, _)| *execution)?;
        arguments.add(rows, of(|entry| i64::from(entry.seq.0)))?;
        arguments.add(rows, of(|entry| codes::of_time(entry.at)))?;
        arguments.add(rows, of(|entry| i64::from(entry.kind)))?;
        arguments.add(rows, of(|entry| entry.fingerprint.cast_signed()))?;
        arguments.add(rows, |(_, entry)| entry.data.as_slice())?;
        sqlx::query_with(INSERT_ENTRIES, arguments.0).execute(connection).await.map(drop)
    }

    async fn update_executions(connection: &mut PgConnection, rows: &[ProgressRow<'_>]) -> Result<(), sqlx::Error> {
        let mut arguments = Columns::default();
        arguments.add(rows, |(id, ..)| *id)?;
        arguments.add(rows, |(.., progress)| codes::of_phase(progress.phase))?;
        arguments.add(rows, |(.., progress)| progress.digest.as_bytes().as_slice())?;
        arguments.add(rows, |(.., progress)| codes::of_activity(progress.activity))?;
        arguments.add(rows, |(.., progress)| progress.wake_at.map(codes::of_time))?;
        arguments.add(rows, |(.., progress)| progress.note.as_deref())?;
        arguments.add(rows, |(.., progress)| progress.result.as_deref())?;
        arguments.add(rows, |(.., progress)| codes::of_time(progress.updated_at))?;
        arguments.add(rows, |(_, owner, _)| *owner)?;
        sqlx::query_with(UPDATE_EXECUTIONS, arguments.0).execute(connection).await.map(drop)
    }

    async fn fetch_of(connection: &mut PgConnection, text: &str, keys: &[i64]) -> Result<Vec<PgRow>, sqlx::Error> {
        let text = text.replace("{keys}", "= ANY($1::bigint[])");
        sqlx::query(AssertSqlSafe(text)).bind(keys).fetch_all(connection).await
    }
}

/// Rows turned into an array for each column.
#[derive(Default)]
struct Columns(PgArguments);

impl Columns {
    fn add<'a, R, T>(&mut self, rows: &'a [R], column: impl Fn(&'a R) -> T) -> Result<(), sqlx::Error>
    where
        Vec<T>: sqlx::Encode<'a, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let values: Vec<T> = rows.iter().map(column).collect();
        self.0.add(values).map_err(sqlx::Error::Encode)
    }
}

fn arguments(values: &[Value<'_>]) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Without a lock of its own, which is none that every database has: the lease is one.
fn migrations() -> Migrator {
    let mut migrations = sqlx::migrate!("migrations/postgres");
    migrations.set_locking(false);
    migrations
}

/// By SQLSTATE. <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub(super) fn sort(code: &str) -> Sort {
    match code {
        // Serialization failure, deadlock.
        "40001" | "40P01" => Sort::Again,
        // Also of a table that two nodes make at the same time.
        "23505" | "42710" | "42P07" => Sort::Taken,
        "XX001" | "XX002" => Sort::Damaged,
        "53100" => Sort::Outage("the database's disk is full: free space there"),
        "25006" => Sort::Outage("this server is read-only: let the URL name the primary"),
        "42501" => Sort::Outage("grant the runtime's user what it needs, or let it own the tables"),
        "28000" | "28P01" => Sort::Outage("correct user and password in `store_url`"),
        "3D000" => Sort::Outage("create the database, or correct its name in `store_url`"),
        "42P01" | "42703" => Sort::Outage("the schema is not what this runtime made: restore it"),
        _ => Sort::Outage("repeat the call; look at the database if this lasts"),
    }
}
