//! What an execution wants done.

use super::Scope;
use crate::entry::Registration;
use crate::ids::{BranchId, Ticket, Timestamp};
use crate::operation::{Op, Operation};
use crate::options::BranchOptions;
use crate::retry::Pursuit;
use crate::rules::{QueryBack, Steering};

/// An operation to send, once all entries made before it are durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// Who asked for it.
    pub scope: Scope,
    /// The guest's ticket.
    pub ticket: Ticket,
    /// The branch.
    pub branch: BranchId,
    /// Which part of the branch.
    pub op: Op,
    /// The call.
    pub operation: Operation,
    /// How.
    pub options: BranchOptions,
    /// How long to pursue it.
    pub pursuit: Pursuit,
    /// When it was intended; deadlines count from here.
    pub since: Timestamp,
    /// Whether it may have been sent before.
    pub again: bool,
}

/// What the driver must do. In order; a `Send` waits for every record made before it.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send an operation.
    Send(Box<Send>),
    /// Report `timer_fired` at this time.
    Arm {
        /// The guest's ticket.
        ticket: Ticket,
        /// When.
        due: Timestamp,
    },
    /// Make no further attempt; nobody waits for the result any more.
    Cancel {
        /// Who asked for it.
        scope: Scope,
        /// The guest's ticket.
        ticket: Ticket,
    },
    /// Forget a timer.
    Disarm {
        /// The guest's ticket.
        ticket: Ticket,
    },
}

/// What an execution needs next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing yet: the sender of this message has to say that its local transaction is committed, or be asked.
    Confirm(QueryBack),
    /// Nothing by itself: it is steered from outside.
    Steer(Steering),
    /// The guest's `run`.
    Run,
    /// The registration at `index`, for phase two.
    PhaseTwo {
        /// Position among the registrations.
        index: u32,
        /// What to do.
        registration: Registration,
    },
    /// [`Execution::close`](super::Execution::close).
    Close,
    /// The notification at `index`.
    Finish {
        /// Position among the registrations.
        index: u32,
        /// What to do.
        registration: Registration,
    },
    /// Nothing, ever.
    Done,
}
