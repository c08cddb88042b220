//! What a test lets a participant answer.

use std::{fmt, time::Duration};

use serde::Serialize;

/// What a participant answers to one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub(super) kind: Kind,
    pub(super) delay: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Success(Vec<u8>),
    Failure(Vec<u8>),
    Ongoing,
    Unknown(String),
    Invalid(String),
}

impl Answer {
    /// Success without a body.
    #[must_use]
    pub fn ok() -> Self {
        Self::bytes([])
    }

    /// Success with bytes.
    #[must_use]
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Kind::Success(body.into()).into()
    }

    /// Success with JSON.
    ///
    /// # Panics
    /// The value has no JSON form.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(body: &T) -> Self {
        Self::bytes(serde_json::to_vec(body).expect("an answer has a JSON form"))
    }

    /// Success with a protobuf message.
    #[cfg(feature = "prost")]
    #[must_use]
    pub fn encode<M: prost::Message>(message: &M) -> Self {
        Self::bytes(message.encode_to_vec())
    }

    /// The participant refuses (HTTP 409, gRPC ABORTED), with a body.
    #[must_use]
    pub fn failure(body: impl Into<Vec<u8>>) -> Self {
        Kind::Failure(body.into()).into()
    }

    /// The participant is not yet done (HTTP 425).
    #[must_use]
    pub fn ongoing() -> Self {
        Kind::Ongoing.into()
    }

    /// The attempt ends without a result: no connection, HTTP 500. It is tried again.
    #[must_use]
    pub fn unknown(error: impl Into<String>) -> Self {
        Kind::Unknown(error.into()).into()
    }

    /// The operation can't be performed.
    #[must_use]
    pub fn invalid(text: impl Into<String>) -> Self {
        Kind::Invalid(text.into()).into()
    }

    /// The same, after a while.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl From<Kind> for Answer {
    fn from(kind: Kind) -> Self {
        Self { kind, delay: Duration::ZERO }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success(_) => "success",
            Self::Failure(_) => "failure",
            Self::Ongoing => "ongoing",
            Self::Unknown(_) => "unknown",
            Self::Invalid(_) => "invalid",
        })
    }
}
