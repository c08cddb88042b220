//! What a participant answered.

use serde::de::DeserializeOwned;

use crate::{error::ReplyError, payload::excerpt};

/// The body of a successful HTTP response, the message of a gRPC response, or the rows of SQL statements as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply(Vec<u8>);

impl Reply {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as they came, handed over.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Reads the reply as JSON.
    ///
    /// # Errors
    /// [`ReplyError::Json`]: it is no JSON or not of this shape. With `?` that rolls the transaction back.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ReplyError> {
        serde_json::from_slice(&self.0).map_err(|source| ReplyError::Json { source, body: excerpt(&self.0) })
    }

    /// Reads the reply as a protobuf message.
    ///
    /// # Errors
    /// [`ReplyError::Message`]: it is no such message. With `?` that rolls the transaction back.
    #[cfg(feature = "prost")]
    pub fn decode<M: prost::Message + Default>(&self) -> Result<M, ReplyError> {
        M::decode(self.0.as_slice()).map_err(ReplyError::Message)
    }
}
