//! What the services ask of a database: the tables, and three verbs that are the same text for each kind of it.

use reprise_barrier::BarrierDatabase;
use sqlx::{MySql, Postgres, Sqlite};

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(i64),
}

/// A database that users and scores can be in.
pub(crate) trait Database: BarrierDatabase {
    /// Statements that create the tables where they are missing.
    const TABLES: &'static [&'static str];

    /// The `sql` of this program as this database has it: placeholders are `?` or `$1`, `$2`.
    fn render(sql: &str) -> String;

    /// Runs one statement.
    fn change(
        connection: &mut Self::Connection,
        sql: String,
        values: &[Value<'_>],
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Name and gender, if there is a row.
    fn user(
        connection: &mut Self::Connection,
        sql: String,
        id: i64,
    ) -> impl Future<Output = sqlx::Result<Option<(String, String)>>> + Send;

    /// A number, if there is a row.
    fn number(
        connection: &mut Self::Connection,
        sql: String,
        id: i64,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;
}

/// sqlx's bounds can't be written once for all databases.
macro_rules! verbs {
    () => {
        async fn change(connection: &mut Self::Connection, sql: String, values: &[Value<'_>]) -> sqlx::Result<()> {
            let mut query = sqlx::query::<Self>(sqlx::AssertSqlSafe(sql));
            for value in values {
                query = match *value {
                    Value::Text(text) => query.bind(text.to_owned()),
                    Value::Number(number) => query.bind(number),
                };
            }
            query.execute(connection).await.map(drop)
        }

        async fn user(
            connection: &mut Self::Connection,
            sql: String,
            id: i64,
        ) -> sqlx::Result<Option<(String, String)>> {
            sqlx::query_as::<Self, (String, String)>(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await
        }

        async fn number(connection: &mut Self::Connection, sql: String, id: i64) -> sqlx::Result<Option<i64>> {
            sqlx::query_scalar::<Self, i64>(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await
        }
    };
}

const SCORES: &str =
    "CREATE TABLE IF NOT EXISTS user_scores (user_id bigint NOT NULL PRIMARY KEY, score bigint NOT NULL)";

impl Database for Sqlite {
    const TABLES: &'static [&'static str] = &[
        "CREATE TABLE IF NOT EXISTS users (id bigint NOT NULL PRIMARY KEY, name text NOT NULL, gender text NOT NULL)",
        SCORES,
    ];

    fn render(sql: &str) -> String {
        sql.to_owned()
    }

    verbs!();
}

impl Database for Postgres {
    const TABLES: &'static [&'static str] = Sqlite::TABLES;

    fn render(sql: &str) -> String {
        let mut parts = sql.split('?');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.zip(1..).fold(first, |sql, (part, number)| format!("{sql}${number}{part}"))
    }

    verbs!();
}

impl Database for MySql {
    const TABLES: &'static [&'static str] = &[
        "CREATE TABLE IF NOT EXISTS users (
            id bigint NOT NULL PRIMARY KEY, name varchar(200) NOT NULL, gender varchar(200) NOT NULL
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4",
        SCORES,
    ];

    fn render(sql: &str) -> String {
        sql.to_owned()
    }

    verbs!();
}
