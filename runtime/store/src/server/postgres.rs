//! PostgreSQL: rows of a batch are arrays, so that one prepared statement serves every size.

use std::str::FromStr as _;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, PgConnection, Row as _};

use super::bulk::{Bulk, Turn};
use super::dialect::{Dialect, JournalRow, NewRow, ProgressRow, SessionLimits, Value};
use super::error::Sort;
use crate::{codes, pack_entries};

/// PostgreSQL and what speaks its protocol.
#[derive(Debug)]
pub struct Postgres;

pub(super) const INSERT_EXECUTIONS: &str = "INSERT INTO executions (id, gid, workflow, digest, input_hash, phase, \
     activity, wake_at, note, result, created_at, updated_at, owner) SELECT v.*, $13::bigint FROM unnest($1::bigint[], $2::text[], $3::text[], \
     $4::bytea[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::bytea[], $11::bigint[], \
     $12::bigint[]) AS v ON CONFLICT (gid) DO NOTHING RETURNING id";

pub(super) const INSERT_ENTRIES: &str = "INSERT INTO journal (execution, seq, entries, data) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])";

pub(super) const UPDATE_EXECUTIONS: &str = "UPDATE executions SET phase = v.phase, digest = v.digest, activity = v.activity, wake_at = v.wake_at, note = v.note, \
     result = v.result, updated_at = v.updated_at, owner = coalesce(v.owner, executions.owner) FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], \
     $5::bigint[], $6::text[], $7::bytea[], $8::bigint[], $9::bigint[]) AS v (id, phase, digest, activity, wake_at, note, result, \
     updated_at, owner) WHERE executions.id = v.id";

