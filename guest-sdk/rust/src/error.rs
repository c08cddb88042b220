//! Why a call did not succeed, or its reply could not be read.

use serde::Deserialize;
use thiserror::Error;

use crate::{bindings::reprise::workflow::types, payload::excerpt, reply::Reply};

/// Why an operation did not succeed. Each of these is recorded, so a replay sees the same.
///
/// With `?` it becomes a [`Failure`](crate::Failure), which rolls the transaction back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// The participant refused (HTTP 409, gRPC ABORTED, or what the outcome map says), with its response. A database says
    /// in JSON what it refused: `{"message": "..", "statement": 1}`, with statements counted from 1.
    #[error("the participant refused: {}", reason(.0))]
    Failure(Reply),
    /// The allowed attempts are used up; the last error. Whether the participant acted is unknown.
    #[error("no success within the allowed attempts: {0}")]
    Exhausted(String),
    /// The deadline of the branch has passed; the last error. Whether the participant acted is unknown.
    #[error("no success before the deadline: {0}")]
    Deadline(String),
    /// The operation was cancelled first. Whether the participant acted is unknown.
    #[error("the operation was cancelled")]
    Canceled,
    /// The operation can't be performed as it stands, or a mistake was made earlier on its branch (a wrong option, a
    /// value without JSON form, an unknown handler): what to do about it. Nothing was sent.
    #[error("{0}")]
    Invalid(String),
}

impl From<types::CallError> for CallError {
    fn from(error: types::CallError) -> Self {
        match error {
            types::CallError::Failure(body) => Self::Failure(Reply::new(body)),
            types::CallError::Exhausted(last) => Self::Exhausted(last),
            types::CallError::Deadline(last) => Self::Deadline(last),
            types::CallError::Canceled => Self::Canceled,
            types::CallError::Invalid(text) => Self::Invalid(text),
        }
    }
}

/// A reply that is not what the workflow expects.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// No JSON, or JSON of another shape.
    #[error("the reply `{body}` is not the expected JSON")]
    Json {
        /// Where it differs.
        source: serde_json::Error,
        /// The beginning of the reply.
        body: String,
    },
    /// The reply of a database has no such statement.
    #[error("the reply has no statement {index}: there were {statements}, counted from 0")]
    NoStatement {
        /// The statement asked for.
        index: usize,
        /// How many there were.
        statements: usize,
    },
    /// No such protobuf message.
    #[cfg(feature = "prost")]
    #[error("the reply is not the expected message")]
    Message(#[source] prost::DecodeError),
}

/// Why a participant refused, for people: a database says it in JSON, others as they like.
fn reason(reply: &Reply) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    match reply.json::<Refusal>() {
        Ok(refusal) if reply.status() == 0 => refusal.message,
        Ok(_) | Err(_) => excerpt(reply.bytes()),
    }
}
