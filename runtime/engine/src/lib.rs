//! The engine: what an execution has done, what it may do next, and nothing else.
//!
//! Values and functions only. There is no I/O here, no clock and no randomness of the machine's: time and results come
//! in as arguments, and what must be done goes out as [`Effect`]s. The coordinator performs them; the guest host asks
//! an [`Execution`] what each import answers.

mod entry;
mod execution;
mod ids;
mod operation;
mod options;
mod outcome;
mod phase;
mod replay;
mod result;
mod retry;
mod rules;
mod view;

pub use entry::{Entry, EntryError, EntryRecord, Fingerprint, Registration, Report, SubmittedBy, Undo};
pub use execution::{
    BranchEnd, Effect, Execution, GuestError, GuestLimits, GuestUndo, Heard, HistoryError, Scope, Send, Step,
};
pub use ids::{BranchId, Digest, Gid, InvalidId, Seq, Ticket, Timestamp, WorkflowName};
pub use operation::{Convention, Op, Operation, SqlOperation, SqlValue, Statement};
pub use options::{
    AnswerForm, AnswerMatch, BranchOptions, CallEffect, DtmIdentity, InvalidOptions, OutcomeMap, RetryPolicy, TransType,
};
pub use outcome::{Answer, Headers, Outcome};
pub use phase::{Phase, PhaseError, PhaseEvent};
pub use replay::{Divergence, seed_of};
pub use result::{CallResult, RunResult};
pub use retry::{Attempts, Pursuit, Verdict, retry_decision};
pub use rules::{AtDue, Completeness, OnTrap, QueryBack, Rules, Steering};
pub use view::{BranchView, ExecutionView, OpState, OpView};
