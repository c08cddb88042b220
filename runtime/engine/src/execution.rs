//! One execution: what the host reports to it, and what must be done next.
//!
//! The rooms: `fold` makes one from its journal, `guest` has what the guest asks of it and `submit` the calls among
//! that, `invocation` what is known of the guest that asks, `effect` what it wants done, `phase_two` what follows the
//! decision, `steered` executions without a guest.

mod effect;
mod fold;
mod guest;
mod invocation;
mod phase_two;
mod steered;
mod submit;

pub use effect::{Effect, Send, Step};
pub use fold::HistoryError;
pub use guest::GuestUndo;
pub use steered::{BranchEnd, Heard};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use thiserror::Error;

use crate::entry::{Entry, EntryRecord, Registration, Report, SubmittedBy, Undo};
use crate::ids::{BranchId, Digest, Gid, Seq, Ticket, Timestamp, WorkflowName};
use crate::operation::{Op, Operation};
use crate::options::{BranchOptions, CallEffect};
use crate::phase::{Phase, PhaseEvent};
use crate::replay::{Divergence, Recorded, ScopeLog, TicketResult, seed_of};
use crate::result::{CallResult, RunResult};
use crate::retry::Pursuit;
use crate::rules::{QueryBack, Rules, Steering};

/// Which guest invocation something belongs to: `run` (none) or the handler of a registration.
pub type Scope = Option<u32>;

/// Bounds on what one guest may record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestLimits {
    /// Entries of a journal.
    pub journal_entries: u32,
    /// Bytes of a journal.
    pub journal_bytes: u64,
    /// Bytes of one call's payload, and of output or failure.
    pub payload_bytes: usize,
    /// Branches of one execution.
    pub branches: u32,
    /// Tickets neither taken nor canceled at one time.
    pub open_tickets: u32,
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self {
            journal_entries: 100_000,
            journal_bytes: 64 << 20,
            payload_bytes: 4 << 20,
            branches: 10_000,
            open_tickets: 10_000,
        }
    }
}

/// Why the guest can't go on. The host turns each into a trap.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GuestError {
    /// It took another path on replay.
    #[error(transparent)]
    Diverged(#[from] Divergence),
    /// It used the interface wrongly; the text says how.
    #[error("{0}")]
    Misuse(String),
    /// It asked for more than is allowed; the text says what and which setting.
    #[error("{0}")]
    Limit(String),
}

#[derive(Debug, Clone)]
struct InFlight {
    branch: BranchId,
    operation: Operation,
    options: String,
    pursuit: Pursuit,
    since: Timestamp,
    /// Intended by an earlier process or activation: it may have been sent already.
    again: bool,
}

impl InFlight {
    fn is_pivot(&self) -> bool {
        // Most options don't name it: look before parsing.
        self.options.contains("pivot")
            && BranchOptions::from_recorded(&self.options).is_ok_and(|o| o.effect == Some(CallEffect::Pivot))
    }
}

/// One execution.
#[derive(Debug)]
pub struct Execution {
    gid: Gid,
    workflow: WorkflowName,
    digest: Digest,
    input: Vec<u8>,
    rules: Rules,
    started_at: Timestamp,
    /// When `run` begins: the time its guest sees first.
    runs_at: Timestamp,
    phase: Phase,
    /// Whether the sender's local transaction is known to be committed; messages only.
    submitted: bool,
    /// Whether a pivot has succeeded: no failure from here on.
    pivoted: bool,
    /// How it goes on if no guest runs.
    steering: Option<Steering>,
    /// Branches registered from outside, by what participants call them: number, and place among the registrations.
    enlisted: BTreeMap<String, (usize, Range<usize>)>,
    reports: Vec<Report>,
    /// Whether an operator ended it.
    forced: bool,
    result: Option<RunResult>,
    registrations: Vec<Registration>,
    done: BTreeSet<u32>,
    /// Branches whose action certainly did nothing.
    refused: BTreeSet<BranchId>,
    /// Branches whose XA action is known to be prepared.
    prepared: BTreeSet<BranchId>,
    in_flight: BTreeMap<(Scope, Ticket), InFlight>,
    scopes: BTreeMap<Scope, ScopeLog>,
    guest: Option<invocation::GuestRun>,

