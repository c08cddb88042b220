//! What a guest asks of its execution: the meaning of every import but those that start calls.

use rand_xoshiro::rand_core::Rng;

use super::invocation::{Branch, CHILD_NUMBERS, GuestRun, Open, Pivot};
use super::{Effect, Execution, GuestError};
use crate::entry::{Entry, Registration, Undo};
use crate::ids::{BranchId, Ticket, Timestamp};
use crate::operation::{Op, Operation};
use crate::options::BranchOptions;
use crate::replay::{Divergence, TicketResult};
use crate::result::{CallResult, RunResult};

/// What a registration takes beside its payload, roughly.
const REGISTRATION_BYTES: usize = 64;

/// Most random bytes in one call.
const RANDOM_BYTES_MAX: u32 = 65_536;

/// Most bytes of a branch's options, as JSON.
const OPTIONS_BYTES_MAX: usize = 64 << 10;

impl Execution {
    pub(super) fn guest(&mut self) -> &mut GuestRun {
        self.guest.as_mut().expect("the host enters a scope before it runs the guest")
    }

    /// `new-branch`.
    ///
    /// # Errors
    /// [`GuestError::Limit`].
    pub fn new_branch(&mut self) -> Result<u32, GuestError> {
        let most = self.limits.branches;
        let guest = self.guest();
        let number = u32::try_from(guest.branches.len()).unwrap_or(u32::MAX);
        if number >= most {
            return Err(GuestError::Limit(format!("more than {most} branches (setting `limits.branches`)")));
        }
        if guest.scope.is_some() {
            guest.branches.push(Branch::new(guest.base.child(number)));
            Ok(CHILD_NUMBERS + number)
        } else {
            guest.branches.push(Branch::new(BranchId::of_run(number + 1)));
            Ok(number + 1)
        }
    }

    /// `set-options`. The error is the guest's to handle.
    ///
    /// # Errors
    /// What is wrong with the branch or the options.
    pub fn set_options(&mut self, branch: u32, json: &str) -> Result<(), String> {
        if json.len() > OPTIONS_BYTES_MAX {
            return Err(format!("{} bytes of options, {OPTIONS_BYTES_MAX} are allowed", json.len()));
        }
        let guest = self.guest();
        let index = guest.branch_index(branch).ok_or_else(|| unknown_branch(branch))?;
        let branch = &mut guest.branches[index];
        branch.options.merge_json(json).map_err(|e| e.to_string())?;
        branch.recorded_options = branch.options.to_recorded();
        Ok(())
    }

    /// `set-options` for the runtime's own programs, which may set everything. Nothing of earlier options stays.
    ///
    /// # Errors
    /// What is wrong with the branch or the options.
    pub fn replace_options(&mut self, branch: u32, options: BranchOptions) -> Result<(), String> {
        options.check().map_err(|e| e.to_string())?;
        let guest = self.guest();
        let index = guest.branch_index(branch).ok_or_else(|| unknown_branch(branch))?;
        let branch = &mut guest.branches[index];
        branch.options = options;
        branch.recorded_options = branch.options.to_recorded();
        Ok(())
    }

