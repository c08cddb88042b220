//! One invocation of the guest: its branches, its tickets, and how it stands to the point of no return.

use rand_xoshiro::Xoshiro256PlusPlus;

use super::guest::GuestUndo;
use super::{GuestError, Scope};
use crate::entry::Registration;
use crate::ids::{BranchId, Ticket, Timestamp};
use crate::operation::{Op, Operation};
use crate::options::BranchOptions;
use crate::replay::ScopeLog;

/// Branches that a handler opens are numbered from here, apart from those of `run`.
pub(super) const CHILD_NUMBERS: u32 = 1 << 20;

/// One invocation of the guest, in replay or live.
#[derive(Debug)]
pub(super) struct GuestRun {
    pub(super) scope: Scope,
    /// The branch a handler works for.
    pub(super) base: BranchId,
    pub(super) log: ScopeLog,
    pub(super) branches: Vec<Branch>,
    pub(super) tickets: Vec<Open>,
    pub(super) open_tickets: u32,
    pub(super) pivot: Pivot,
    /// Notifications registered so far.
    pub(super) finishes: u32,
    pub(super) registered: Vec<Registration>,
    pub(super) registered_bytes: usize,
    pub(super) observed: Timestamp,
    pub(super) random: Xoshiro256PlusPlus,
    pub(super) scratch: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Branch {
    pub(super) id: BranchId,
    pub(super) has_action: bool,
    has_commit: bool,
    has_rollback: bool,
    /// Database of the registered rollback, if that is a SQL operation.
    pub(super) undo_database: Option<String>,
    /// Whether an HTTP client makes requests in its scope.
    pub(super) has_scope: bool,
    /// Requests that only read, within the same scope of an HTTP client.
    pub(super) reads: u32,
    pub(super) options: BranchOptions,
    pub(super) recorded_options: String,
}

impl Branch {
    pub(super) fn new(id: BranchId) -> Self {
        let options = BranchOptions::default();
        Self {
            id,
            has_action: false,
            has_commit: false,
            has_rollback: false,
            undo_database: None,
            has_scope: false,
            reads: 0,
            options,
            recorded_options: String::new(),
        }
    }

    /// Whether a commit or rollback is registered.
    pub(super) const fn has_undo(&self) -> bool {
        self.has_commit || self.has_rollback
    }

    /// As before anything was registered.
    fn forget_undo(&mut self) {
        self.has_commit = false;
        self.has_rollback = false;
        self.undo_database = None;
    }

    /// Notes a registration. A second one of a kind would carry the same identity, and a barrier would take it for a
    /// repeat of the other.
    pub(super) fn register(&mut self, op: Op, undo: &GuestUndo) -> Result<(), String> {
        let (has, name) = match op {
            Op::Commit => (&mut self.has_commit, "on-commit"),
            Op::Rollback | Op::Action | Op::Finish | Op::Msg => (&mut self.has_rollback, "on-rollback"),
        };
        if std::mem::replace(has, true) {
            return Err(format!(
                "branch {} has its {name} already; open another branch with `new-branch` for what else is to be done",
                self.id
            ));
        }
        if let (Op::Rollback, GuestUndo::Operation(Operation::Sql(sql))) = (op, undo) {
            self.undo_database = Some(sql.database.clone());
        }
        Ok(())
    }
}

/// How the guest stands to the point of no return. What it has seen counts, not what the journal has: a replay has the
/// whole journal from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pivot {
    /// Before it.
    Ahead,
    /// Its call is not taken yet.
    Open(Ticket),
    /// It has succeeded.
    Passed,
}

#[derive(Debug)]
pub(super) enum Open {
    /// A call; whether it changes something.
    Call {
        changes: bool,
    },
    Timer {
        due: Timestamp,
        length_ms: u64,
    },
    Mistake(String),
    Canceled,
    Taken,
}

