//! SQLite: values have types, columns hardly do.

use std::str::FromStr as _;
use std::time::Duration;

use futures::TryStreamExt as _;
use reprise_engine::{SqlValue, Statement};
use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Column as _, Executor as _, Row as _, SqlSafeStr as _, Sqlite};
use sqlx::{SqliteConnection, Statement as _, TypeInfo as _, ValueRef as _};

use super::{Dialect, Rows, check_columns, check_count};
use crate::config::{DatabaseConfig, Kind};
use crate::failure::{Fault, Sort};
use crate::reply::{Cell, Ran, Row};

impl Dialect for Sqlite {
    const KIND: Kind = Kind::Sqlite;

    fn options(config: &DatabaseConfig) -> Result<SqliteConnectOptions, sqlx::Error> {
        Ok(SqliteConnectOptions::from_str(&config.url)?.busy_timeout(config.statement_timeout()))
    }

    fn begin(limit: Duration) -> String {
        format!("PRAGMA busy_timeout = {}; BEGIN IMMEDIATE", limit.as_millis())
    }

    async fn command(connection: &mut SqliteConnection, sql: String) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
    }

    async fn run(connection: &mut SqliteConnection, statement: &Statement, bytes_max: usize) -> Result<Ran, Fault> {
        let prepared = connection.prepare(AssertSqlSafe(statement.sql.clone()).into_sql_str()).await?;
        let wants = prepared.parameters().map_or(0, |parameters| parameters.either(<[_]>::len, |count| count));
        check_count(wants, statement.parameters.len())?;
        check_columns(prepared.columns().iter().map(|column| column.name()))?;
        let mut arguments = SqliteArguments::default();
        for value in &statement.parameters {
            bind(&mut arguments, value).map_err(sqlx::Error::Encode)?;
        }
        if prepared.columns().is_empty() {
            let done = prepared.query_with(arguments).execute(connection).await?;
            return Ok(Ran { affected: done.rows_affected(), rows: Vec::new() });
        }
        let mut rows = Rows::new(bytes_max);
        let mut stream = prepared.query_with(arguments).fetch(connection);
        while let Some(row) = stream.try_next().await? {
            rows.push(read(&row)?)?;
        }
        Ok(rows.into_ran())
    }

    fn sort(error: &dyn DatabaseError) -> Sort {
        let code = error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
        // The lower byte is the primary code.
        match code & 0xff {
            // busy, locked, no memory, interrupted, I/O, corrupt, full, can't open, protocol, read-only
            5..=11 | 13..=15 => Sort::Passing,
            19 => Sort::Refusal,
            _ => Sort::Mistake,
        }
    }

    fn advice(_error: &sqlx::Error) -> &'static str {
        "; correct the statement"
    }
}

fn bind(arguments: &mut SqliteArguments, value: &SqlValue) -> Result<(), sqlx::error::BoxDynError> {
    match value {
        SqlValue::Null => arguments.add(None::<String>),
        SqlValue::Boolean(value) => arguments.add(*value),
        SqlValue::Integer(value) => arguments.add(*value),
        SqlValue::Real(value) => arguments.add(*value),
        SqlValue::Text(value) => arguments.add(value.clone()),
        SqlValue::Bytes(value) => arguments.add(value.clone()),
    }
}

fn read(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let mut cells = Vec::with_capacity(row.len());
    for column in row.columns() {
        let index = column.ordinal();
        let value = row.try_get_raw(index)?;
        let declared = column.type_info().name();
        let cell = match (value.is_null(), value.type_info().name()) {
            (true, _) => Cell::Null,
            (_, "INTEGER" | "INT8" | "BOOLEAN") => match row.try_get_unchecked::<i64, _>(index)? {
                number @ (0 | 1) if declared == "BOOLEAN" => Cell::Boolean(number == 1),
                number => Cell::Integer(number),
            },
            (_, "REAL") => Cell::Real(row.try_get_unchecked(index)?),
            (_, "BLOB") => Cell::bytes(row.try_get_unchecked(index)?),
            _ => Cell::Text(row.try_get_unchecked(index)?),
        };
        cells.push((column.name().to_owned(), cell));
    }
    Ok(Row(cells))
}