/// [`INSERT_EXECUTIONS`], [`INSERT_ENTRIES`] and [`UPDATE_EXECUTIONS`] in one, behind the renewal of the lease: its row is
/// what the others look for, so it is written first, and nothing else is if it is not, or if one of the executions `$31`
/// is not active or not this node's.
pub(super) const WRITE: &str = "WITH turn AS (UPDATE nodes SET turn = $29, expires_at = $30 + \
     CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) WHERE id = $13 AND alive = 1 AND turn = $28 RETURNING id), \
     ours AS (SELECT id FROM executions WHERE id = ANY($31::bigint[]) AND owner = $13 AND activity = 0 FOR UPDATE), \
     ready AS (SELECT id FROM turn WHERE (SELECT count(*) FROM ours) = cardinality($31::bigint[])), \
     new AS (INSERT INTO executions (id, gid, workflow, digest, input_hash, phase, activity, wake_at, note, result, created_at, \
     updated_at, owner) SELECT v.*, ready.id FROM ready, unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], \
     $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::bytea[], $11::bigint[], $12::bigint[]) AS v \
     ON CONFLICT (gid) DO NOTHING RETURNING id), \
     entries AS (INSERT INTO journal (execution, seq, entries, data) SELECT v.execution, v.seq, v.entries, v.data \
     FROM ready, unnest($14::bigint[], $15::bigint[], $16::bigint[], $17::bytea[], $18::bool[]) \
     AS v (execution, seq, entries, data, new) WHERE NOT v.new OR v.execution IN (SELECT id FROM new)), \
     rows AS (UPDATE executions SET phase = v.phase, digest = v.digest, activity = v.activity, wake_at = v.wake_at, \
     note = v.note, result = v.result, updated_at = v.updated_at, owner = coalesce(v.owner, executions.owner) \
     FROM ready, unnest($19::bigint[], $20::bigint[], $21::bytea[], $22::bigint[], $23::bigint[], $24::text[], $25::bytea[], \
     $26::bigint[], $27::bigint[]) AS v (id, phase, digest, activity, wake_at, note, result, updated_at, owner) \
     WHERE executions.id = v.id) \
     SELECT CAST(NULL AS BIGINT) AS id FROM ready UNION ALL SELECT id FROM new";

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
        arguments.new_executions(rows)?;
        arguments.0.add(owner).map_err(sqlx::Error::Encode)?;
        let inserted = sqlx::query_with(INSERT_EXECUTIONS, arguments.0).fetch_all(connection).await?;
        inserted.iter().map(|row| row.try_get(0)).collect()
    }

    async fn insert_entries(connection: &mut PgConnection, rows: &[JournalRow<'_>]) -> Result<(), sqlx::Error> {
        let mut arguments = Columns::default();
        arguments.entries(rows, |row| row)?;
        sqlx::query_with(INSERT_ENTRIES, arguments.0).execute(connection).await.map(drop)
    }

    async fn update_executions(connection: &mut PgConnection, rows: &[ProgressRow<'_>]) -> Result<(), sqlx::Error> {
        let mut arguments = Columns::default();
        arguments.progress(rows)?;
        sqlx::query_with(UPDATE_EXECUTIONS, arguments.0).execute(connection).await.map(drop)
    }

    /// One statement is a transaction of its own.
    async fn write(
        connection: &mut PgConnection,
        turn: Turn,
        bulk: &Bulk<'_>,
    ) -> Result<Option<Vec<i64>>, sqlx::Error> {
        let mut arguments = Columns::default();
        arguments.new_executions(&bulk.new)?;
        arguments.value(turn.node)?;
        arguments.entries(&bulk.entries, |(row, _)| row)?;
        arguments.add(&bulk.entries, |(_, new)| *new)?;
        arguments.progress(&bulk.progress)?;
        for value in [turn.before, turn.this, turn.lease_ms] {
            arguments.value(value)?;
        }
        arguments.value(bulk.ours.iter().copied().collect::<Vec<i64>>())?;
        let found = sqlx::query_with(WRITE, arguments.0).fetch_all(connection).await?;
        let ids = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Option<i64>>, _>>()?;
        // The row without an id says that it was this node's turn.
        Ok((!ids.is_empty()).then(|| ids.into_iter().flatten().collect()))
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
    fn value<'a, T>(&mut self, value: T) -> Result<(), sqlx::Error>
    where
        T: sqlx::Encode<'a, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        self.0.add(value).map_err(sqlx::Error::Encode)
    }

    fn new_executions(&mut self, rows: &[NewRow<'_>]) -> Result<(), sqlx::Error> {
        self.add(rows, |(id, ..)| *id)?;
        self.add(rows, |(_, execution, _)| execution.gid.as_str())?;
        self.add(rows, |(_, execution, _)| execution.workflow.as_str())?;
        self.add(rows, |(.., progress)| progress.digest.as_bytes().as_slice())?;
        self.add(rows, |(_, execution, _)| execution.input_hash.as_slice())?;
        self.add(rows, |(.., progress)| codes::of_phase(progress.phase))?;
        self.add(rows, |(.., progress)| codes::of_activity(progress.activity))?;
        self.add(rows, |(.., progress)| progress.wake_at.map(codes::of_time))?;
        self.add(rows, |(.., progress)| progress.note.as_deref())?;
        self.add(rows, |(.., progress)| progress.result.as_deref())?;
        self.add(rows, |(_, execution, _)| codes::of_time(execution.created_at))?;
        self.add(rows, |(.., progress)| codes::of_time(progress.updated_at))
    }

    fn entries<'a, R>(&mut self, rows: &'a [R], row: impl Fn(&'a R) -> &'a JournalRow<'a>) -> Result<(), sqlx::Error> {
        self.add(rows, |of| row(of).0)?;
        self.add(rows, |of| row(of).1.first().map(|first| i64::from(first.seq.0)))?;
        self.add(rows, |of| i64::try_from(row(of).1.len()).unwrap_or(i64::MAX))?;
        self.add(rows, |of| pack_entries(row(of).1))
    }

    fn progress(&mut self, rows: &[ProgressRow<'_>]) -> Result<(), sqlx::Error> {
        self.add(rows, |(id, ..)| *id)?;
        self.add(rows, |(.., progress)| codes::of_phase(progress.phase))?;
        self.add(rows, |(.., progress)| progress.digest.as_bytes().as_slice())?;
        self.add(rows, |(.., progress)| codes::of_activity(progress.activity))?;
        self.add(rows, |(.., progress)| progress.wake_at.map(codes::of_time))?;
        self.add(rows, |(.., progress)| progress.note.as_deref())?;
        self.add(rows, |(.., progress)| progress.result.as_deref())?;
        self.add(rows, |(.., progress)| codes::of_time(progress.updated_at))?;
        self.add(rows, |(_, owner, _)| *owner)
    }

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
