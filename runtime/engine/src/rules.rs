//! What is agreed when an execution is triggered, and kept: a restart with another configuration changes none of it.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::operation::Operation;

/// The rules of one execution. Stored by position: it never grows, a successor is another entry.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Rules {
    /// What a trap leads to.
    pub on_trap: OnTrap,
    /// Whether calls must say how they are undone.
    pub completeness: Completeness,
    /// When a `run` that has not returned is rolled back.
    pub deadline: Option<Timestamp>,
    /// Of a two-phase message: whom to ask whether the sender's local transaction is committed.
    pub query_back: Option<QueryBack>,
}

/// What a trap of the guest leads to after some retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnTrap {
    /// Keep the execution until a fixed component is deployed.
    #[default]
    Quarantine,
    /// Roll back.
    Rollback,
}

/// Whether a call that changes something must say how it is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// It must: by a registered commit or rollback, or by the option `effect`.
    #[default]
    Strict,
    /// It may: for code that was written for other systems.
    Lenient,
}

/// How to learn whether the sender of a message has committed its local transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryBack {
    /// Success: committed. Refusal: not, and it never will be.
    pub operation: Operation,
    /// When to ask for the first time, if the sender has not said so by itself.
    pub due: Timestamp,
}

/// How an execution without a guest goes on: others register its branches, report what they did, and decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// When something happens if nobody has decided.
    pub due: Timestamp,
    /// What happens then.
    pub at_due: AtDue,
    /// What lies under the options of every branch that is registered, in recorded form.
    pub branch_options: String,
}

/// What happens to an execution that nobody has decided in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AtDue {
    /// It is rolled back, with this message.
    RollBack(String),
    /// Who steers it is called, and called again, until it is decided.
    Call {
        /// The call.
        operation: Operation,
        /// Its options in recorded form.
        options: String,
        /// Pause between a call that was answered and the next one, milliseconds.
        every_ms: u64,
    },
}

impl Rules {
    /// The rules of those whose journal has none.
    #[must_use]
    pub const fn before_there_were_any(on_trap: OnTrap) -> Self {
        Self { on_trap, completeness: Completeness::Lenient, deadline: None, query_back: None }
    }
}