    next_seq: Seq,
    journal_bytes: u64,
    clock: Timestamp,
    outbox: Vec<EntryRecord>,
    effects: Vec<Effect>,
    /// Registrations from here on that the phase needs are done.
    cursor: usize,
    /// When the last step of phase two was recorded, or the decision: what a handler sees as the time it begins.
    stepped_at: Timestamp,
    limits: GuestLimits,
    upgrade_to: Option<Digest>,
}

impl Execution {
    /// Admits an execution: its journal starts with one entry in the outbox.
    #[must_use]
    pub fn start(
        gid: Gid,
        workflow: WorkflowName,
        digest: Digest,
        input: Vec<u8>,
        rules: Rules,
        limits: GuestLimits,
        now: Timestamp,
    ) -> Self {
        let entry = Entry::Admitted {
            gid: gid.clone(),
            workflow: workflow.clone(),
            digest,
            input: input.clone(),
            rules: rules.clone(),
        };
        let mut execution = Self::empty(gid, workflow, digest, input, rules, limits, now);
        execution.record(&entry);
        execution
    }

    fn empty(
        gid: Gid,
        workflow: WorkflowName,
        digest: Digest,
        input: Vec<u8>,
        rules: Rules,
        limits: GuestLimits,
        now: Timestamp,
    ) -> Self {
        Self {
            gid,
            workflow,
            digest,
            input,
            rules,
            started_at: now,
            runs_at: now,
            phase: Phase::Running,
            submitted: false,
            pivoted: false,
            steering: None,
            enlisted: BTreeMap::new(),
            reports: Vec::new(),
            forced: false,
            result: None,
            registrations: Vec::new(),
            done: BTreeSet::new(),
            refused: BTreeSet::new(),
            prepared: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            scopes: BTreeMap::new(),
            guest: None,
            next_seq: Seq(0),
            journal_bytes: 0,
            clock: now,
            outbox: Vec::new(),
            effects: Vec::new(),
            cursor: 0,
            stepped_at: now,
            limits,
            upgrade_to: None,
        }
    }

    fn count(&mut self, record: &EntryRecord) {
        self.next_seq = Seq(self.next_seq.0 + 1);
        self.journal_bytes += record.data.len() as u64;
    }

    /// A refusal is certain only if it answered the one and only attempt: an earlier one that was lost may have acted.
    /// Without any attempt nothing was sent: nothing can have happened.
    fn note_result(&mut self, scope: Scope, ticket: Ticket, result: &CallResult, attempts: u32) {
        let Some(intent) = self.in_flight.remove(&(scope, ticket)).filter(|_| scope.is_none()) else { return };
        if result.is_success() {
            self.pivoted |= intent.is_pivot() && result.passes_pivot();
            if matches!(intent.operation, Operation::Xa(_)) {
                self.prepared.insert(intent.branch);
            }
        } else if attempts == 0 || (attempts == 1 && result.did_nothing()) {
            self.refused.insert(intent.branch);
        }
    }

    /// Records an entry at the end of the journal: its place and time.
    fn record(&mut self, entry: &Entry) -> (Seq, Timestamp) {
        self.record_encoded(entry.kind(), entry.encode())
    }

    fn record_encoded(&mut self, kind: u8, data: Vec<u8>) -> (Seq, Timestamp) {
        self.record_upgrade();
        let record = EntryRecord::new(self.next_seq, self.clock, kind, data);
        let place = (record.seq, record.at);
        self.count(&record);
        self.outbox.push(record);
        place
    }

    /// Records the new component once the guest has got past the journal with it.
    pub fn record_upgrade(&mut self) {
        if self.is_live()
            && let Some(digest) = self.upgrade_to.take()
        {
            self.digest = digest;
            self.record(&Entry::Upgraded { digest });
        }
    }

    /// Tells the time. It never goes back: entries carry it.
    pub fn tick(&mut self, now: Timestamp) {
        self.clock = self.clock.max(now);
    }

    /// Reports the result of an operation. False if nobody waits for it any more (canceled, or known already).
    pub fn completed(&mut self, scope: Scope, ticket: Ticket, result: CallResult, attempts: u32) -> bool {
        if !self.in_flight.contains_key(&(scope, ticket)) {
            return false;
        }
        self.note_result(scope, ticket, &result, attempts);
        let entry = Entry::Completed { scope, ticket, result, attempts };
        let (seq, at) = self.record(&entry);
        if let Entry::Completed { result, .. } = entry {
            let recorded = Recorded { seq, at, result: Some(TicketResult::Call(result)) };
            self.scope_log(scope).push_result(ticket, recorded);
        }
        true
    }

