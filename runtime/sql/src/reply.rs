//! Rows as JSON: one object per statement, `{"affected": n, "rows": [{column: value}]}`.
//!
//! The rule of values: what JSON can say exactly is said so (NULL, booleans, integers up to 2^53, finite doubles, JSON
//! itself); all else is text (larger integers, decimals, times, UUIDs), bytes as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// Integers beyond it are not the same in every language that reads JSON.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// What one statement came to.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Ran {
    /// Rows changed, or, where rows are returned, their number.
    pub(crate) affected: u64,
    pub(crate) rows: Vec<Row>,
}

/// One row: columns in order.
#[derive(Debug)]
pub(crate) struct Row(pub(crate) Vec<(String, Cell)>);

/// One value.
#[derive(Debug)]
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Real(f64),
    Text(String),
    Json(Box<RawValue>),
}

impl Cell {
    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self::Text(STANDARD.encode(bytes))
    }

    /// About how long it is as JSON.
    fn size(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) => 5,
            Self::Integer(_) | Self::Unsigned(_) | Self::Real(_) => 20,
            Self::Text(text) => text.len() + 2,
            Self::Json(json) => json.get().len(),
        }
    }
}

impl Row {
    /// About how long it is as JSON.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|(name, cell)| name.len() + cell.size() + 4).sum()
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cell) in &self.0 {
            map.serialize_entry(name, cell)?;
        }
        map.end()
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(value) if value.unsigned_abs() <= SAFE_INTEGER_MAX => serializer.serialize_i64(*value),
            Self::Integer(value) => serializer.collect_str(value),
            Self::Unsigned(value) if *value <= SAFE_INTEGER_MAX => serializer.serialize_u64(*value),
            Self::Unsigned(value) => serializer.collect_str(value),
            Self::Real(value) if value.is_finite() => serializer.serialize_f64(*value),
            Self::Real(value) => serializer.collect_str(value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Json(json) => json.serialize(serializer),
        }
    }
}

/// The reply of a whole operation.
pub(crate) fn to_json(all: &[Ran]) -> String {
    serde_json::to_string(all).expect("strings as keys, and no value that can't be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_or_text() {
        let json = RawValue::from_string("{\"b\":1.10}".into()).expect("JSON");
        let cells = [
            (Cell::Integer(9_007_199_254_740_991), "9007199254740991"),
            (Cell::Integer(-9_007_199_254_740_992), "\"-9007199254740992\""),
            (Cell::Unsigned(u64::MAX), "\"18446744073709551615\""),
            (Cell::Real(0.5), "0.5"),
            (Cell::Real(f64::NAN), "\"NaN\""),
            (Cell::bytes(b"\x00\xff"), "\"AP8=\""),
            (Cell::Json(json), "{\"b\":1.10}"),
            (Cell::Null, "null"),
        ];
        for (cell, want) in cells {
            let ran = [Ran { affected: 1, rows: vec![Row(vec![("c".into(), cell)])] }];
            assert_eq!(to_json(&ran), format!("[{{\"affected\":1,\"rows\":[{{\"c\":{want}}}]}}]"));
        }
    }
}
