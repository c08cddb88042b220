//! Which operation a request is: the four branch parameters, parsed once, at the edge.
//!
//! Owns their names, limits and the two wires they come by; what they mean for the data is [`crate::Barrier`]'s.

#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "http")]
mod http;

#[cfg(feature = "http")]
pub use http::BranchRejection;

/// Longest gid and branch id in bytes, as DTM's barrier table has them.
const ID_BYTES_MAX: usize = 128;
/// Longest transaction type and op in bytes, as DTM's barrier table has them.
const WORD_BYTES_MAX: usize = 45;

/// Branch, op and barrier id of a message's local transaction, as DTM has them.
const MESSAGE_BRANCH: &str = "00";
pub(crate) const MESSAGE_OP: &str = "msg";
pub(crate) const MESSAGE_BARRIER: &str = "01";

/// One operation of one branch of a global transaction, as the caller names it.
///
/// Reprise sends `trans_type` `workflow` and the ops `action`, `commit` and `rollback`; DTM's other modes also send
/// `try`, `confirm`, `cancel`, `compensate` and `msg`. A branch id is `01`, `02`, ... or, for what a phase-two handler
/// calls, a sub-branch such as `02-01`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Branch {
    trans_type: String,
    gid: String,
    branch_id: String,
    op: String,
    must_succeed: bool,
}

/// A request that does not say which operation it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BranchError {
    /// The parameter is absent, empty, or not text.
    #[error("branch parameter `{name}` is missing; a runtime sends gid, trans_type, branch_id and op with each call")]
    Missing {
        /// The parameter as this wire spells it, for example `dtm-gid`.
        name: &'static str,
    },
    /// The parameter is longer than the barrier table can hold.
    #[error("branch parameter `{name}` is {bytes} bytes long, at most {bytes_max} are allowed")]
    TooLong {
        /// The parameter, in its plain spelling.
        name: &'static str,
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        bytes_max: usize,
    },
    /// The query string could not be read at all.
    #[error("the query string is not valid: {reason}")]
    Query {
        /// What the parser said.
        reason: String,
    },
}

impl Branch {
    /// Names an operation.
    ///
    /// # Errors
    /// [`BranchError::Missing`] or [`BranchError::TooLong`]: the caller's request is wrong, answer 400.
    pub fn new(trans_type: &str, gid: &str, branch_id: &str, op: &str) -> Result<Self, BranchError> {
        Ok(Self {
            trans_type: checked("trans_type", trans_type, WORD_BYTES_MAX)?,
            gid: checked("gid", gid, ID_BYTES_MAX)?,
            branch_id: checked("branch_id", branch_id, ID_BYTES_MAX)?,
            op: checked("op", op, WORD_BYTES_MAX)?,
            must_succeed: false,
        })
    }

    /// The same operation, repeated until it succeeds: what the runtime says of actions that follow a point of no return
    /// (`must_succeed=true` in the query, `reprise-must-succeed` in metadata).
    #[must_use]
    pub fn must_succeed(self) -> Self {
        Self { must_succeed: true, ..self }
    }

    /// The local transaction of the message `gid`, which commits together with the decision to send it.
    ///
    /// # Errors
    /// [`BranchError::Missing`] or [`BranchError::TooLong`]: it is no gid.
    pub fn message(gid: &str) -> Result<Self, BranchError> {
        Self::new("msg", gid, MESSAGE_BRANCH, MESSAGE_OP)
    }

    /// Who answers the query-back of this message: a rollback that takes the place of the local transaction, if it can.
    pub(crate) fn query_back(&self) -> Self {
        Self { branch_id: MESSAGE_BRANCH.to_owned(), op: "rollback".to_owned(), ..self.clone() }
    }

    /// The kind of transaction: `workflow`, or DTM's `saga`, `tcc`, `msg`, `xa`.
    #[must_use]
    pub fn trans_type(&self) -> &str {
        &self.trans_type
    }

    /// The global transaction id.
    #[must_use]
    pub fn gid(&self) -> &str {
        &self.gid
    }

    /// The branch within the transaction.
    #[must_use]
    pub fn branch_id(&self) -> &str {
        &self.branch_id
    }

    /// The operation of the branch.
    #[must_use]
    pub fn op(&self) -> &str {
        &self.op
    }

    /// The op that this one undoes; `None` unless it compensates.
    #[must_use]
    pub fn origin_op(&self) -> Option<&'static str> {
        match self.op.as_str() {
            "cancel" => Some("try"),
            "compensate" | "rollback" => Some("action"),
            _ => None,
        }
    }

    /// Whether this op belongs to phase two or comes after it (`finish`): it has to succeed in the end and is retried until
    /// it does.
    #[must_use]
    pub fn is_phase_two(&self) -> bool {
        matches!(self.op.as_str(), "commit" | "confirm" | "finish") || self.origin_op().is_some()
    }

    /// Whether a refusal is final, so that a repeat gets it again. What is repeated until it succeeds asks anew each time.
    #[must_use]
    pub fn keeps_refusals(&self) -> bool {
        !self.is_phase_two() && !self.must_succeed
    }
}

fn checked(name: &'static str, value: &str, bytes_max: usize) -> Result<String, BranchError> {
    match value.len() {
        0 => Err(BranchError::Missing { name }),
        bytes if bytes > bytes_max => Err(BranchError::TooLong { name, bytes, bytes_max }),
        _ => Ok(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("action", None, false)]
    #[case("try", None, false)]
    #[case("msg", None, false)]
    #[case("commit", None, true)]
    #[case("confirm", None, true)]
    #[case("finish", None, true)]
    #[case("rollback", Some("action"), true)]
    #[case("compensate", Some("action"), true)]
    #[case("cancel", Some("try"), true)]
    fn ops(#[case] op: &str, #[case] origin: Option<&str>, #[case] phase_two: bool) {
        let branch = Branch::new("workflow", "g", "01", op).expect("valid");
        assert_eq!((branch.origin_op(), branch.is_phase_two()), (origin, phase_two));
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(Branch::new("workflow", "", "01", "action"), Err(BranchError::Missing { name: "gid" }));
        assert_eq!(
            Branch::new("workflow", &"g".repeat(129), "01", "action"),
            Err(BranchError::TooLong { name: "gid", bytes: 129, bytes_max: 128 })
        );
    }
}
