//! Operations and results between the contract's types and the engine's.

use reprise_engine::{CallResult, Operation, SqlOperation, SqlValue, Statement};

use crate::bindings::types as wit;

/// The engine's form. The error is the guest's mistake, for people.
pub(super) fn operation(operation: wit::Operation) -> Result<Operation, String> {
    Ok(match operation {
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
        wit::SqlValue::Integer(text) => SqlValue::Integer(text.parse().map_err(|_| not_an_integer(&text))?),
        wit::SqlValue::Real(value) => SqlValue::Real(value),
        wit::SqlValue::Text(text) => SqlValue::Text(text),
        wit::SqlValue::Bytes(bytes) => SqlValue::Bytes(bytes),
    })
}

fn not_an_integer(text: &str) -> String {
    let text: String = text.chars().take(40).collect();
    format!("the SQL parameter {text:?} is no decimal integer of 64 bits; pass other numbers as text or real")
}

/// What the guest sees of a result.
pub(super) fn answer(result: CallResult) -> Result<Vec<u8>, wit::CallError> {
    match result {
        CallResult::Success { body, .. } | CallResult::Response { body, refused: false, .. } => Ok(body),
        CallResult::Failure { body, .. } | CallResult::Response { body, refused: true, .. } => {
            Err(wit::CallError::Failure(body))
        }
        CallResult::Exhausted { attempts, error } => Err(wit::CallError::Exhausted(tried(attempts, &error))),
        CallResult::Deadline { attempts, error } => Err(wit::CallError::Deadline(tried(attempts, &error))),
        CallResult::Canceled => Err(wit::CallError::Canceled),
        CallResult::Invalid(text) => Err(wit::CallError::Invalid(text)),
    }
}

/// What the guest sees of a result that it wants with status and headers.
pub(super) fn response(result: CallResult) -> Result<wit::Response, wit::CallError> {
    let (status, refused, headers, body) = match result {
        CallResult::Success { status, body } => (status, false, Vec::new(), body),
        CallResult::Failure { status, body } => (status, true, Vec::new(), body),
        CallResult::Response { status, headers, body, refused } => (status, refused, headers, body),
        CallResult::Exhausted { .. } | CallResult::Deadline { .. } | CallResult::Canceled | CallResult::Invalid(_) => {
            return Err(answer(result).expect_err("none of these is a success"));
        }
    };
    let headers = headers.into_iter().map(|(name, value)| wit::Header { name, value }).collect();
    Ok(wit::Response { status, refused, headers, body })
}

fn tried(attempts: u32, error: &str) -> String {
    let attempts_text = if attempts == 1 { "attempt" } else { "attempts" };
    format!("{attempts} {attempts_text}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_text_of_64_bits() {
        for (text, want) in [
            ("0", Some(0)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("", None),
            ("1.0", None),
            (" 1", None),
        ] {
            let got = value(wit::SqlValue::Integer(text.into())).ok();
            assert_eq!(got, want.map(SqlValue::Integer), "{text:?}");
        }
    }

    #[test]
    fn attempts_are_told() {
        let Err(wit::CallError::Exhausted(text)) = answer(CallResult::Exhausted { attempts: 3, error: "503".into() })
        else {
            panic!("exhausted stays exhausted");
        };
        assert_eq!(text, "3 attempts: 503");
    }
}