impl GuestRun {
    pub(super) fn new(
        scope: Scope,
        base: BranchId,
        log: ScopeLog,
        observed: Timestamp,
        random: Xoshiro256PlusPlus,
    ) -> Self {
        // A handler addresses the branch it works for by the number it was given: slot 0 here.
        let branches = if scope.is_some() { vec![Branch::new(base)] } else { Vec::new() };
        Self {
            scope,
            base,
            log,
            branches,
            tickets: Vec::new(),
            open_tickets: 0,
            pivot: Pivot::Ahead,
            finishes: 0,
            registered: Vec::new(),
            registered_bytes: 0,
            observed,
            random,
            scratch: Vec::new(),
        }
    }

    pub(super) fn take_registered(&mut self) -> Vec<Registration> {
        self.registered_bytes = 0;
        std::mem::take(&mut self.registered)
    }

    /// What was registered and is in no entry yet; nothing during replay, where the journal has it.
    pub(super) fn take_unrecorded(&mut self) -> Vec<Registration> {
        if self.log.is_live() { self.take_registered() } else { Vec::new() }
    }

    /// Scope and length of a timer that has not fired.
    pub(super) fn open_timer(&self, ticket: Ticket) -> Option<(Scope, u64)> {
        match self.tickets.get(ticket.0 as usize)? {
            Open::Timer { length_ms, .. } if self.log.result(ticket).is_none() => Some((self.scope, *length_ms)),
            Open::Timer { .. } | Open::Call { .. } | Open::Mistake(_) | Open::Canceled | Open::Taken => None,
        }
    }

    /// A branch by the guest's number: 1, 2, ... in `run`. A handler knows its own branch by that number (slot 0
    /// here) and those it opens by numbers from [`CHILD_NUMBERS`] on.
    pub(super) fn branch_index(&self, number: u32) -> Option<usize> {
        let index = match self.scope {
            None => number.checked_sub(1)?,
            Some(_) if number == self.base.number() => 0,
            Some(_) => number.checked_sub(CHILD_NUMBERS).filter(|index| *index > 0)?,
        } as usize;
        (index < self.branches.len()).then_some(index)
    }

    /// How many tickets there have been.
    pub(super) const fn ticket_count(&self) -> usize {
        self.tickets.len()
    }

    /// Takes back what is registered on a branch whose action could not be made: there is nothing to undo. What is in
    /// the journal already stays; its barrier knows of no action.
    pub(super) fn forget_undo(&mut self, number: u32) {
        let Some(index) = self.branch_index(number).filter(|index| !self.branches[*index].has_action) else { return };
        let slot = &mut self.branches[index];
        let id = slot.id;
        let before = self.registered.len();
        self.registered.retain(|registration| registration.branch != id);
        if self.registered.len() < before {
            slot.forget_undo();
        }
    }

    /// The first call that changes something and is not taken.
    pub(super) fn open_change(&self) -> Option<usize> {
        self.tickets.iter().position(|open| matches!(open, Open::Call { changes: true }))
    }

    pub(super) fn open(&mut self, open: Open) -> Ticket {
        let ticket = Ticket(u32::try_from(self.tickets.len()).expect("open tickets are limited"));
        self.tickets.push(open);
        self.open_tickets += 1;
        ticket
    }

    /// When the ticket's result came, in journal order; none if it has none.
    pub(super) fn ready_at(&self, ticket: Ticket) -> Result<Option<u32>, GuestError> {
        match self.tickets.get(ticket.0 as usize) {
            Some(Open::Mistake(_) | Open::Canceled) => Ok(Some(0)),
            Some(Open::Call { .. } | Open::Timer { .. }) => Ok(self.log.result(ticket).map(|r| r.seq.0)),
            Some(Open::Taken) => Err(GuestError::Misuse(format!("ticket {ticket} was taken already"))),
            None => Err(GuestError::Misuse(format!("ticket {ticket} does not exist"))),
        }
    }

    pub(super) fn observe(&mut self, ticket: Ticket) {
        if matches!(self.tickets.get(ticket.0 as usize), Some(Open::Call { .. } | Open::Timer { .. }))
            && let Some(recorded) = self.log.result(ticket)
        {
            self.observed = self.observed.max(recorded.at);
        }
        if let Some(Open::Timer { due, .. }) = self.tickets.get(ticket.0 as usize) {
            self.observed = self.observed.max(*due);
        }
    }
}
