//! Parameters: a value of an operation in the form of the type that PostgreSQL wants at its place.
//!
//! PostgreSQL does not convert parameters. It says what it wants when a statement is prepared, and this is where an
//! integer becomes `int4` or `numeric`, and a text `uuid`, `jsonb` or `timestamptz`.

use std::str::FromStr;

use bigdecimal::{BigDecimal, FromPrimitive as _};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use reprise_engine::SqlValue;
use serde_json::value::RawValue;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgTypeKind};
use sqlx::types::Json;
use sqlx::{Encode, Postgres, Type, TypeInfo as _};
use uuid::Uuid;

/// A value in the form that is wanted.
#[derive(Debug)]
pub(super) struct Parameter {
    wanted: PgTypeInfo,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Null,
    Boolean(bool),
    Int2(i16),
    Int4(i32),
    Int8(i64),
    Float4(f32),
    Float8(f64),
    Numeric(BigDecimal),
    Text(String),
    Bytes(Vec<u8>),
    Json(Json<Box<RawValue>>),
    Uuid(Uuid),
    Date(NaiveDate),
    Time(NaiveTime),
    Timestamp(NaiveDateTime),
    TimestampTz(DateTime<Utc>),
}

impl Parameter {
    /// # Errors
    /// Why the value does not go where the statement wants it, and what to write instead.
    pub(super) fn new(value: &SqlValue, wanted: PgTypeInfo) -> Result<Self, String> {
        let form = form(value, base(&wanted)).map_err(|why| {
            let has = match value {
                SqlValue::Null => "NULL",
                SqlValue::Boolean(_) => "a boolean",
                SqlValue::Integer(_) => "an integer",
                SqlValue::Real(_) => "a double",
                SqlValue::Text(_) => "text",
                SqlValue::Bytes(_) => "bytes",
            };
            format!("{has} is given where the statement wants {}; {why}", wanted.name())
        })?;
        Ok(Self { wanted, form })
    }
}

/// What a domain is a domain of.
pub(super) fn base(info: &PgTypeInfo) -> &PgTypeInfo {
    match info.kind() {
        PgTypeKind::Domain(inner) => base(inner),
        PgTypeKind::Simple
        | PgTypeKind::Pseudo
        | PgTypeKind::Composite(_)
        | PgTypeKind::Array(_)
        | PgTypeKind::Enum(_)
        | PgTypeKind::Range(_) => info,
    }
}

fn form(value: &SqlValue, wanted: &PgTypeInfo) -> Result<Form, String> {
    if *value == SqlValue::Null {
        return Ok(Form::Null);
    }
    let name = wanted.name().to_ascii_uppercase();
    match (name.as_str(), value) {
        ("BOOL", SqlValue::Boolean(value)) => Ok(Form::Boolean(*value)),
        ("BOOL", SqlValue::Text(text)) => parsed(text, "true or false").map(Form::Boolean),
        ("INT2", _) => small(value).map(Form::Int2),
        ("INT4", _) => small(value).map(Form::Int4),
        ("INT8" | "OID", _) => small(value).map(Form::Int8),
        ("FLOAT4", _) => double(value).map(|value| Form::Float4(value as f32)),
        ("FLOAT8", _) => double(value).map(Form::Float8),
        ("NUMERIC", _) => decimal(value).map(Form::Numeric),
        ("BYTEA", SqlValue::Bytes(bytes)) => Ok(Form::Bytes(bytes.clone())),
        ("JSON" | "JSONB", _) => json(value).map(Form::Json),
        ("UUID", SqlValue::Text(text)) => parsed(text, "a UUID").map(Form::Uuid),
        ("UUID", SqlValue::Bytes(bytes)) => Uuid::from_slice(bytes).map(Form::Uuid).map_err(|e| e.to_string()),
        ("DATE", SqlValue::Text(text)) => parsed(text, "2026-01-31").map(Form::Date),
        ("TIME", SqlValue::Text(text)) => parsed(text, "23:59:59.999").map(Form::Time),
        ("TIMESTAMP", SqlValue::Text(text)) => local_time(text).map(Form::Timestamp),
        ("TIMESTAMPTZ", SqlValue::Text(text)) => point_in_time(text).map(Form::TimestampTz),
        ("TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" | "CITEXT" | "\"CHAR\"", _) => text(value).map(Form::Text),
        _ if matches!(wanted.kind(), PgTypeKind::Enum(_)) => text(value).map(Form::Text),
        ("BOOL" | "BYTEA" | "UUID" | "DATE" | "TIME" | "TIMESTAMP" | "TIMESTAMPTZ", _) => {
            Err("give a value of that type, or cast it in the statement".into())
        }
        (name, _) => Err(format!("give it as text and cast it: $1::text::{}", name.to_ascii_lowercase())),
    }
}

