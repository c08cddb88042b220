//! What can be done outside the guest, as data.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing done outside the guest. Variants are only ever appended: journals hold them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// An HTTP request.
    Http {
        /// Method, upper case.
        method: String,
        /// `participant/path` or a whole URL.
        target: String,
        /// Request body.
        #[serde(with = "serde_bytes")]
        body: Vec<u8>,
    },
    /// A unary gRPC call.
    Grpc {
        /// Participant or `http(s)://host:port`.
        target: String,
        /// `package.Service/Method`.
        method: String,
        /// Encoded request message.
        #[serde(with = "serde_bytes")]
        message: Vec<u8>,
    },
    /// Statements in one local transaction with a barrier row.
    Sql(SqlOperation),
    /// The same statements as an XA branch.
    Xa(SqlOperation),
    /// Phase two of an XA branch: the op it is performed as says whether to commit or to roll back.
    XaFinish {
        /// Name of the database in the configuration.
        database: String,
    },
    /// A request that the guest's own HTTP client made (`wasi:http`): sent as it is, and answered as it was.
    Request {
        /// Method, as the guest wrote it.
        method: String,
        /// The whole URL.
        url: String,
        /// In order, names in lower case.
        headers: Vec<(String, Vec<u8>)>,
        /// Request body.
        #[serde(with = "serde_bytes")]
        body: Vec<u8>,
    },
}

/// By which rules an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// DTM's protocol: 409 refuses, 425 is ongoing, whatever else is no success is tried again.
    Transaction,
    /// Ordinary HTTP: only what may pass by itself (408, 429, 5xx) is tried again, all else is an answer.
    Plain,
}

impl Operation {
    /// Bytes of payload, for limits.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Http { target, body, .. } => target.len() + body.len(),
            Self::Grpc { target, method, message } => target.len() + method.len() + message.len(),
            Self::Sql(sql) | Self::Xa(sql) => sql.statements.iter().map(Statement::payload_bytes).sum(),
            Self::XaFinish { database } => database.len(),
            Self::Request { method, url, headers, body } => {
                let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
                method.len() + url.len() + headers + body.len()
            }
        }
    }

    /// By which rules its answers are read.
    #[must_use]
    pub const fn convention(&self) -> Convention {
        match self {
            Self::Request { .. } => Convention::Plain,
            Self::Http { .. } | Self::Grpc { .. } | Self::Sql(_) | Self::Xa(_) | Self::XaFinish { .. } => {
                Convention::Transaction
            }
        }
    }

    /// Whether nothing has to be undone by its kind alone: safe HTTP methods change nothing, and the runtime finishes
    /// XA branches by itself.
    #[must_use]
    pub fn needs_no_undo(&self) -> bool {
        match self {
            Self::Http { method, .. } | Self::Request { method, .. } => {
                ["GET", "HEAD", "OPTIONS", "TRACE"].iter().any(|safe| method.eq_ignore_ascii_case(safe))
            }
            Self::Grpc { .. } | Self::Sql(_) => false,
            Self::Xa(_) | Self::XaFinish { .. } => true,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { method, target, .. } => write!(f, "{method} {}", shown(target)),
            Self::Grpc { target, method, .. } => write!(f, "gRPC {}/{}", shown(target), method.trim_start_matches('/')),
            Self::Sql(sql) => write!(f, "SQL {} ({} statements)", sql.database, sql.statements.len()),
            Self::Xa(sql) => write!(f, "XA {} ({} statements)", sql.database, sql.statements.len()),
            Self::XaFinish { database } => write!(f, "XA {database}"),
            Self::Request { method, url, .. } => write!(f, "{method} {}", shown(url)),
        }
    }
}

/// A target without query and user info: they may hold what is nobody's business.
fn shown(target: &str) -> Cow<'_, str> {
    let target = target.split(['?', '#']).next().unwrap_or(target);
    match target.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match authority.rsplit_once('@') {
                Some((_, host)) => Cow::Owned(format!("{scheme}://{host}{path}")),
                None => Cow::Borrowed(target),
            }
        }
        None => Cow::Borrowed(target),
    }
}

/// Statements for one configured database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlOperation {
    /// Name of the database in the configuration.
    pub database: String,
    /// In order; all or none.
    pub statements: Vec<Statement>,
}

/// One SQL statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Text with placeholders.
    pub sql: String,
    /// Values for the placeholders, in order.
    pub parameters: Vec<SqlValue>,
    /// Number of affected rows without which it is a business failure.
    pub affected: Option<u32>,
}

impl Statement {
    fn payload_bytes(&self) -> usize {
        self.sql.len() + self.parameters.iter().map(SqlValue::payload_bytes).sum::<usize>()
    }
}

/// A SQL value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SqlValue {
    /// SQL NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// Text.
    Text(String),
    /// Raw bytes.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
}

impl SqlValue {
    fn payload_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) => 1,
            Self::Integer(_) | Self::Real(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// Which part of a branch an operation is; sent to participants under these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Phase one.
    Action,
    /// Phase two after success.
    Commit,
    /// Phase two after failure.
    Rollback,
    /// The notification when all is done.
    Finish,
    /// The question whether a local transaction was committed (two-phase messages).
    Msg,
}

impl Op {
    /// The name on the wire: `action`, `commit`, `rollback`, `finish`, `msg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::Finish => "finish",
            Self::Msg => "msg",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
