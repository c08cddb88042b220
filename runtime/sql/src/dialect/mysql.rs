//! MySQL and MariaDB: the server converts parameters; columns are read by their type.

mod value;

use std::str::FromStr as _;
use std::time::Duration;

use futures::TryStreamExt as _;
use reprise_engine::{SqlValue, Statement};
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlDatabaseError};
use sqlx::{Arguments as _, AssertSqlSafe, Column as _, Executor as _, MySql, MySqlConnection};
use sqlx::{SqlSafeStr as _, Statement as _};

use super::{Dialect, Rows, check_columns, check_count};
use crate::config::{DatabaseConfig, Kind};
use crate::failure::{Fault, Sort};
use crate::reply::Ran;

/// Longest time that a connection may be idle, in seconds, by its own settings. The pool closes it earlier.
const IDLE_S: u32 = 600;

impl Dialect for MySql {
    const KIND: Kind = Kind::MySql;

    fn options(config: &DatabaseConfig) -> Result<MySqlConnectOptions, sqlx::Error> {
        // `||` means what it means on this server.
        Ok(MySqlConnectOptions::from_str(&config.url)?.pipes_as_concat(false))
    }

    fn begin(limit: Duration) -> String {
        format!("{}; START TRANSACTION", limits(limit))
    }

    async fn command(connection: &mut MySqlConnection, sql: String) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
    }

    async fn run(connection: &mut MySqlConnection, statement: &Statement, bytes_max: usize) -> Result<Ran, Fault> {
        let prepared = connection.prepare(AssertSqlSafe(statement.sql.clone()).into_sql_str()).await?;
        let wants = prepared.parameters().map_or(0, |parameters| parameters.either(<[_]>::len, |count| count));
        check_count(wants, statement.parameters.len())?;
        check_columns(prepared.columns().iter().map(|column| column.name()))?;
        prepared.columns().iter().try_for_each(value::check)?;
        let mut arguments = MySqlArguments::default();
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
            rows.push(value::read(&row)?)?;
        }
        Ok(rows.into_ran())
    }

    fn sort(error: &dyn DatabaseError) -> Sort {
        match number(error) {
            // Duplicate, foreign key, NULL, no default, check; out of range, too long; a signal; a view's check.
            1062 | 1586 | 1169 | 1216 | 1217 | 1451 | 1452 | 1557 | 1761 | 1762 | 1048 | 1364 | 3819 | 4025 | 1264
            | 1690 | 1406 | 1644 | 1369 => Sort::Refusal,
            // Lock wait, deadlock, row changed, and the same in an XA transaction.
            1205 | 1213 | 1020 | 1180 | 1181 | 1402 | 1613 | 1614 | 3572 => Sort::Passing,
            // Interrupted, killed, timed out.
            1317 | 1927 | 1969 | 3024 | 1907 | 4031 => Sort::Passing,
            // Too many, shutting down, network, read-only, out of memory, disk, files.
            1040
            | 1203
            | 1226
            | 1461
            | 1053
            | 1079
            | 1152..=1161
            | 1184
            | 1290
            | 1792
            | 1836
            | 1021
            | 1023..=1030
            | 1037..=1041
            | 1114
            | 1135
            | 1615
            | 1297
            | 1436 => Sort::Passing,
            // XA: this id is in use, or the state of the connection does not fit.
            1440 | 1399 | 1397 => Sort::Passing,
            // A vendor that says no more than SQL's own class.
            _ => match error.code().as_deref().and_then(|code| code.get(..2)) {
                Some("08" | "40") => Sort::Passing,
                Some("23" | "45") => Sort::Refusal,
                _ => Sort::Mistake,
            },
        }
    }

    fn advice(error: &sqlx::Error) -> &'static str {
        let sqlx::Error::Database(error) = error else { return "" };
        match number(error.as_ref()) {
            1064 => "; each statement has its own place in the list, and placeholders are ?",
            1044 | 1142 | 1143 | 1227 | 1370 => "; grant it to the user of the database's url",
            1049 | 1054 | 1146 => "; create what is missing, or name its database",
            _ => "; correct the statement",
        }
    }
}

/// Settings of the session, so that the server ends by itself what nobody waits for any more. What only MariaDB knows
/// is in its own comments.
pub(crate) fn limits(limit: Duration) -> String {
    let seconds = limit.as_secs_f64().max(0.1);
    let whole = seconds.ceil();
    format!(
        "SET SESSION wait_timeout = {IDLE_S}, innodb_lock_wait_timeout = {whole} \
         /*M!100301 , max_statement_time = {seconds:.3}, idle_transaction_timeout = {whole} */"
    )
}

/// The vendor's number of an error.
pub(crate) fn number(error: &dyn DatabaseError) -> u16 {
    error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number)
}

fn bind(arguments: &mut MySqlArguments, value: &SqlValue) -> Result<(), sqlx::error::BoxDynError> {
    match value {
        SqlValue::Null => arguments.add(None::<String>),
        SqlValue::Boolean(value) => arguments.add(*value),
        SqlValue::Integer(value) => arguments.add(*value),
        SqlValue::Real(value) => arguments.add(*value),
        SqlValue::Text(value) => arguments.add(value.clone()),
        SqlValue::Bytes(value) => arguments.add(value.clone()),
    }
}