fn parsed<T: FromStr>(text: &str, like: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("write it like this: {like}"))
}

fn small<T: TryFrom<i64> + FromStr>(value: &SqlValue) -> Result<T, String> {
    match value {
        SqlValue::Integer(value) => T::try_from(*value).map_err(|_| format!("{value} is out of its range")),
        SqlValue::Text(text) => parsed(text, "42"),
        SqlValue::Null | SqlValue::Boolean(_) | SqlValue::Real(_) | SqlValue::Bytes(_) => {
            Err("give an integer, or cast in the statement: $1::float8::int8".into())
        }
    }
}

fn double(value: &SqlValue) -> Result<f64, String> {
    match value {
        SqlValue::Real(value) => Ok(*value),
        SqlValue::Integer(value) => Ok(*value as f64),
        SqlValue::Text(text) => parsed(text, "0.5"),
        SqlValue::Null | SqlValue::Boolean(_) | SqlValue::Bytes(_) => Err("give a number".into()),
    }
}

fn decimal(value: &SqlValue) -> Result<BigDecimal, String> {
    match value {
        SqlValue::Integer(value) => Ok(BigDecimal::from(*value)),
        // By way of the shortest text: 0.1 is meant, not what is nearest to it in binary.
        SqlValue::Real(value) => BigDecimal::from_str(&value.to_string())
            .ok()
            .or_else(|| BigDecimal::from_f64(*value))
            .ok_or_else(|| "a finite number is needed".into()),
        SqlValue::Text(text) => parsed(text, "10.50"),
        SqlValue::Null | SqlValue::Boolean(_) | SqlValue::Bytes(_) => Err("give a number, or text like 10.50".into()),
    }
}

fn json(value: &SqlValue) -> Result<Json<Box<RawValue>>, String> {
    let text = match value {
        SqlValue::Text(text) => text.clone(),
        SqlValue::Boolean(value) => value.to_string(),
        SqlValue::Integer(value) => value.to_string(),
        SqlValue::Real(value) if value.is_finite() => value.to_string(),
        SqlValue::Null | SqlValue::Real(_) | SqlValue::Bytes(_) => return Err("give JSON as text".into()),
    };
    RawValue::from_string(text).map(Json).map_err(|error| format!("it is no JSON: {error}"))
}

fn text(value: &SqlValue) -> Result<String, String> {
    match value {
        SqlValue::Text(text) => Ok(text.clone()),
        SqlValue::Boolean(value) => Ok(value.to_string()),
        SqlValue::Integer(value) => Ok(value.to_string()),
        SqlValue::Real(value) => Ok(value.to_string()),
        SqlValue::Null | SqlValue::Bytes(_) => Err("give text, or cast in the statement: $1::bytea".into()),
    }
}

/// Without an offset: what the clock on the wall says.
fn local_time(text: &str) -> Result<NaiveDateTime, String> {
    let text = text.trim().replacen('T', " ", 1);
    NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f")
        .map_err(|_| "write it without an offset, like this: 2026-01-31 23:59:59.999".into())
}

/// With an offset, or in UTC.
fn point_in_time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text.trim())
        .map(|time| time.to_utc())
        .or_else(|_| local_time(text).map(|time| time.and_utc()))
        .map_err(|_| "write it like this: 2026-01-31T23:59:59.999Z".into())
}

impl Type<Postgres> for Parameter {
    /// What [`Encode::produces`] says counts.
    fn type_info() -> PgTypeInfo {
        <String as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Parameter {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match &self.form {
            Form::Null => Ok(IsNull::Yes),
            Form::Boolean(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Int2(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Int4(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Int8(value) if self.wanted.name() == "OID" => {
                Encode::<Postgres>::encode_by_ref(&sqlx::postgres::types::Oid(u32::try_from(*value)?), buffer)
            }
            Form::Int8(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Float4(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Float8(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Numeric(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Text(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Bytes(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Json(value) if base(&self.wanted).name() == "JSON" => {
                Encode::<Postgres>::encode_by_ref(&value.0.get(), buffer)
            }
            Form::Json(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Uuid(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Date(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Time(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::Timestamp(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Form::TimestampTz(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.wanted.clone())
    }
}
