//! Values of rows, by the type of their column.

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use serde_json::value::RawValue;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgColumn, PgRow, PgTypeInfo, PgTypeKind, PgValueRef};
use sqlx::types::Json;
use sqlx::{Column as _, Decode, Postgres, Row as _, TypeInfo as _, ValueRef as _};
use uuid::Uuid;

use super::parameter::base;
use crate::dialect::unreadable;
use crate::failure::Fault;
use crate::reply::{Cell, Row};

const READABLE: [&str; 20] = [
    "BOOL",
    "INT2",
    "INT4",
    "INT8",
    "OID",
    "FLOAT4",
    "FLOAT8",
    "NUMERIC",
    "TEXT",
    "VARCHAR",
    "CHAR",
    "NAME",
    "UNKNOWN",
    "UUID",
    "JSON",
    "JSONB",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
];

/// Whether values of this column have a form; asked before the statement is run.
pub(super) fn check(column: &PgColumn) -> Result<(), Fault> {
    let info = base(column.type_info());
    let name = info.name().to_ascii_uppercase();
    let readable = READABLE.contains(&name.as_str())
        || matches!(name.as_str(), "BYTEA" | "CITEXT" | "VOID")
        || matches!(info.kind(), PgTypeKind::Enum(_));
    if readable { Ok(()) } else { Err(unreadable(column.name(), info.name(), &format!("{}::text", column.name()))) }
}

pub(super) fn read(row: &PgRow) -> Result<Row, sqlx::Error> {
    let mut cells = Vec::with_capacity(row.len());
    for column in row.columns() {
        let value = row.try_get_raw(column.ordinal())?;
        let cell = if value.is_null() { Cell::Null } else { cell(base(column.type_info()), value)? };
        cells.push((column.name().to_owned(), cell));
    }
    Ok(Row(cells))
}

fn cell(info: &PgTypeInfo, value: PgValueRef<'_>) -> Result<Cell, sqlx::Error> {
    Ok(match info.name().to_ascii_uppercase().as_str() {
        "BOOL" => Cell::Boolean(decode(value)?),
        "INT2" => Cell::Integer(decode::<i16>(value)?.into()),
        "INT4" => Cell::Integer(decode::<i32>(value)?.into()),
        "INT8" => Cell::Integer(decode(value)?),
        "OID" => Cell::Unsigned(decode::<Oid>(value)?.0.into()),
        "FLOAT4" => Cell::Real(decode::<f32>(value)?.into()),
        "FLOAT8" => Cell::Real(decode(value)?),
        "NUMERIC" => Cell::Text(numeric(value)?),
        "UUID" => Cell::Text(decode::<Uuid>(value)?.to_string()),
        "JSON" | "JSONB" => Cell::Json(decode::<Json<Box<RawValue>>>(value)?.0),
        "DATE" => Cell::Text(decode::<NaiveDate>(value)?.to_string()),
        "TIME" => Cell::Text(decode::<NaiveTime>(value)?.to_string()),
        "TIMESTAMP" => Cell::Text(decode::<NaiveDateTime>(value)?.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        "TIMESTAMPTZ" => Cell::Text(decode::<DateTime<Utc>>(value)?.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        "BYTEA" => Cell::bytes(decode(value)?),
        "VOID" => Cell::Null,
        _ => Cell::Text(decode(value)?),
    })
}

fn decode<'r, T: Decode<'r, Postgres>>(value: PgValueRef<'r>) -> Result<T, sqlx::Error> {
    T::decode(value).map_err(sqlx::Error::Decode)
}

/// With the digits after the point that the column has: they are in bytes 6 and 7 of the binary form.
fn numeric(value: PgValueRef<'_>) -> Result<String, sqlx::Error> {
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    let sign = bytes.get(4..6);
    let special = match sign {
        Some([0xc0, 0x00]) => Some("NaN"),
        Some([0xd0, 0x00]) => Some("Infinity"),
        Some([0xf0, 0x00]) => Some("-Infinity"),
        _ => None,
    };
    if let Some(text) = special {
        return Ok(text.to_owned());
    }
    let scale = bytes.get(6..8).and_then(|bytes| Some(i16::from_be_bytes(bytes.try_into().ok()?))).unwrap_or_default();
    Ok(decode::<BigDecimal>(value)?.with_scale(scale.into()).to_plain_string())
}
