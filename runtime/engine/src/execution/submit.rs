//! Calls that a guest starts: where they belong, whether they may be made, how long they are pursued.

use super::guest::{describe_result, unknown_branch};
use super::invocation::{Branch, GuestRun, Open, Pivot};
use super::{Effect, Execution, GuestError, InFlight};
use crate::entry::{Entry, Registration, Undo};
use crate::ids::{BranchId, Ticket};
use crate::operation::{Op, Operation};
use crate::options::{BranchOptions, CallEffect};
use crate::phase::Phase;
use crate::replay::Divergence;
use crate::retry::Pursuit;
use crate::rules::Completeness;

/// Where a call goes.
struct Placed {
    /// The guest's branch.
    slot: usize,
    branch: BranchId,
    /// Whether it only reads, in the scope of an HTTP client: then it is not the action of the branch.
    reads: bool,
    options: String,
    effect: Option<CallEffect>,
    has_undo: bool,
}

impl Execution {
    /// `submit`. Mistakes become the ticket's result.
    ///
    /// # Errors
    /// [`GuestError`]: diverged, or a limit.
    pub fn submit(&mut self, branch: u32, operation: Operation) -> Result<Ticket, GuestError> {
        self.check_call(&operation)?;
        let strict = self.rules.completeness == Completeness::Strict;
        let guest = self.guest();
        let placed = guest.place(branch, &operation).and_then(|placed| {
            guest.check(&placed, &operation, strict)?;
            Ok(placed)
        });
        let placed = match placed {
            Ok(placed) => placed,
            Err(mistake) => return self.mistake(branch, mistake),
        };
        guest.occupy(&placed);
        let changes = changes(&placed, &operation);
        if let Operation::Xa(sql) = &operation {
            guest.finish_by_runtime(&placed, &sql.database);
        }
        let pursuit = guest.pursuit(&placed);
        let registered = guest.take_registered();
        let ticket = guest.open(Open::Call { changes });
        if pursuit == Pursuit::UntilKnown {
            guest.pivot = Pivot::Open(ticket);
        }
        let scope = guest.scope;
        let foreign = guest.log.is_live().then(|| guest.log.result(ticket)).flatten();
        let foreign = foreign.map(|recorded| (recorded.seq, describe_result(recorded.result.as_ref())));
        let Placed { branch, options, .. } = placed;
        let entry = Entry::Intended { scope, ticket, branch, operation, options, registered };
        if let Some((seq, recorded)) = foreign {
            // The journal has a result under this ticket that no recorded call asked for: a timer's.
            return Err(Divergence { seq, recorded, asked: entry.describe() }.into());
        }
        if self.ask(&entry)? {
            let Entry::Intended { operation, options, registered, .. } = entry else {
                unreachable!("made above");
            };
            self.registrations.extend(registered);
            let since = self.clock;
            let intent = InFlight { branch, operation, options, pursuit, since, again: false };
            self.in_flight.insert((scope, ticket), intent);
        }
        if let Some(intent) = self.in_flight.get_mut(&(scope, ticket)) {
            intent.pursuit = pursuit;
        }
        if (self.phase == Phase::Running || scope.is_some())
            && let Some(intent) = self.in_flight.get(&(scope, ticket))
        {
            let send = self.send_of(scope, ticket, intent);
            self.effects.push(Effect::Send(Box::new(send)));
        }
        Ok(ticket)
    }

    /// A request of the guest's own HTTP client. Without a branch it gets one of its own.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub fn submit_request(&mut self, branch: Option<u32>, request: Operation) -> Result<Ticket, GuestError> {
        let Some(number) = branch else {
            let own = self.new_branch()?;
            return self.submit(own, request);
        };
        let guest = self.guest();
        if let Some(index) = guest.branch_index(number) {
            guest.branches[index].has_scope = true;
        }
        self.submit(number, request)
    }

    /// Whether the guest may name this branch.
    ///
    /// # Errors
    /// It does not exist; the error is the guest's to handle.
    pub fn check_branch(&mut self, branch: u32) -> Result<(), String> {
        self.guest().branch_index(branch).map(drop).ok_or_else(|| unknown_branch(branch))
    }

    /// A ticket whose result is [`CallResult::Invalid`](crate::CallResult::Invalid): a `submit` with a mistake that
    /// only the host could see.
    ///
    /// # Errors
    /// [`GuestError::Limit`].
    pub fn mistake(&mut self, branch: u32, text: String) -> Result<Ticket, GuestError> {
        self.check_open()?;
        let guest = self.guest();
        guest.forget_undo(branch);
        Ok(guest.open(Open::Mistake(text)))
    }

    /// Whether the guest may have one more ticket.
    pub(super) fn check_open(&mut self) -> Result<(), GuestError> {
        let (open, most) = (self.limits.open_tickets, self.limits.journal_entries);
        let guest = self.guest();
        if guest.open_tickets >= open {
            return Err(GuestError::Limit(format!("more than {open} open tickets (setting `limits.open_tickets`)")));
        }
        if guest.ticket_count() >= most as usize {
            return Err(GuestError::Limit(format!(
                "more than {most} calls and timers, those given up included (setting `limits.journal_entries`)"
            )));
        }
        Ok(())
    }

    fn check_call(&mut self, operation: &Operation) -> Result<(), GuestError> {
        self.check_open()?;
        let (has, most) = (operation.payload_bytes(), self.limits.payload_bytes);
        if has > most {
            return Err(GuestError::Limit(format!(
                "{operation}: {has} bytes of payload, {most} are allowed (setting `limits.payload_bytes`)"
            )));
        }
        Ok(())
    }
}

