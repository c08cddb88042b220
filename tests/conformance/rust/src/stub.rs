//! The participant of all scenarios, and what most of them do with it.

use reprise_guest::{Branch, Call, CallError, Failure, Participant, Transaction};
use serde::{Deserialize, Serialize};

/// The body of most requests and replies.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Number {
    pub(crate) n: i64,
}

/// Who is called.
pub(crate) fn stub() -> Participant {
    Participant::named("stub")
}

/// A branch that is undone by `POST stub/PATH/undo` with this number.
pub(crate) fn undoable(tx: &Transaction, path: &str, n: i64) -> Branch {
    tx.branch().on_rollback(stub().post(&format!("/{path}/undo")).json(&Number { n }))
}

/// `POST stub/PATH` with a number, undone by `POST stub/PATH/undo`; gives the number of the reply.
pub(crate) async fn step(tx: &Transaction, path: &str, n: i64) -> Result<i64, Failure> {
    number(undoable(tx, path, n).call(stub().post(&format!("/{path}")).json(&Number { n }))).await
}

/// `GET stub/PATH` with an empty body, on a branch of its own that only reads.
pub(crate) fn get(tx: &Transaction, path: &str) -> Call {
    tx.branch().read_only().call(stub().get(path))
}

/// The number of a reply.
pub(crate) async fn number(call: Call) -> Result<i64, Failure> {
    let Number { n } = call.await?.json()?;
    Ok(n)
}

/// How a call ends, by the name of its error.
pub(crate) async fn ending(call: Call) -> &'static str {
    match call.await {
        Ok(_) => "none",
        Err(CallError::Failure(_)) => "failure",
        Err(CallError::Exhausted(_)) => "exhausted",
        Err(CallError::Deadline(_)) => "deadline",
        Err(CallError::Canceled) => "canceled",
        Err(CallError::Invalid(_)) => "invalid",
    }
}
