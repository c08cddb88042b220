//! What a trigger asks for and what it is told.

use reprise_engine::{Gid, OnTrap, Operation, Steering, WorkflowName};
use thiserror::Error;

/// A request to run a workflow.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The idempotency key.
    pub gid: Gid,
    /// Which workflow.
    pub workflow: WorkflowName,
    /// Its input.
    pub input: Vec<u8>,
    /// What a trap leads to.
    pub on_trap: OnTrap,
    /// How long `run` may take in all, milliseconds; then everything is rolled back.
    pub timeout_ms: Option<u64>,
    /// When and how it begins.
    pub start: Start,
}

/// When and how an execution begins.
#[derive(Debug, Clone, Default)]
pub enum Start {
    /// At once.
    #[default]
    AtOnce,
    /// A two-phase message: it does not run before the sender says so, or answers for itself.
    Prepared(Prepare),
    /// A message whose sender has committed already: at once, and without a way back.
    Submitted,
    /// Not by itself: its branches are registered from outside, and so it is decided.
    Steered(Steering),
}

/// How a two-phase message waits for its sender.
#[derive(Debug, Clone)]
pub struct Prepare {
    /// Asks the sender whether its local transaction is committed.
    pub query_back: Operation,
    /// How long the sender has to say so by itself, milliseconds.
    pub check_after_ms: u64,
}

/// What became of a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triggered {
    /// It is new, and durable.
    Admitted,
    /// The same gid, workflow and input were triggered before.
    Known,
}

/// Why a trigger is refused.
#[derive(Debug, Clone, Error)]
pub enum TriggerError {
    /// No such workflow.
    #[error("workflow `{0}` is not deployed; upload it with PUT /v1/workflows/{0}")]
    UnknownWorkflow(WorkflowName),
    /// The gid is in use for something else.
    #[error("gid `{gid}` is in use: {differs}")]
    Mismatch {
        /// The gid.
        gid: Gid,
        /// What differs.
        differs: String,
    },
    /// The input is too large.
    #[error("the input has {bytes} bytes, {most} are allowed (setting `limits.input_bytes`)")]
    InputTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// Too many executions are in memory.
    #[error("{most} executions are active, no more are admitted now (setting `limits.active`); try again")]
    Busy {
        /// The bound.
        most: usize,
    },
    /// The process is stopping.
    #[error("this node is shutting down; try again")]
    ShuttingDown,
    /// The store does not answer or does not take writes.
    #[error("{0}; the execution may or may not be admitted: repeat the trigger with the same gid")]
    Unavailable(String),
    /// The name is one of the runtime's own programs, and this is not how they begin.
    #[error("`{0}` is part of the runtime and has another way to begin; see docs/dtm.md")]
    Reserved(WorkflowName),
    /// The component can't be loaded.
    #[error("the component of the workflow can't be loaded: {0}")]
    Component(String),
}