    /// Reports that a timer of the active guest is due. False if it is forgotten.
    pub fn timer_fired(&mut self, ticket: Ticket) -> bool {
        let Some((scope, length_ms)) = self.guest.as_ref().and_then(|guest| guest.open_timer(ticket)) else {
            return false;
        };
        let (seq, at) = self.record(&Entry::TimerFired { scope, ticket, length_ms });
        let recorded = Recorded { seq, at, result: Some(TicketResult::Timer { length_ms }) };
        self.scope_log(scope).push_result(ticket, recorded)
    }

    fn scope_log(&mut self, scope: Scope) -> &mut ScopeLog {
        match &mut self.guest {
            Some(guest) if guest.scope == scope => &mut guest.log,
            Some(_) | None => self.scopes.entry(scope).or_default(),
        }
    }

    /// Whether it may still be rolled back: nothing is decided, no pivot has succeeded and none is in doubt.
    #[must_use]
    pub fn can_fail(&self) -> bool {
        self.phase == Phase::Running && !self.pivoted && !self.in_flight.values().any(InFlight::is_pivot)
    }

    /// Whom to ask, of a message whose sender has not spoken yet.
    #[must_use]
    pub fn unconfirmed(&self) -> Option<QueryBack> {
        let waits = self.phase == Phase::Running && !self.submitted;
        self.rules.query_back.as_ref().filter(|_| waits).cloned()
    }

    /// The sender's local transaction can't be undone: it is the pivot of the message.
    fn note_submitted(&mut self, at: Timestamp) {
        self.submitted = true;
        self.pivoted = true;
        self.runs_at = at;
    }

    /// Lets a message run that was not prepared: its sender has nothing to commit, or has done so.
    pub fn submit_at_once(&mut self) {
        let (_, at) = self.record(&Entry::Submitted { by: SubmittedBy::Sender });
        self.note_submitted(at);
    }

    /// Whether a prepared message was allowed to run.
    #[must_use]
    pub const fn was_submitted(&self) -> bool {
        self.submitted
    }

    /// Reports that the sender of this message has committed its local transaction. False if that is known already,
    /// or all is decided.
    pub fn submit_message(&mut self, by: SubmittedBy) -> bool {
        let waits = self.unconfirmed().is_some();
        if waits {
            let (_, at) = self.record(&Entry::Submitted { by });
            self.note_submitted(at);
        }
        waits
    }

    /// Decides for the guest: a rule (`on-trap: rollback`, a deadline), the sender of a message or an operator rolls
    /// back. False if [`Self::can_fail`] says no.
    pub fn fail_run(&mut self, message: String) -> bool {
        if !self.can_fail() {
            return false;
        }
        let registered = self.guest.as_mut().map(invocation::GuestRun::take_unrecorded).unwrap_or_default();
        self.decide(RunResult::Failure { message, details: Vec::new() }, registered);
        true
    }

    fn decide(&mut self, result: RunResult, registered: Vec<Registration>) {
        self.phase = self.phase.next(returned_event(&result)).expect("`run` returns once, and only while running");
        self.registrations.extend(registered.iter().cloned());
        let entry = Entry::Returned { result, registered };
        (_, self.stepped_at) = self.record(&entry);
        if let Entry::Returned { result, .. } = entry {
            self.result = Some(result);
        }
        self.cursor = self.registrations.len();
        self.close_if_done();
    }

    /// Begins (again) with a guest: `run` for none, the handler of a registration otherwise.
    pub fn enter(&mut self, scope: Scope) {
        self.leave();
        // Timers belong to the invocation that set them.
        self.effects.retain(|effect| !matches!(effect, Effect::Arm { .. } | Effect::Disarm { .. }));
        let log = self.scopes.remove(&scope).unwrap_or_default();
        let base = match scope {
            Some(index) => self.registrations.get(index as usize).map_or(BranchId::WHOLE, |r| r.branch),
            None => BranchId::WHOLE,
        };
        let seed = seed_of(&self.gid) ^ scope.map_or(0, |index| u64::from(index) + 1);
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let begins_at = if scope.is_some() { self.stepped_at } else { self.runs_at };
        let mut guest = invocation::GuestRun::new(scope, base, log, begins_at, random);
        if self.submitted {
            guest.pivot = invocation::Pivot::Passed;
        }
        self.guest = Some(guest);
    }