    /// `on-commit`, `on-rollback` and their handler forms.
    ///
    /// # Errors
    /// Unknown branch, or called from a handler; the error is the guest's to handle.
    pub fn register(&mut self, op: Op, branch: u32, undo: GuestUndo) -> Result<(), String> {
        let most = self.limits.payload_bytes;
        let guest = self.guest();
        if let GuestUndo::Operation(operation @ (Operation::Xa(_) | Operation::XaFinish { .. })) = &undo {
            return Err(format!(
                "{operation}: an XA operation is the action of a branch; the runtime finishes it by itself"
            ));
        }
        let bytes = undo.payload_bytes();
        if guest.registered_bytes + bytes > most {
            return Err(format!(
                "more than {most} bytes registered at one time (setting `limits.payload_bytes`); make the payloads smaller"
            ));
        }
        if guest.scope.is_some() {
            return Err("nothing can be registered in `handle`: phase two is already decided".into());
        }
        let (id, options) = if op == Op::Finish {
            // Each has an id of its own: a barrier would take the second for a repeat of the first.
            let id = if guest.finishes == 0 { BranchId::WHOLE } else { BranchId::WHOLE.child(guest.finishes) };
            guest.finishes += 1;
            (id, String::new())
        } else {
            let index = guest.branch_index(branch).ok_or_else(|| unknown_branch(branch))?;
            guest.branches[index].register(op, &undo)?;
            (guest.branches[index].id, guest.branches[index].recorded_options.clone())
        };
        let undo = match undo {
            GuestUndo::Operation(operation) => Undo::Operation { operation, options },
            GuestUndo::Handler { name, payload } => Undo::Handler { name, payload, options },
        };
        guest.registered_bytes += bytes + REGISTRATION_BYTES;
        guest.registered.push(Registration { op, branch: id, undo });
        Ok(())
    }

    /// Compares what the guest asks with the journal; new requests are recorded. True if it is new.
    pub(super) fn ask(&mut self, entry: &Entry) -> Result<bool, GuestError> {
        let guest = self.guest.as_mut().expect("the host enters a scope before it runs the guest");
        let encoded = entry.encode_into(std::mem::take(&mut guest.scratch));
        if guest.log.replays(entry, &encoded)? {
            guest.scratch = encoded;
            return Ok(false);
        }
        self.check_size()?;
        self.record_encoded(entry.kind(), encoded);
        Ok(true)
    }

    pub(super) fn check_size(&self) -> Result<(), GuestError> {
        let limits = &self.limits;
        if self.next_seq.0 >= limits.journal_entries {
            let most = limits.journal_entries;
            return Err(GuestError::Limit(format!(
                "the journal has {most} entries, no more are allowed (setting `limits.journal_entries`)"
            )));
        }
        if self.journal_bytes >= limits.journal_bytes {
            let most = limits.journal_bytes;
            return Err(GuestError::Limit(format!(
                "the journal has reached {most} bytes, no more are allowed (setting `limits.journal_bytes`)"
            )));
        }
        Ok(())
    }

    /// `timer`, and the first half of `sleep`.
    ///
    /// # Errors
    /// [`GuestError`]: diverged, or a limit.
    pub fn timer(&mut self, length_ms: u64) -> Result<Ticket, GuestError> {
        self.check_open()?;
        let guest = self.guest();
        let due = guest.observed.plus_ms(length_ms);
        let ticket = guest.open(Open::Timer { due, length_ms });
        match guest.log.result(ticket) {
            None => {
                // Its firing will be an entry. On replay the journal is longer than it was when this was allowed.
                if guest.log.is_live() {
                    self.check_size()?;
                }
                self.effects.push(Effect::Arm { ticket, due });
            }
            Some(recorded) if recorded.result == Some(TicketResult::Timer { length_ms }) => {}
            Some(recorded) => {
                return Err(Divergence {
                    seq: recorded.seq,
                    recorded: describe_result(recorded.result.as_ref()),
                    asked: format!("timer {ticket} of {length_ms} ms"),
                }
                .into());
            }
        }
        Ok(ticket)
    }

    /// `wait-any`: the index of the earliest ticket that has a result; none if the guest must wait.
    ///
    /// # Errors
    /// [`GuestError`]: misuse, or the guest stands still where the journal goes on.
    pub fn wait_any(&mut self, tickets: &[u32]) -> Result<Option<u32>, GuestError> {
        if tickets.is_empty() {
            return Err(GuestError::Misuse("wait-any on an empty list would never end".into()));
        }
        let guest = self.guest();
        let mut first: Option<(u32, u32)> = None;
        for (index, ticket) in (0u32..).zip(tickets) {
            if let Some(seq) = guest.ready_at(Ticket(*ticket))?
                && first.is_none_or(|(best, _)| seq < best)
            {
                first = Some((seq, index));
            }
        }
        match first {
            Some((_, index)) => {
                guest.observe(Ticket(tickets[index as usize]));
                Ok(Some(index))
            }
            None => self.must_wait(|| format!("a wait for tickets {tickets:?}")),
        }
    }

