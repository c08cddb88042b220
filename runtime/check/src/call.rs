//! A call of a workflow by its name: the same in every run.

use std::fmt;

use reprise_engine::{BranchId, BranchOptions, CallEffect, Op, Operation, Pursuit, Scope};
use serde::Serialize;

/// Which call: branch, op, and what is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct CallName {
    /// `01`, `02`, ...
    #[serde(serialize_with = "as_text")]
    pub branch: BranchId,
    /// Which part of the branch.
    pub op: Op,
    /// `POST bank/transfer-out`.
    pub call: String,
}

impl CallName {
    pub(crate) fn new(branch: BranchId, op: Op, operation: &Operation) -> Self {
        Self { branch, op, call: operation.to_string() }
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.branch, self.op, self.call)
    }
}

fn as_text<S: serde::Serializer>(branch: &BranchId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(branch)
}

/// A call as it was made first.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: CallName,
    pub(crate) operation: Operation,
    pub(crate) options: BranchOptions,
    pub(crate) pursuit: Pursuit,
    /// Who asked for it: `run`, or a handler; registrations that the runtime performs by itself have none.
    pub(crate) scope: Scope,
}

/// Most attempts that are tried out one by one; a higher limit counts as none.
const ATTEMPTS_MAX: u32 = 100_000;

impl Call {
    /// Whether it is an action of `run`, and not part of phase two.
    pub(crate) fn is_step(&self) -> bool {
        self.scope.is_none() && self.name.op == Op::Action
    }

    /// Whether nothing ends it but an answer.
    pub(crate) fn is_endless(&self) -> bool {
        let attempts = self.options.retry.attempts.filter(|most| *most <= ATTEMPTS_MAX);
        self.pursuit != Pursuit::Limited || (attempts.is_none() && self.options.deadline_ms.is_none())
    }
}

/// Whether a call leaves something behind that must be undone.
pub(crate) fn changes(operation: &Operation, options: &BranchOptions) -> bool {
    options.effect != Some(CallEffect::ReadOnly)
        && (matches!(operation, Operation::Xa(_)) || !operation.needs_no_undo() || options.effect.is_some())
}
