//! One attempt of an operation, as a test sees it.

use std::{collections::BTreeMap, fmt, time::Duration};

use reprise_engine::{Op, Operation, Send, SqlOperation, SqlValue};
use serde::de::DeserializeOwned;

/// What an operation is for its branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Called by the workflow.
    Action,
    /// Performed when the transaction committed.
    Commit,
    /// Performed when the transaction rolled back.
    Rollback,
    /// Performed when all was done.
    Finish,
}

/// One attempt of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The branch: `01` and up, `02-01` for the first that a handler of `02` opened; empty for what [`on_finish`](crate::Transaction::on_finish) registered.
    pub branch: String,
    /// What the operation is for the branch.
    pub role: Role,
    /// What is called: `POST bank/out`, `GRPC bank/bank.v1.Bank/In`, `SQL bank`.
    pub key: String,
    /// The body, the message, or the statements as text, a line each: `UPDATE .. [30, "alice"]`.
    pub body: Vec<u8>,
    /// Headers (gRPC: metadata) that the options of the branch set.
    pub headers: BTreeMap<String, String>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Virtual time since the start.
    pub at: Duration,
}

impl Request {
    pub(super) fn new(send: &Send) -> Self {
        let (key, body) = match &send.operation {
            Operation::Http { method, target, body } => (format!("{method} {target}"), body.clone()),
            Operation::Request { method, url, body, .. } => (format!("{method} {url}"), body.clone()),
            Operation::Grpc { target, method, message } => (format!("GRPC {target}/{method}"), message.clone()),
            Operation::Sql(op) => (format!("SQL {}", op.database), statements(op)),
            Operation::Xa(op) => (format!("XA {}", op.database), statements(op)),
            Operation::XaFinish { database } => (format!("XA {database}"), Vec::new()),
        };
        let role = match send.op {
            Op::Action => Role::Action,
            Op::Commit => Role::Commit,
            Op::Rollback => Role::Rollback,
            Op::Finish => Role::Finish,
            Op::Msg => unreachable!("a test has no message to confirm"),
        };
        let branch = if role == Role::Finish { String::new() } else { send.branch.to_string() };
        let headers = send.options.headers.clone();
        Self { branch, role, key, body, headers, attempt: 0, at: Duration::ZERO }
    }

    /// Reads the body as JSON.
    ///
    /// # Panics
    /// It is no JSON or not of this shape.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    /// Reads the body as a protobuf message.
    ///
    /// # Panics
    /// It is no such message.
    #[cfg(feature = "prost")]
    #[must_use]
    pub fn decode<M: prost::Message + Default>(&self) -> M {
        M::decode(self.body.as_slice()).unwrap_or_else(|error| panic!("{self}: {error}"))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Action => "action",
            Role::Commit => "commit",
            Role::Rollback => "rollback",
            Role::Finish => return write!(f, "finish {}", self.key),
        };
        write!(f, "{} {role} {}", self.branch, self.key)
    }
}

fn statements(op: &SqlOperation) -> Vec<u8> {
    let lines = op.statements.iter().map(|one| {
        let parameters: Vec<_> = one.parameters.iter().map(literal).collect();
        format!("{} [{}]", one.sql, parameters.join(", "))
    });
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

fn literal(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => "NULL".to_owned(),
        SqlValue::Boolean(value) => value.to_string(),
        SqlValue::Integer(value) => value.to_string(),
        SqlValue::Real(value) => format!("{value:?}"),
        SqlValue::Text(value) => format!("{value:?}"),
        SqlValue::Bytes(value) => format!("{value:?}"),
    }
}