    /// `wait-all`: whether all have results.
    ///
    /// # Errors
    /// As [`Self::wait_any`].
    pub fn wait_all(&mut self, tickets: &[u32]) -> Result<bool, GuestError> {
        let guest = self.guest();
        let mut all = true;
        for ticket in tickets {
            all &= guest.ready_at(Ticket(*ticket))?.is_some();
        }
        if !all {
            self.must_wait::<()>(|| format!("a wait for all of the tickets {tickets:?}"))?;
            return Ok(false);
        }
        for ticket in tickets {
            guest.observe(Ticket(*ticket));
        }
        Ok(true)
    }

    /// `take`: the result, handed over; none if the guest must wait. A timer's is an empty success.
    ///
    /// # Errors
    /// As [`Self::wait_any`].
    pub fn take(&mut self, ticket: Ticket) -> Result<Option<CallResult>, GuestError> {
        let guest = self.guest();
        if guest.ready_at(ticket)?.is_none() {
            return self.must_wait(|| format!("the result of ticket {ticket}"));
        }
        guest.observe(ticket);
        if !matches!(guest.tickets.get(ticket.0 as usize), Some(Open::Canceled)) {
            guest.open_tickets = guest.open_tickets.saturating_sub(1);
        }
        let open = std::mem::replace(&mut guest.tickets[ticket.0 as usize], Open::Taken);
        let was_pivot = guest.pivot == Pivot::Open(ticket);
        let result = match open {
            Open::Mistake(text) => CallResult::Invalid(text),
            Open::Canceled => CallResult::Canceled,
            Open::Call { .. } | Open::Timer { .. } | Open::Taken => {
                match guest.log.result_mut(ticket).and_then(|recorded| recorded.result.take()) {
                    Some(TicketResult::Call(result)) => result,
                    Some(TicketResult::Timer { .. }) => CallResult::Success { status: 0, body: Vec::new() },
                    None => return Err(GuestError::Misuse(format!("ticket {ticket} was taken already"))),
                }
            }
        };
        if was_pivot {
            guest.pivot = if result.passes_pivot() { Pivot::Passed } else { Pivot::Ahead };
        }
        Ok(Some(result))
    }

    /// The guest can only stand still where the journal ends.
    fn must_wait<T>(&self, asked: impl FnOnce() -> String) -> Result<Option<T>, GuestError> {
        match self.guest.as_ref().and_then(|guest| guest.log.next_asked()) {
            None => Ok(None),
            Some(next) => Err(Divergence { seq: next.seq, recorded: next.describe(), asked: asked() }.into()),
        }
    }

    /// `cancel`.
    ///
    /// # Errors
    /// [`GuestError`]: diverged, or the ticket does not exist. A taken ticket is left alone.
    pub fn cancel(&mut self, ticket: Ticket) -> Result<(), GuestError> {
        let guest = self.guest();
        let scope = guest.scope;
        let is_call = match guest.tickets.get(ticket.0 as usize) {
            None => return Err(GuestError::Misuse(format!("ticket {ticket} does not exist"))),
            Some(Open::Taken | Open::Canceled) => return Ok(()),
            Some(Open::Mistake(_) | Open::Timer { .. }) => false,
            Some(Open::Call { .. }) => true,
        };
        if guest.pivot == Pivot::Open(ticket) {
            return Err(GuestError::Misuse(format!(
                "call {ticket} is a pivot and can't be given up: nothing could undo it; wait for its result"
            )));
        }
        guest.tickets[ticket.0 as usize] = Open::Canceled;
        guest.open_tickets = guest.open_tickets.saturating_sub(1);
        if is_call {
            // Recorded whether or not the result is there already: that depends on timing, the journal must not.
            self.ask(&Entry::Canceled { scope, ticket })?;
            self.in_flight.remove(&(scope, ticket));
            self.effects
                .retain(|effect| !matches!(effect, Effect::Send(send) if send.scope == scope && send.ticket == ticket));
            self.effects.push(Effect::Cancel { scope, ticket });
        } else {
            let armed =
                self.effects.iter().position(|effect| matches!(effect, Effect::Arm { ticket: t, .. } if *t == ticket));
            match armed {
                Some(index) => drop(self.effects.remove(index)),
                None => self.effects.push(Effect::Disarm { ticket }),
            }
        }
        Ok(())
    }

