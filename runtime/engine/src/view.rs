//! A journal as people look at it: branches, operations, times.

use serde::Serialize;

use crate::entry::{Entry, EntryRecord, Registration, Report, Undo};
use crate::execution::{HistoryError, Scope};
use crate::ids::{BranchId, Digest, Gid, Seq, Ticket, Timestamp, WorkflowName};
use crate::operation::Op;
use crate::options::BranchOptions;
use crate::phase::{Phase, PhaseEvent};
use crate::result::{CallResult, RunResult};

/// An execution as its journal tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExecutionView {
    /// Its gid.
    pub gid: Gid,
    /// The workflow.
    pub workflow: WorkflowName,
    /// The component it runs now.
    pub digest: Digest,
    /// Where it stands.
    pub phase: Phase,
    /// When it was admitted.
    pub started_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Entries so far.
    pub entries: u32,
    /// In order of first appearance.
    pub branches: Vec<BranchView>,
    /// What somebody who steers it from outside has reported, and when.
    #[serde(skip)]
    pub reports: Vec<(Timestamp, Report)>,
}

/// A branch and its operations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BranchView {
    /// `01`, `02`, ...; `00` is the execution as a whole.
    pub id: String,
    /// What participants know it by, where that is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In order of appearance.
    pub ops: Vec<OpView>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpView {
    /// `action`, `commit`, `rollback`, `finish`.
    pub op: Op,
    /// What is called.
    pub call: String,
    /// How it stands.
    pub state: OpState,
    /// Attempts, as recorded with the result.
    pub attempts: Option<u32>,
    /// When it was intended; none for what is only registered.
    pub intended_at: Option<Timestamp>,
    /// When its result was recorded.
    pub completed_at: Option<Timestamp>,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip)]
    key: Key,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Key {
    Call(Scope, Ticket),
    Registration(u32),
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpState {
    /// To be done if the transaction ends that way.
    Registered,
    /// Intended; no result yet.
    InFlight,
    /// Done.
    Success,
    /// Refused.
    Failure,
    /// Attempts used up.
    Exhausted,
    /// Deadline passed.
    Deadline,
    /// Given up by the guest.
    Canceled,
    /// Can't be performed.
    Invalid,
    /// Not needed: the transaction ended the other way, or the action did nothing.
    NotNeeded,
}

impl ExecutionView {
    /// Folds a journal; `records` is the whole journal in order.
    ///
    /// # Errors
    /// [`HistoryError`]: the journal is damaged.
    pub fn fold(records: &[EntryRecord]) -> Result<Self, HistoryError> {
        let mut view: Option<Self> = None;
        let mut registrations = Vec::new();
        for (expected, record) in (0u32..).zip(records) {
            if record.seq != Seq(expected) {
                return Err(HistoryError::Gap { expected: Seq(expected), found: record.seq });
            }
            let entry = record.decode().map_err(|source| HistoryError::Entry { seq: record.seq, source })?;
            match (&mut view, entry) {
                (
                    None,
                    Entry::Started { gid, workflow, digest, .. }
                    | Entry::Admitted { gid, workflow, digest, .. }
                    | Entry::Opened { gid, workflow, digest, .. },
                ) => {
                    view = Some(Self {
                        gid,
                        workflow,
                        digest,
                        phase: Phase::Running,
                        started_at: record.at,
                        closed_at: None,
                        entries: 0,
                        branches: Vec::new(),
                        reports: Vec::new(),
                    });
                }
                (None, entry) => {
                    return Err(HistoryError::NoStart(format!("entry 0 is `{}`", entry.kind_name())));
                }
                (Some(view), entry) => view.apply(entry, record.at, &mut registrations),
            }
        }
        let mut view = view.ok_or_else(|| HistoryError::NoStart("it is empty".into()))?;
        view.entries = u32::try_from(records.len()).unwrap_or(u32::MAX);
        view.settle();
        Ok(view)
    }

    fn apply(&mut self, entry: Entry, at: Timestamp, registrations: &mut Vec<(Op, BranchId)>) {
        match entry {
            Entry::Started { .. }
            | Entry::Admitted { .. }
            | Entry::Opened { .. }
            | Entry::Submitted { .. }
            | Entry::TimerFired { .. } => {}
            Entry::Enlisted { name, registered } => {
                let branch = registered.first().map(|registration| registration.branch);
                self.register(registered, registrations);
                if let Some(branch) = branch {
                    self.branch(branch).name = Some(name);
                }
            }
            Entry::Reported(report) => self.reports.push((at, report)),
            Entry::Forced { .. } => {
                self.phase = self.phase.next(PhaseEvent::Forced).unwrap_or(self.phase);
                self.closed_at = Some(at);
            }
            Entry::Intended { scope, ticket, branch, operation, options, registered } => {
                self.register(registered, registrations);
                if let Some(name) = name_of(&options) {
                    self.branch(branch).name = Some(name);
                }
                // On its own branch a handler performs that branch's commit or rollback.
                let own = scope.and_then(|index| registrations.get(index as usize)).filter(|(_, own)| *own == branch);
                let op = OpView {
                    op: own.map_or(Op::Action, |(op, _)| *op),
                    call: operation.to_string(),
                    state: OpState::InFlight,
                    attempts: None,
                    intended_at: Some(at),
                    completed_at: None,
                    error: None,
                    key: Key::Call(scope, ticket),
                };
                self.branch(branch).ops.push(op);
            }
            Entry::Completed { scope, ticket, result, attempts } => {
                if let Some(op) = self.find(Key::Call(scope, ticket)) {
                    op.complete(&result, attempts, at);
                }
            }
            Entry::Canceled { scope, ticket } => {
                if let Some(op) = self.find(Key::Call(scope, ticket)) {
                    op.state = OpState::Canceled;
                    op.completed_at = Some(at);
                }
            }
            Entry::Returned { result, registered } => {
                self.register(registered, registrations);
                let event = match result {
                    RunResult::Output(_) => PhaseEvent::ReturnedOk,
                    RunResult::Failure { .. } => PhaseEvent::ReturnedFailure,
                };
                self.phase = self.phase.next(event).unwrap_or(self.phase);
            }
            Entry::PhaseTwoDone { index, attempts } | Entry::FinishDone { index, attempts } => {
                if let Some(op) = self.find(Key::Registration(index)) {
                    op.state = OpState::Success;
                    op.attempts = Some(attempts);
                    op.completed_at = Some(at);
                }
            }
            Entry::Closed => {
                self.phase = self.phase.next(PhaseEvent::PhaseTwoDone).unwrap_or(self.phase);
                self.closed_at = Some(at);
            }
            Entry::Upgraded { digest } => self.digest = digest,
        }
    }

    fn register(&mut self, registered: Vec<Registration>, registrations: &mut Vec<(Op, BranchId)>) {
        for Registration { op, branch, undo } in registered {
            let call = match undo {
                Undo::Operation { operation, .. } => operation.to_string(),
                Undo::Handler { name, .. } => format!("handler {name}"),
            };
            let registered_op = op;
            let op = OpView {
                op,
                call,
                state: OpState::Registered,
                attempts: None,
                intended_at: None,
                completed_at: None,
                error: None,
                key: Key::Registration(u32::try_from(registrations.len()).unwrap_or(u32::MAX)),
            };
            self.branch(branch).ops.push(op);
            registrations.push((registered_op, branch));
        }
    }

    fn branch(&mut self, id: BranchId) -> &mut BranchView {
        let id = id.to_string();
        let index = self.branches.iter().position(|branch| branch.id == id).unwrap_or_else(|| {
            self.branches.push(BranchView { id, name: None, ops: Vec::new() });
            self.branches.len() - 1
        });
        &mut self.branches[index]
    }

    fn find(&mut self, key: Key) -> Option<&mut OpView> {
        self.branches.iter_mut().flat_map(|branch| &mut branch.ops).find(|op| op.key == key)
    }

    /// Marks what will never be needed, once the end is known.
    fn settle(&mut self) {
        let unneeded = match self.phase {
            Phase::Running => return,
            Phase::Committing | Phase::Succeeded => Op::Rollback,
            Phase::RollingBack | Phase::Failed => Op::Commit,
        };
        let closed = self.phase.is_closed();
        for op in self.branches.iter_mut().flat_map(|branch| &mut branch.ops) {
            let over = closed && op.op != Op::Finish;
            if op.state == OpState::Registered && (op.op == unneeded || over) {
                op.state = OpState::NotNeeded;
            }
        }
    }
}

/// What participants are told the branch is called, if that is something else than its id.
fn name_of(options: &str) -> Option<String> {
    // Most options don't say so: look before parsing.
    if !options.contains("\"dtm\"") {
        return None;
    }
    BranchOptions::from_recorded(options).ok()?.dtm?.branch_id
}

impl OpView {
    fn complete(&mut self, result: &CallResult, attempts: u32, at: Timestamp) {
        let text = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
        (self.state, self.error) = match result {
            CallResult::Success { .. } | CallResult::Response { refused: false, .. } => (OpState::Success, None),
            CallResult::Failure { status, body } | CallResult::Response { status, body, .. } => {
                (OpState::Failure, Some(format!("{status} {}", text(body))))
            }
            CallResult::Exhausted { error, .. } => (OpState::Exhausted, Some(error.clone())),
            CallResult::Deadline { error, .. } => (OpState::Deadline, Some(error.clone())),
            CallResult::Canceled => (OpState::Canceled, None),
            CallResult::Invalid(error) => (OpState::Invalid, Some(error.clone())),
        };
        self.attempts = Some(attempts);
        self.completed_at = Some(at);
    }
}
