//! The statements of an operation: all of them in order, until one of them fails.

use reprise_engine::Statement;
use serde_json::json;

use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::guard;
use crate::reply;

/// Whether all of them may be run; asked before anything is.
pub(crate) fn check<D: Dialect>(statements: &[Statement]) -> Result<(), Failure> {
    for (number, statement) in (1..).zip(statements) {
        guard::check(D::KIND, &statement.sql)
            .map_err(|text| Failure::Invalid(format!("statement {number}: {text}")))?;
    }
    Ok(())
}

/// Runs them in the transaction that is open; the reply as JSON. The caller ends the transaction, either way.
pub(crate) async fn run<D: Dialect>(
    connection: &mut D::Connection,
    statements: &[Statement],
    reply_bytes_max: usize,
) -> Result<String, Failure> {
    let mut all = Vec::with_capacity(statements.len());
    let mut left = reply_bytes_max;
    for (number, statement) in (1..).zip(statements) {
        let ran = D::run(connection, statement, left).await;
        let ran = ran.map_err(|fault| Failure::of_statement::<D>(fault, number))?;
        left = left.saturating_sub(ran.rows.iter().map(reply::Row::size).sum());
        if let Some(expected) = statement.affected.filter(|expected| u64::from(*expected) != ran.affected) {
            return Err(Failure::Refused(json!({
                "message": format!("statement {number} affected {} rows instead of {expected}", ran.affected),
                "statement": number,
                "affected": ran.affected,
                "expected": expected,
            })));
        }
        all.push(ran);
    }
    Ok(reply::to_json(&all))
}
