//! Operations and results between the types of the bindings and the engine's, as the runtime's host converts them.

use reprise_engine::{CallResult, Operation, SqlOperation, SqlValue, Statement};

use crate::bindings::reprise::workflow::types as wit;

/// The engine's form. The error is the workflow's mistake, for people.
pub(super) fn operation(operation: &wit::Operation) -> Result<Operation, String> {
    Ok(match operation.clone() {
        wit::Operation::Http(wit::HttpOp { method, target, body }) => Operation::Http { method, target, body },
        wit::Operation::Grpc(wit::GrpcOp { target, method, message }) => Operation::Grpc { target, method, message },
        wit::Operation::Sql(op) => Operation::Sql(sql(op)?),
        wit::Operation::Xa(op) => Operation::Xa(sql(op)?),
    })
}

fn sql(wit::SqlOp { database, statements }: wit::SqlOp) -> Result<SqlOperation, String> {
    let statements = statements.into_iter().map(statement).collect::<Result<_, _>>()?;
    Ok(SqlOperation { database, statements })
}

fn statement(wit::Statement { sql, parameters, affected }: wit::Statement) -> Result<Statement, String> {
    let parameters = parameters.into_iter().map(value).collect::<Result<_, _>>()?;
    Ok(Statement { sql, parameters, affected })
}

fn value(value: wit::SqlValue) -> Result<SqlValue, String> {
    Ok(match value {
        wit::SqlValue::Null => SqlValue::Null,
        wit::SqlValue::Boolean(value) => SqlValue::Boolean(value),
        wit::SqlValue::Integer(text) => match text.parse() {
            Ok(value) => SqlValue::Integer(value),
            Err(_) => return Err(format!("the SQL parameter {text:?} is no decimal integer of 64 bits")),
        },
        wit::SqlValue::Real(value) => SqlValue::Real(value),
        wit::SqlValue::Text(text) => SqlValue::Text(text),
        wit::SqlValue::Bytes(bytes) => SqlValue::Bytes(bytes),
    })
}

/// What the workflow sees of a result.
pub(super) fn response(result: CallResult) -> Result<wit::Response, wit::CallError> {
    let (status, refused, headers, body) = match result {
        CallResult::Success { status, body } => (status, false, Vec::new(), body),
        CallResult::Failure { status, body } => (status, true, Vec::new(), body),
        CallResult::Response { status, headers, body, refused } => (status, refused, headers, body),
        CallResult::Exhausted { attempts, error } => return Err(wit::CallError::Exhausted(tried(attempts, &error))),
        CallResult::Deadline { attempts, error } => return Err(wit::CallError::Deadline(tried(attempts, &error))),
        CallResult::Canceled => return Err(wit::CallError::Canceled),
        CallResult::Invalid(text) => return Err(wit::CallError::Invalid(text)),
    };
    let headers = headers.into_iter().map(|(name, value)| wit::Header { name, value }).collect();
    Ok(wit::Response { status, refused, headers, body })
}

fn tried(attempts: u32, error: &str) -> String {
    let attempts_text = if attempts == 1 { "attempt" } else { "attempts" };
    format!("{attempts} {attempts_text}: {error}")
}
