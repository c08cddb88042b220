//! Bytes in answers, in the most readable form they allow.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

/// Bytes as they read best.
pub(super) enum Readable<'a> {
    /// They are JSON; kept as they are, digit for digit.
    Json(&'a RawValue),
    /// They are text.
    Text(&'a str),
    /// They are anything.
    Base64(String),
}

impl<'a> Readable<'a> {
    /// Looks at bytes.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Base64(STANDARD.encode(bytes));
        };
        serde_json::from_str(text).map_or(Self::Text(text), Self::Json)
    }

    /// Writes a member of a JSON object: `name` if it is JSON, else `name_text` or `name_base64`.
    pub(super) fn member<M: SerializeMap>(&self, map: &mut M, name: &str) -> Result<(), M::Error> {
        match self {
            Self::Json(json) => map.serialize_entry(name, json),
            Self::Text(text) => map.serialize_entry(&format!("{name}_text"), text),
            Self::Base64(base64) => map.serialize_entry(&format!("{name}_base64"), base64),
        }
    }
}

/// The JSON of `bytes`, or else their base64.
pub(super) fn json_or_base64(bytes: &[u8]) -> (Option<&RawValue>, Option<String>) {
    match Readable::of(bytes) {
        Readable::Json(json) => (Some(json), None),
        Readable::Text(_) => (None, Some(STANDARD.encode(bytes))),
        Readable::Base64(base64) => (None, Some(base64)),
    }
}