    /// Ends with the active guest.
    pub fn leave(&mut self) {
        if let Some(guest) = self.guest.take() {
            self.scopes.insert(guest.scope, guest.log);
        }
    }

    /// Goes on with another component, if the guest replays; recorded with the first new entry.
    pub fn upgrade(&mut self, digest: Digest) {
        self.upgrade_to = (digest != self.digest).then_some(digest);
    }

    /// Takes the entries that must be appended, in order.
    pub fn take_outbox(&mut self) -> Vec<EntryRecord> {
        std::mem::take(&mut self.outbox)
    }

    /// Takes what must be done. Empty while the guest is being replayed: it might still diverge.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        if self.is_live() { std::mem::take(&mut self.effects) } else { Vec::new() }
    }

    /// Whether there is anything to take from outbox or effects.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outbox.is_empty() || (self.is_live() && !self.effects.is_empty())
    }

    /// Whether something still to do needs the instance that ran `run`.
    #[must_use]
    pub fn has_closures(&self) -> bool {
        self.registrations.iter().any(|r| matches!(&r.undo, Undo::Handler { name, .. } if name.starts_with('#')))
    }

    /// Whether everything recorded has been replayed.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.guest.as_ref().is_none_or(|guest| guest.log.is_live())
    }

    /// Whether operations are intended that have no result.
    #[must_use]
    pub fn has_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Gives up every operation of `run` that has no result: called before a rollback.
    pub fn abandon_in_flight(&mut self) {
        self.in_flight.retain(|(scope, _), _| scope.is_some());
    }

    /// The operations of `scope` that are intended and have no result, though its guest has returned.
    #[must_use]
    pub fn unanswered(&self, scope: Scope) -> Vec<Send> {
        let all = self.in_flight.iter().filter(|((asked_by, _), _)| *asked_by == scope);
        all.map(|((scope, ticket), intent)| {
            let send = self.send_of(*scope, *ticket, intent);
            // Nobody takes these results any more: what follows a pivot must succeed all the same.
            let pursuit = if self.pivoted { Pursuit::UntilDone } else { send.pursuit };
            Send { pursuit, ..send }
        })
        .collect()
    }

    /// Which guest invocation is active: `None` if none is.
    #[must_use]
    pub fn active_scope(&self) -> Option<Scope> {
        self.guest.as_ref().map(|guest| guest.scope)
    }

    fn send_of(&self, scope: Scope, ticket: Ticket, intent: &InFlight) -> Send {
        let op = match scope {
            None => Op::Action,
            // A handler's own branch carries the phase; the branches it opens carry plain actions.
            Some(index) => self
                .registrations
                .get(index as usize)
                .filter(|r| r.branch == intent.branch)
                .map_or(Op::Action, |r| r.op),
        };
        Send {
            scope,
            ticket,
            branch: intent.branch,
            op,
            operation: intent.operation.clone(),
            options: BranchOptions::from_recorded(&intent.options).unwrap_or_default(),
            pursuit: intent.pursuit,
            since: intent.since,
            again: intent.again,
        }
    }

    /// The gid.
    #[must_use]
    pub const fn gid(&self) -> &Gid {
        &self.gid
    }

    /// The workflow.
    #[must_use]
    pub const fn workflow(&self) -> &WorkflowName {
        &self.workflow
    }

    /// The component it runs.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The input.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// What one guest may take.
    #[must_use]
    pub const fn limits(&self) -> &GuestLimits {
        &self.limits
    }

    /// The rules it lives by.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// When it was admitted.
    #[must_use]
    pub const fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// What `run` returned.
    #[must_use]
    pub const fn result(&self) -> Option<&RunResult> {
        self.result.as_ref()
    }

    /// How many entries the journal has, the outbox included.
    #[must_use]
    pub const fn next_seq(&self) -> Seq {
        self.next_seq
    }
}

const fn returned_event(result: &RunResult) -> PhaseEvent {
    match result {
        RunResult::Output(_) => PhaseEvent::ReturnedOk,
        RunResult::Failure { .. } => PhaseEvent::ReturnedFailure,
    }
}