impl GuestRun {
    /// Finds the place of a call on its branch.
    fn place(&self, number: u32, operation: &Operation) -> Result<Placed, String> {
        let index = self.branch_index(number).ok_or_else(|| unknown_branch(number))?;
        let slot = &self.branches[index];
        let (options, effect, has_undo) = (slot.recorded_options.clone(), slot.options.effect, slot.has_undo());
        // An HTTP client may ask more than once in one scope (a token, a redirect): what only reads is not the action of
        // the branch, and needs an id of its own.
        if slot.has_scope && operation.needs_no_undo() {
            // Nor is it the branch's pivot: what follows may still be refused.
            let (options, effect) = match effect {
                Some(CallEffect::Pivot) => (BranchOptions { effect: None, ..slot.options.clone() }.to_recorded(), None),
                Some(CallEffect::ReadOnly) | None => (options, effect),
            };
            let branch = slot.id.read(slot.reads + 1);
            return Ok(Placed { slot: index, branch, reads: true, options, effect, has_undo });
        }
        if slot.has_action {
            return Err(format!("branch {} has its operation already; open another one with `new-branch`", slot.id));
        }
        check_undo(slot, operation)?;
        Ok(Placed { slot: index, branch: slot.id, reads: false, options, effect, has_undo })
    }

    /// Takes the place.
    fn occupy(&mut self, placed: &Placed) {
        let slot = &mut self.branches[placed.slot];
        if placed.reads {
            slot.reads += 1;
        } else {
            slot.has_action = true;
        }
    }

    /// Whether the call may be made; the error is the guest's to handle.
    fn check(&self, placed: &Placed, operation: &Operation, strict: bool) -> Result<(), String> {
        let branch = placed.branch;
        if self.scope.is_some() {
            return match operation {
                Operation::Xa(_) => {
                    Err(format!("{operation}: phase two is under way, nothing can be prepared any more"))
                }
                Operation::Http { .. }
                | Operation::Grpc { .. }
                | Operation::Sql(_)
                | Operation::XaFinish { .. }
                | Operation::Request { .. } => Ok(()),
            };
        }
        if self.pivot == Pivot::Passed || !changes(placed, operation) {
            return Ok(());
        }
        if let Pivot::Open(ticket) = self.pivot {
            return Err(format!(
                "branch {branch}: {operation} has to wait for the pivot; take the result of call {ticket} first"
            ));
        }
        if placed.effect == Some(CallEffect::Pivot) {
            return match self.open_change() {
                Some(open) => Err(format!(
                    "branch {branch}: {operation} is a pivot, and there is no way back from it; take the result of call \
                     {open} first"
                )),
                None => Ok(()),
            };
        }
        if strict && !placed.has_undo && !operation.needs_no_undo() {
            return Err(format!(
                "branch {branch}: {operation} may change something and nothing says how it is undone. Register on-rollback \
                 (SAGA) or on-commit and on-rollback (TCC) before it; or set the branch's option `effect` to \"read-only\" \
                 if it changes nothing, or to \"pivot\" if there is no way back from it"
            ));
        }
        Ok(())
    }

    fn pursuit(&self, placed: &Placed) -> Pursuit {
        if self.scope.is_some() || self.pivot == Pivot::Passed {
            Pursuit::UntilDone
        } else if placed.effect == Some(CallEffect::Pivot) {
            Pursuit::UntilKnown
        } else {
            Pursuit::Limited
        }
    }

    /// Registers both ends of an XA branch.
    fn finish_by_runtime(&mut self, placed: &Placed, database: &str) {
        for op in [Op::Commit, Op::Rollback] {
            let operation = Operation::XaFinish { database: database.to_owned() };
            let undo = Undo::Operation { operation, options: placed.options.clone() };
            self.registered.push(Registration { op, branch: placed.branch, undo });
        }
    }
}

/// A barrier that has not seen the action takes its undo for an empty one.
fn check_undo(slot: &Branch, operation: &Operation) -> Result<(), String> {
    match (operation, &slot.undo_database) {
        (Operation::Sql(sql), Some(undo)) if *undo != sql.database => Err(format!(
            "branch {}: its action is on database `{}` and its undo on `{undo}`, whose barrier would not know of the \
             action and undo nothing; use one database, or a branch for each",
            slot.id, sql.database
        )),
        _ => Ok(()),
    }
}

/// Whether something has changed when the call is done.
fn changes(placed: &Placed, operation: &Operation) -> bool {
    placed.effect != Some(CallEffect::ReadOnly)
        && (matches!(operation, Operation::Xa(_)) || !operation.needs_no_undo() || placed.effect.is_some())
}
