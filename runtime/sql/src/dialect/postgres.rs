//! PostgreSQL: parameters are bound as the type that the statement wants, columns are read by theirs.

mod parameter;
mod value;

use std::str::FromStr as _;
use std::time::Duration;

use futures::TryStreamExt as _;
use reprise_engine::Statement;
use sqlx::Statement as _;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, Either, Executor as _, PgConnection, Postgres, SqlSafeStr as _,
};

use super::{Dialect, Rows, check_columns, check_count};
use crate::config::{DatabaseConfig, Kind};
use crate::failure::{Fault, Sort};
use crate::reply::Ran;
use parameter::Parameter;

impl Dialect for Postgres {
    const KIND: Kind = Kind::Postgres;

    fn options(config: &DatabaseConfig) -> Result<PgConnectOptions, sqlx::Error> {
        Ok(PgConnectOptions::from_str(&config.url)?.application_name("reprise"))
    }

    fn begin(limit: Duration) -> String {
        let ms = limit.as_millis().max(1);
        format!(
            "BEGIN; SET LOCAL statement_timeout = {ms}; SET LOCAL lock_timeout = {ms}; \
             SET LOCAL idle_in_transaction_session_timeout = {ms}"
        )
    }

    async fn command(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
    }

    async fn run(connection: &mut PgConnection, statement: &Statement, bytes_max: usize) -> Result<Ran, Fault> {
        let prepared = connection.prepare(AssertSqlSafe(statement.sql.clone()).into_sql_str()).await?;
        let types = prepared.parameters().and_then(Either::left).unwrap_or_default().to_vec();
        check_count(types.len(), statement.parameters.len())?;
        check_columns(prepared.columns().iter().map(|column| column.name()))?;
        prepared.columns().iter().try_for_each(value::check)?;
        let mut arguments = PgArguments::default();
        for (index, (value, wanted)) in statement.parameters.iter().zip(types).enumerate() {
            let parameter = Parameter::new(value, wanted)
                .map_err(|text| Fault::Unusable(format!("parameter {}: {text}", index + 1)))?;
            arguments.add(parameter).map_err(sqlx::Error::Encode)?;
        }
        if prepared.columns().is_empty() {
            let done = prepared.query_with(arguments).execute(connection).await?;
            return Ok(Ran { affected: done.rows_affected(), rows: Vec::new() });
        }
        let mut rows = Rows::new(bytes_max);
        let mut stream = prepared.query_with(arguments).fetch(connection);
        while let Some(row) = stream.try_next().await? {
            rows.push(value::read(&row)?)?;
        }
        Ok(rows.into_ran())
    }

    fn sort(error: &dyn DatabaseError) -> Sort {
        let code = error.code().unwrap_or_default();
        match code.as_ref() {
            // Lock not available, canceled by a timeout, a server that has become read-only, a plan that is outdated.
            "55P03" | "55006" | "57014" | "25006" | "25P03" | "42710" => Sort::Passing,
            // The data does not fit; a trigger or function that raises; a view's check.
            "22001" | "22003" | "P0001" | "44000" => Sort::Refusal,
            other => match other.get(..2) {
                // Connection, rollback (serialization, deadlock), resources, intervention, system, corruption, internal.
                Some("08" | "40" | "53" | "57" | "58" | "XX") => Sort::Passing,
                Some("23") => Sort::Refusal,
                _ => Sort::Mistake,
            },
        }
    }

    fn advice(error: &sqlx::Error) -> &'static str {
        let sqlx::Error::Database(error) = error else { return "" };
        match error.code().unwrap_or_default().as_ref() {
            "55000" if error.message().contains("prepared transactions are disabled") => {
                "; set max_prepared_transactions in postgresql.conf to at least the number of connections and restart \
                 PostgreSQL, or use a SQL operation instead of XA"
            }
            "42P18" => "; say the parameter's type, for example $1::bigint",
            "42P01" | "42703" | "3F000" => {
                "; create what is missing, or name its schema: the connection's search_path counts"
            }
            "42501" => "; grant it to the user of the database's url",
            "42601" => "; each statement has its own place in the list, and placeholders are $1, $2, ...",
            "2D000" => "; a procedure must not end the transaction, the runtime does",
            _ => "; correct the statement",
        }
    }
}
