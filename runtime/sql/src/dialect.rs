//! What differs between the databases: opening a transaction, parameters, values, errors.

pub(crate) mod mysql;
mod postgres;
mod sqlite;

use std::time::Duration;

use reprise_barrier::BarrierDatabase;
use reprise_engine::Statement;
use sqlx::database::HasStatementCache;
use sqlx::error::DatabaseError;
use sqlx::pool::PoolOptions;
use sqlx::{Connection, Database};

use crate::config::{DatabaseConfig, Kind};
use crate::failure::{Fault, Sort};
use crate::reply::{Ran, Row};

/// A database that operations run on.
pub(crate) trait Dialect: BarrierDatabase + HasStatementCache {
    const KIND: Kind;

    /// How to connect.
    fn options(config: &DatabaseConfig) -> Result<<Self::Connection as Connection>::Options, sqlx::Error>;

    /// Opens a transaction in which no statement and no wait takes longer than `limit`.
    fn begin(limit: Duration) -> String;

    /// Runs text without parameters that isn't prepared.
    fn command(connection: &mut Self::Connection, sql: String) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Runs one statement of an operation; rows longer than `bytes_max` are a fault.
    fn run(
        connection: &mut Self::Connection,
        statement: &Statement,
        bytes_max: usize,
    ) -> impl Future<Output = Result<Ran, Fault>> + Send;

    /// What an error means.
    fn sort(error: &dyn DatabaseError) -> Sort;

    /// What to do about a mistake, where something is to be said beside the database's own words.
    fn advice(error: &sqlx::Error) -> &'static str;
}

/// A pool that connects to nobody yet.
pub(crate) fn pool<DB: Database>(
    connections: u32,
    config: &DatabaseConfig,
    options: <DB::Connection as Connection>::Options,
) -> sqlx::Pool<DB> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(config.connect_timeout())
        .idle_timeout(Duration::from_secs(300))
        // A connection that was just in use is alive; the others are asked.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, metadata| {
            Box::pin(async move { Ok(metadata.idle_for < Duration::from_secs(1) || connection.ping().await.is_ok()) })
        })
        .connect_lazy_with(options)
}

/// `has` parameters are given.
fn check_count(wants: usize, has: usize) -> Result<(), Fault> {
    if wants == has {
        return Ok(());
    }
    let text = format!("it has {wants} placeholders and {has} parameters; give one parameter for each placeholder");
    Err(Fault::Unusable(text))
}

/// No two columns of a row may have one name: as a JSON object it could hold one of them only.
fn check_columns<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Fault::Unusable(format!("it returns two columns named `{name}`; name one of them with AS")));
        }
    }
    Ok(())
}

/// Rows as they come, up to a size.
struct Rows {
    rows: Vec<Row>,
    left: usize,
}

impl Rows {
    fn new(bytes_max: usize) -> Self {
        Self { rows: Vec::new(), left: bytes_max }
    }

    fn push(&mut self, row: Row) -> Result<(), Fault> {
        let Some(left) = self.left.checked_sub(row.size()) else {
            return Err(Fault::Unusable(
                "it returns too many bytes; select less, or raise limits.response_bytes".into(),
            ));
        };
        self.left = left;
        self.rows.push(row);
        Ok(())
    }

    fn into_ran(self) -> Ran {
        Ran { affected: self.rows.len() as u64, rows: self.rows }
    }
}

/// How a column whose type has no form in JSON is to be asked for.
fn unreadable(name: &str, type_name: &str, cast: &str) -> Fault {
    Fault::Unusable(format!("column `{name}` has the type {type_name}; select it as text: {cast}"))
}
