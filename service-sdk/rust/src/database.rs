//! The databases a barrier can live in, and what differs between them.
//!
//! Owns the two verbs all barrier SQL is made of (every parameter is text) and the [`Dialect`]. The statements themselves
//! are in [`crate::place`] and [`crate::tables`].

mod mysql;
mod postgres;
mod sqlite;

use std::fmt::Write as _;

use sqlx::{Database, Pool, Transaction};

/// Keeps [`BarrierDatabase`] to the databases whose behaviour the tests of this crate show.
pub(crate) trait Sealed {}

/// A database that can hold the barrier: [`sqlx::Sqlite`], [`sqlx::Postgres`], [`sqlx::MySql`] (MySQL and MariaDB).
#[expect(private_bounds, reason = "sealed: a database is in when its concurrency is tested here")]
pub trait BarrierDatabase: Database + Sealed {
    /// What its SQL looks like.
    const DIALECT: Dialect;

    /// Runs one statement and says how many rows it changed.
    ///
    /// `sql`: one statement, never with data in it; `parameters`: one for each placeholder.
    ///
    /// # Errors
    /// Whatever the database says; in a transaction, drop it.
    fn execute(
        connection: &mut Self::Connection,
        sql: String,
        parameters: &[&str],
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// The first column of the first row, if there is a row; same parameters as [`BarrierDatabase::execute`].
    ///
    /// # Errors
    /// Whatever the database says; in a transaction, drop it.
    fn text(
        connection: &mut Self::Connection,
        sql: String,
        parameters: &[&str],
    ) -> impl Future<Output = Result<Option<String>, sqlx::Error>> + Send;
}

/// What differs in the SQL of two databases.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Where DTM has its table.
    pub(crate) barrier: &'static str,
    /// What opens a transaction in which two of one operation wait for each other.
    pub(crate) begin: &'static str,
    pub(crate) placeholders: Placeholders,
    /// How an insert that leaves an existing row alone begins, and how it ends.
    pub(crate) insert: &'static str,
    pub(crate) on_conflict: &'static str,
    /// Makes a read see what is committed now, rather than when the transaction first read.
    pub(crate) current: &'static str,
    pub(crate) text_equality: TextEquality,
    /// What it has schemas for the tables, if it has them.
    pub(crate) schema: Option<Schema>,
    /// Statements that create the barrier table; see [`Dialect::render`].
    pub(crate) create_barrier: &'static [&'static str],
    /// Statements that create the reply table beside the barrier table `{table}`.
    pub(crate) create_reply: &'static [&'static str],
    /// Finds a table by schema (empty: the connection's own) and name; no row if it is missing.
    pub(crate) find_table: &'static str,
    /// Taken before creating, so that processes that start together don't trip over each other.
    pub(crate) create_lock: Option<&'static str>,
    /// Deletes some hundreds of rows older than the parameter's number of seconds.
    pub(crate) forget: &'static str,
}

/// How a schema is found (its name is the parameter) and created.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema {
    pub(crate) find: &'static str,
    pub(crate) create: &'static str,
}

/// How a statement names its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholders {
    /// `?`
    Marks,
    /// `$1`, `$2`
    Numbers,
}

/// Whether a column tells any two texts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextEquality {
    /// Byte by byte.
    Exact,
    /// By collation: in most of them `A` equals `a`.
    Collated,
}

impl Dialect {
    /// Fills a template: `{table}` is the table, `{schema}` the part before its dot, `{name}` the part after it, and
    /// each `?` becomes a placeholder of this database.
    pub(crate) fn render(&self, template: &str, table: &str) -> String {
        let (schema, name) = table.rsplit_once('.').unwrap_or(("", table));
        let named = template.replace("{table}", table).replace("{schema}", schema).replace("{name}", name);
        match self.placeholders {
            Placeholders::Marks => named,
            Placeholders::Numbers => numbered(&named),
        }
    }
}

fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        write!(text, "${}{part}", index + 1).expect("a String takes everything");
    }
    text
}

/// Opens the local transaction of an operation as the barrier needs it: on SQLite `BEGIN IMMEDIATE`, so that two of the
/// same operation wait for each other rather than fail, elsewhere a plain `BEGIN`.
///
/// # Errors
/// The pool has no connection, or the database did not open a transaction; nothing was changed.
pub async fn begin<DB: BarrierDatabase>(pool: &Pool<DB>) -> Result<Transaction<'static, DB>, sqlx::Error> {
    pool.begin_with(DB::DIALECT.begin).await
}

/// The verbs are the same text for each database, but sqlx's bounds can't be written once for all.
macro_rules! verbs {
    () => {
        async fn execute(
            connection: &mut Self::Connection,
            sql: String,
            parameters: &[&str],
        ) -> Result<u64, sqlx::Error> {
            let mut query = sqlx::query::<Self>(sqlx::AssertSqlSafe(sql));
            for parameter in parameters {
                query = query.bind((*parameter).to_owned());
            }
            Ok(query.execute(connection).await?.rows_affected())
        }

        async fn text(
            connection: &mut Self::Connection,
            sql: String,
            parameters: &[&str],
        ) -> Result<Option<String>, sqlx::Error> {
            let mut query = sqlx::query_scalar::<Self, String>(sqlx::AssertSqlSafe(sql));
            for parameter in parameters {
                query = query.bind((*parameter).to_owned());
            }
            query.fetch_optional(connection).await
        }
    };
}
use verbs;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_become_the_databases_own() {
        let template = "SELECT '{schema}', '{name}' FROM {table} WHERE a = ? AND b = ?";
        let render = |dialect: Dialect, table| dialect.render(template, table);
        assert_eq!(
            render(<sqlx::Postgres as BarrierDatabase>::DIALECT, "s.t"),
            "SELECT 's', 't' FROM s.t WHERE a = $1 AND b = $2"
        );
        assert_eq!(
            render(<sqlx::Sqlite as BarrierDatabase>::DIALECT, "t"),
            "SELECT '', 't' FROM t WHERE a = ? AND b = ?"
        );
    }
}