    /// `now`: the time of the last result the guest has seen.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.guest.as_ref().map_or(self.started_at, |guest| guest.observed)
    }

    /// `bytes` of the random interface.
    ///
    /// # Errors
    /// [`GuestError::Limit`]: more than 65,536.
    pub fn random(&mut self, length: u32) -> Result<Vec<u8>, GuestError> {
        if length > RANDOM_BYTES_MAX {
            return Err(GuestError::Limit(format!("{length} random bytes in one call, at most {RANDOM_BYTES_MAX}")));
        }
        let mut bytes = vec![0; length as usize];
        self.guest().random.fill_bytes(&mut bytes);
        Ok(bytes)
    }

    /// `run` returned.
    ///
    /// # Errors
    /// [`GuestError`]: diverged, or the output is over its limit.
    pub fn returned(&mut self, result: RunResult) -> Result<(), GuestError> {
        let bytes = match &result {
            RunResult::Output(output) => output.len(),
            RunResult::Failure { message, details } => message.len() + details.len(),
        };
        if bytes > self.limits.payload_bytes {
            let most = self.limits.payload_bytes;
            return Err(GuestError::Limit(format!(
                "`run` returned {bytes} bytes, {most} are allowed (setting `limits.payload_bytes`)"
            )));
        }
        let guest = self.guest.as_mut().expect("the host enters a scope before it runs the guest");
        let registered = guest.take_registered();
        let entry = Entry::Returned { result, registered };
        let encoded = entry.encode_into(std::mem::take(&mut guest.scratch));
        let replays = guest.log.replays(&entry, &encoded);
        guest.scratch = encoded;
        if replays? {
            return Ok(());
        }
        let pivot = guest.pivot;
        let Entry::Returned { result, registered } = entry else {
            unreachable!("made above");
        };
        if let RunResult::Failure { message, .. } = &result
            && pivot != Pivot::Ahead
        {
            return Err(GuestError::Misuse(format!(
                "`run` returned a failure after its pivot, where there is no way back: {message}; deploy a component that \
                 goes on to the end"
            )));
        }
        self.decide(result, registered);
        Ok(())
    }

    /// A handler returned ok: everything it had recorded must have been asked for again.
    ///
    /// # Errors
    /// [`GuestError::Diverged`].
    pub fn handler_returned(&mut self) -> Result<(), GuestError> {
        self.must_wait::<()>(|| "return of the handler".into()).map(drop)
    }
}

/// What the guest registers.
#[derive(Debug, Clone, PartialEq)]
pub enum GuestUndo {
    /// Data, performed by the runtime.
    Operation(Operation),
    /// Code, performed by the export `handle`.
    Handler {
        /// Which.
        name: String,
        /// Its argument.
        payload: Vec<u8>,
    },
}

impl GuestUndo {
    fn payload_bytes(&self) -> usize {
        match self {
            Self::Operation(operation) => operation.payload_bytes(),
            Self::Handler { name, payload } => name.len() + payload.len(),
        }
    }
}

pub(super) fn unknown_branch(branch: u32) -> String {
    format!("branch {branch} does not exist; use what `new-branch` returned")
}

pub(super) fn describe_result(result: Option<&TicketResult>) -> String {
    match result {
        Some(TicketResult::Call(result)) => format!("a call that ended in {}", result.name()),
        Some(TicketResult::Timer { length_ms }) => format!("a timer of {length_ms} ms"),
        None => "a result taken already".into(),
    }
}
