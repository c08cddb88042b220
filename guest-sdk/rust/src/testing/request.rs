//! One attempt of an operation, as a test sees it.

use std::{fmt, time::Duration};

use serde::de::DeserializeOwned;

use crate::bindings::reprise::workflow::types::Operation;

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
    /// The branch, `01` and up; empty for what [`on_finish`](crate::Transaction::on_finish) registered.
    pub branch: String,
    /// What the operation is for the branch.
    pub role: Role,
    /// What is called: `POST bank/out`, `GRPC bank/bank.v1.Bank/In`, `SQL bank`.
    pub key: String,
    /// The body, the message, or the statements as text, a line each.
    pub body: Vec<u8>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Virtual time since the start.
    pub at: Duration,
}

impl Request {
    pub(super) fn new(branch: Option<u32>, role: Role, operation: &Operation) -> Self {
        let (key, body) = match operation {
            Operation::Http(op) => (format!("{} {}", op.method, op.target), op.body.clone()),
            Operation::Grpc(op) => (format!("GRPC {}/{}", op.target, op.method), op.message.clone()),
            Operation::Sql(op) => (format!("SQL {}", op.database), statements(op)),
            Operation::Xa(op) => (format!("XA {}", op.database), statements(op)),
        };
        let branch = branch.map(|id| format!("{id:02}")).unwrap_or_default();
        Self { branch, role, key, body, attempt: 0, at: Duration::ZERO }
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

fn statements(op: &crate::bindings::reprise::workflow::types::SqlOp) -> Vec<u8> {
    let lines: Vec<_> = op.statements.iter().map(|one| format!("{} {:?}", one.sql, one.parameters)).collect();
    lines.join("\n").into_bytes()
}
