//! What a test lets a participant answer.

use std::time::Duration;

use reprise_engine::{self as engine, Operation};
use serde::Serialize;
use serde_json::{Value, json};

/// What a participant answers to one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    kind: Kind,
    headers: engine::Headers,
    pub(super) delay: Duration,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Success(Vec<u8>),
    Failure(Vec<u8>),
    Status(u16, Vec<u8>),
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

    /// Success of SQL statements that give no rows: how many each has changed.
    #[must_use]
    pub fn affected(statements: impl IntoIterator<Item = u64>) -> Self {
        let all = statements.into_iter().map(|affected| json!({"affected": affected, "rows": []}));
        Self::json(&all.collect::<Value>())
    }

    /// Success of a single SQL statement that gives rows: `&[json!({"balance": 70})]`.
    ///
    /// # Panics
    /// A row has no JSON form.
    #[must_use]
    pub fn rows<T: Serialize>(rows: &[T]) -> Self {
        Self::json(&json!([{"affected": rows.len(), "rows": rows}]))
    }

    /// The participant refuses (HTTP 409, gRPC ABORTED, a failed check of a database), with a body.
    #[must_use]
    pub fn failure(body: impl Into<Vec<u8>>) -> Self {
        Kind::Failure(body.into()).into()
    }

    /// An HTTP status, or the number of a gRPC code with the message or the status' text: it means what the outcome map
    /// of the branch and the conventions say.
    #[must_use]
    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Kind::Status(status, body.into()).into()
    }

    /// The participant is not yet done (HTTP 425).
    #[must_use]
    pub fn ongoing() -> Self {
        Kind::Ongoing.into()
    }

    /// The attempt ends without a result: no connection, no answer in time. It is tried again.
    #[must_use]
    pub fn unknown(error: impl Into<String>) -> Self {
        Kind::Unknown(error.into()).into()
    }

    /// The operation can't be performed.
    #[must_use]
    pub fn invalid(text: impl Into<String>) -> Self {
        Kind::Invalid(text.into()).into()
    }

    /// The same, with a header (gRPC: metadata; the status' details are `grpc-status-details-bin`).
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The same, after a while.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// As the runtime gets it from a participant of this operation; `reads_headers`: whether somebody asked for them.
    pub(super) fn into_engine(self, operation: &Operation, reads_headers: bool) -> engine::Answer {
        let headers = if reads_headers { self.headers } else { Vec::new() };
        let (http, grpc, body) = match self.kind {
            Kind::Success(body) => (200, 0, body),
            Kind::Failure(body) if is_sql(operation) => return engine::Answer::Refused(body),
            Kind::Failure(body) => (409, 10, body),
            Kind::Status(status, body) => (status, status, body),
            Kind::Ongoing => (425, 9, b"ongoing".to_vec()),
            Kind::Unknown(error) => return engine::Answer::Lost(error),
            Kind::Invalid(text) => return engine::Answer::Invalid(text),
        };
        match operation {
            Operation::Http { .. } | Operation::Request { .. } => engine::Answer::Http { status: http, headers, body },
            Operation::Grpc { .. } => engine::Answer::Grpc { code: grpc, headers, body },
            Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => engine::Answer::Rows(body),
        }
    }
}

impl From<Kind> for Answer {
    fn from(kind: Kind) -> Self {
        Self { kind, headers: Vec::new(), delay: Duration::ZERO }
    }
}

fn is_sql(operation: &Operation) -> bool {
    match operation {
        Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => true,
        Operation::Http { .. } | Operation::Grpc { .. } | Operation::Request { .. } => false,
    }
}
