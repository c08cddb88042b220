//! DTM's words for how a transaction stands.

use reprise_coordinator::{Note, Status, WaitingCall};
use reprise_dtm::workflow_name;
use reprise_engine::{Phase, RunResult, TransType, WorkflowName};
use reprise_store::Activity;

use super::refusal::Refusal;

/// Every kind of transaction.
pub(super) const KINDS: [TransType; 5] =
    [TransType::Saga, TransType::Msg, TransType::Tcc, TransType::Xa, TransType::Workflow];

/// What DTM calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransState {
    /// It waits for its client's word.
    Prepared,
    /// It goes on to its success.
    Submitted,
    /// It is rolled back.
    Aborting,
    /// All is done.
    Succeed,
    /// All is undone.
    Failed,
}

impl TransState {
    pub(super) const ALL: [Self; 5] = [Self::Prepared, Self::Submitted, Self::Aborting, Self::Succeed, Self::Failed];

    /// How a transaction stands.
    pub(super) fn of(status: &Status) -> Self {
        match status.phase {
            Phase::Running => match status.note {
                Some(Note::Prepared { .. } | Note::Steered { .. }) => Self::Prepared,
                Some(Note::Waiting { ref calls }) if calls.iter().any(WaitingCall::is_query_back) => Self::Prepared,
                Some(Note::Waiting { .. } | Note::Newer { .. } | Note::Quarantined { .. }) | None => {
                    let steered = kind_of(&status.workflow).is_some_and(is_steered);
                    if steered { Self::Prepared } else { Self::Submitted }
                }
            },
            Phase::Committing => Self::Submitted,
            Phase::RollingBack => Self::Aborting,
            Phase::Succeeded => Self::Succeed,
            Phase::Failed => Self::Failed,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Submitted => "submitted",
            Self::Aborting => "aborting",
            Self::Succeed => "succeed",
            Self::Failed => "failed",
        }
    }

    /// The phases in which one may stand so.
    pub(super) const fn phases(self) -> &'static [Phase] {
        match self {
            Self::Prepared => &[Phase::Running],
            Self::Submitted => &[Phase::Running, Phase::Committing],
            Self::Aborting => &[Phase::RollingBack],
            Self::Succeed => &[Phase::Succeeded],
            Self::Failed => &[Phase::Failed],
        }
    }
}

/// The kind of transaction that an execution is; none if it is a workflow of Reprise's own.
pub(super) fn kind_of(workflow: &WorkflowName) -> Option<TransType> {
    KINDS.into_iter().find(|kind| workflow_name(*kind) == *workflow)
}

/// Whether its client decides it, branch by branch.
const fn is_steered(kind: TransType) -> bool {
    match kind {
        TransType::Saga | TransType::Msg => false,
        TransType::Tcc | TransType::Xa | TransType::Workflow => true,
    }
}

/// What it was rolled back for; empty if it was not.
pub(super) fn rollback_reason(status: &Status) -> &str {
    match &status.result {
        Some(RunResult::Failure { message, .. }) => message,
        Some(RunResult::Output(_)) | None => "",
    }
}

/// What a client that waited for the end of a submitted transaction is told.
pub(super) fn outcome(status: &Status) -> Result<(), Refusal> {
    let gid = &status.gid;
    match (status.phase, status.activity) {
        (Phase::Succeeded, _) => Ok(()),
        (Phase::Failed, _) => Err(Refusal::failure(rollback_reason(status))),
        (Phase::Running | Phase::Committing | Phase::RollingBack, Activity::Quarantined) => {
            let why = match &status.note {
                Some(Note::Quarantined { message, .. }) => message.as_str(),
                Some(Note::Waiting { .. } | Note::Prepared { .. } | Note::Steered { .. } | Note::Newer { .. })
                | None => "",
            };
            Err(Refusal::Internal(format!("transaction '{gid}' is stopped until somebody looks at it: {why}")))
        }
        (Phase::Running | Phase::Committing | Phase::RollingBack, _) => {
            let state = TransState::of(status).name();
            let last = status.calls.iter().find_map(|call| call.last_error.as_deref());
            let last = last.map(|error| format!("; the last answer of a branch: {error}")).unwrap_or_default();
            let text = format!("transaction '{gid}' is '{state}' still and goes on; query it for its end{last}");
            Err(Refusal::Ongoing(text))
        }
    }
}
