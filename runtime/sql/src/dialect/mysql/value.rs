//! Values of rows, by the type of their column.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde_json::value::RawValue;
use sqlx::mysql::types::MySqlTime;
use sqlx::mysql::{MySqlColumn, MySqlRow, MySqlTypeInfo, MySqlValueRef};
use sqlx::types::Json;
use sqlx::{Column as _, Decode, MySql, Row as _, Type, TypeInfo as _, ValueRef as _};

use crate::dialect::unreadable;
use crate::failure::Fault;
use crate::reply::{Cell, Row};

/// Whether values of this column have a form; asked before the statement is run.
pub(super) fn check(column: &MySqlColumn) -> Result<(), Fault> {
    match column.type_info().name() {
        "GEOMETRY" => {
            Err(unreadable(column.name(), column.type_info().name(), &format!("ST_AsText({})", column.name())))
        }
        _ => Ok(()),
    }
}

pub(super) fn read(row: &MySqlRow) -> Result<Row, sqlx::Error> {
    let mut cells = Vec::with_capacity(row.len());
    for column in row.columns() {
        let value = row.try_get_raw(column.ordinal())?;
        let cell = if value.is_null() { Cell::Null } else { cell(column.type_info(), value)? };
        cells.push((column.name().to_owned(), cell));
    }
    Ok(Row(cells))
}

fn cell(info: &MySqlTypeInfo, value: MySqlValueRef<'_>) -> Result<Cell, sqlx::Error> {
    Ok(match info.name() {
        "BOOLEAN" => match decode::<i64>(value)? {
            number @ (0 | 1) => Cell::Boolean(number == 1),
            number => Cell::Integer(number),
        },
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Cell::Integer(decode(value)?),
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED"
        | "BIT" | "YEAR" => Cell::Unsigned(decode(value)?),
        "FLOAT" => Cell::Real(decode::<f32>(value)?.into()),
        "DOUBLE" => Cell::Real(decode(value)?),
        "JSON" => Cell::Json(decode::<Json<Box<RawValue>>>(value)?.0),
        "DATE" => Cell::Text(decode::<NaiveDate>(value)?.to_string()),
        "TIME" => Cell::Text(decode::<MySqlTime>(value)?.to_string()),
        "DATETIME" => Cell::Text(decode::<NaiveDateTime>(value)?.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        "TIMESTAMP" => Cell::Text(decode::<DateTime<Utc>>(value)?.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        // Texts with a binary collation are called so too.
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB"
            if !<String as Type<MySql>>::compatible(info) =>
        {
            Cell::bytes(decode(value)?)
        }
        "NULL" => Cell::Null,
        // Texts, and DECIMAL, which comes as one.
        _ => Cell::Text(decode(value)?),
    })
}

fn decode<'r, T: Decode<'r, MySql>>(value: MySqlValueRef<'r>) -> Result<T, sqlx::Error> {
    T::decode(value).map_err(sqlx::Error::Decode)
}
