//! How values become bytes and back: inputs, outputs, payloads of handlers. JSON by serde, or bytes as they are.

use serde::{Serialize, de::DeserializeOwned};

/// Bytes as they are, where JSON is not wanted: as the input or output of a workflow or the payload of a handler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raw(pub Vec<u8>);

/// A value that can be sent: whatever serde serializes, as JSON, and [`Raw`].
pub trait Encode {
    /// The value as bytes.
    ///
    /// # Errors
    /// The value has no JSON form, for example a map whose keys are no strings.
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error>;
}

/// A value that can be received: whatever serde deserializes, from JSON, and [`Raw`]. No bytes at all read as `null`.
pub trait Decode: Sized {
    /// The value that `bytes` stand for.
    ///
    /// # Errors
    /// The bytes are no JSON, or not the JSON of this type.
    fn decode(bytes: Vec<u8>) -> Result<Self, serde_json::Error>;
}

impl<T: Serialize + ?Sized> Encode for T {
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl Encode for Raw {
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(self.0.clone())
    }
}

impl<T: DeserializeOwned> Decode for T {
    fn decode(bytes: Vec<u8>) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(if bytes.is_empty() { b"null" } else { &bytes })
    }
}

impl Decode for Raw {
    fn decode(bytes: Vec<u8>) -> Result<Self, serde_json::Error> {
        Ok(Self(bytes))
    }
}

impl From<Vec<u8>> for Raw {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// Bytes for people: text, cut where it gets long.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const CHARS_MAX: usize = 200;
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reads_as_null() {
        assert!(<()>::decode(Vec::new()).is_ok());
        assert_eq!(Option::<u8>::decode(Vec::new()).ok(), Some(None));
        assert!(String::decode(Vec::new()).is_err());
    }

    #[test]
    fn raw_bytes_stay_as_they_are() {
        let raw = Raw(vec![0, 255]);
        assert_eq!(raw.encode().ok(), Some(vec![0, 255]));
        assert_eq!(Raw::decode(vec![0, 255]).ok(), Some(raw));
    }

    #[test]
    fn excerpts_are_cut_between_characters() {
        assert_eq!(excerpt(b"short"), "short");
        assert_eq!(excerpt("ö".repeat(300).as_bytes()).chars().count(), 203);
    }
}
