//! Calls in flight: attempts, pauses, and what is known of them meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use reprise_engine::{
    Answer, Attempts, BranchId, BranchOptions, CallResult, Gid, Op, Operation, Outcome, Pursuit, Scope, Ticket,
    Timestamp, Verdict, retry_decision, seed_of,
};
use reprise_outbound::{Admitted, Call, Outbound, Wait};
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::{instant_of, now, timestamp_of};
use crate::crash;
use crate::lease::Lease;
use crate::note::WaitingCall;

/// What a call waits for while this node has lost its lease.
const LEASE: &str = "lease";

/// Which operation of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// One that a guest asked for.
    Call(Scope, Ticket),
    /// A registration of phase two.
    Registration(u32),
    /// The question to the sender of a message.
    QueryBack,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(None, ticket) => write!(f, "call {ticket}"),
            Self::Call(Some(index), ticket) => write!(f, "call {ticket} of handler {index}"),
            Self::Registration(index) => write!(f, "registration {index}"),
            Self::QueryBack => f.write_str("query-back"),
        }
    }
}

/// How a call in flight stands, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallState {
    /// `01`, `02`, ...
    pub branch: String,
    /// `action`, `commit`, `rollback`, `finish`.
    pub op: Op,
    /// What is called.
    pub call: String,
    /// Attempts made so far.
    pub attempts: u32,
    /// When the next attempt is due; none while one is under way or waits for something without a time.
    pub next_attempt_at: Option<Timestamp>,
    /// What the next attempt waits for at its participant: `paused`, `breaker`, `concurrency`, `rate`; or `lease`: this
    /// node has no contact with its database.
    pub waiting_for: Option<&'static str>,
    /// What the last attempt ended in.
    pub last_error: Option<String>,
    /// Whether it has been tried so often that somebody should look.
    pub stuck: bool,
    #[serde(skip)]
    unknown: u32,
}

/// The calls of one execution that are in flight.
#[derive(Debug, Default)]
pub(crate) struct CallBoard {
    calls: Mutex<HashMap<Slot, CallState>>,
    hurry: Notify,
}

impl CallBoard {
    fn with<R>(&self, f: impl FnOnce(&mut HashMap<Slot, CallState>) -> R) -> R {
        f(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends every pause between two attempts.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_waiters();
    }

    /// All of them, by branch.
    pub(crate) fn states(&self) -> Vec<CallState> {
        let mut states: Vec<CallState> = self.with(|calls| calls.values().cloned().collect());
        states.sort_by(|a, b| a.branch.cmp(&b.branch));
        states
    }

    /// Those between two attempts, or none if an attempt is under way.
    pub(crate) fn waiting(&self) -> Option<Vec<WaitingCall>> {
        self.with(|calls| calls.iter().map(|(slot, state)| state.waiting(*slot)).collect())
    }
}

impl CallState {
    /// Where to go on later; none if it has no time: an attempt is under way, or waits for its participant.
    fn waiting(&self, slot: Slot) -> Option<WaitingCall> {
        self.next_attempt_at.map(|due| self.waiting_until(slot, due))
    }

    fn waiting_until(&self, slot: Slot, next_at: Timestamp) -> WaitingCall {
        WaitingCall {
            slot: slot.to_string(),
            made: self.attempts,
            unknown: self.unknown,
            next_at,
            waiting_for: self.waiting_for.map(str::to_owned),
            error: self.last_error.clone().unwrap_or_default(),
        }
    }

    /// Notes what its next attempt waits for. One that waits for an open breaker has a time, so that the execution need
    /// not stay in memory; the deadline may come before it.
    fn waits(&mut self, awaited: Awaited, late_at: Option<Timestamp>) {
        (self.waiting_for, self.next_attempt_at) = match awaited {
            Awaited::Lease => (Some(LEASE), None),
            Awaited::Participant(wait @ Wait::Breaker { until: Some(until) }) => {
                let until = timestamp_of(until);
                (Some(wait.name()), Some(late_at.map_or(until, |late_at| until.min(late_at))))
            }
            Awaited::Participant(
                wait @ (Wait::Breaker { until: None } | Wait::Paused | Wait::Concurrency | Wait::Rate),
            ) => (Some(wait.name()), None),
        };
    }
}

/// What an attempt waits for.
enum Awaited {
    /// This node's contact with its database.
    Lease,
    /// Its participant.
    Participant(Wait),
}

/// One operation to perform until it has a result.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) slot: Slot,
    pub(crate) gid: Gid,
    pub(crate) branch: BranchId,
    pub(crate) op: Op,
    pub(crate) operation: Operation,
    pub(crate) options: BranchOptions,
    pub(crate) pursuit: Pursuit,
    pub(crate) since: Timestamp,
    /// Whether an earlier process or activation may have sent it: that counts as an attempt.
    pub(crate) again: bool,
    /// For `finish`: how the transaction ended.
    pub(crate) ended: Option<&'static str>,
    /// What an earlier activation did.
    pub(crate) resume: Option<WaitingCall>,
    pub(crate) stuck_attempts: u32,
}

/// The end of a job.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) slot: Slot,
    /// None if it was stopped before it had one.
    pub(crate) result: Option<CallResult>,
    pub(crate) attempts: u32,
    /// Where to go on if it was stopped between two attempts.
    pub(crate) waiting: Option<WaitingCall>,
}

/// Who performs jobs.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) outbound: &'a Outbound,
    pub(crate) lease: &'a Lease,
    pub(crate) board: &'a CallBoard,
}

/// Performs a job: attempts and pauses until there is a result or `stop` is set. A running attempt is not interrupted
/// by `stop`: the participant may be acting on it. The end of the lease interrupts it: from then on another node may act.
pub(crate) async fn perform(caller: Caller<'_>, job: Job, stop: CancellationToken) -> Done {
    let mut effort = Effort::new(caller, job, stop);
    loop {
        effort.show();
        effort.pause().await;
        let answer = match effort.turn().await {
            Turn::Stopped => return effort.stopped(),
            Turn::Late => effort.late(),
            Turn::Go(admitted) => match effort.attempt(admitted).await {
                Some(answer) => answer,
                None => continue,
            },
        };
        if let Some(result) = effort.judge(answer) {
            return effort.finished(result);
        }
    }
}

/// A job being performed.
struct Effort<'a> {
    caller: Caller<'a>,
    stop: CancellationToken,
    job: Job,
    state: CallState,
}

/// Whether an attempt may begin.
enum Turn<'a> {
    Go(Admitted<'a>),
    /// The deadline has passed.
    Late,
    Stopped,
}

impl<'a> Effort<'a> {
    fn new(caller: Caller<'a>, mut job: Job, stop: CancellationToken) -> Self {
        // What the participant's configuration says lies under what the call says.
        if let Some(defaults) = caller.outbound.defaults(&job.operation) {
            let own = std::mem::replace(&mut job.options, defaults.clone());
            job.options.lay_over(own);
        }
        let (attempts, unknown) = match &job.resume {
            Some(waiting) => (waiting.made, waiting.unknown),
            None => (u32::from(job.again), 0),
        };
        let state = CallState {
            branch: job.branch.to_string(),
            op: job.op,
            call: job.operation.to_string(),
            attempts,
            next_attempt_at: job.resume.as_ref().map(|waiting| waiting.next_at),
            waiting_for: None,
            last_error: job.resume.as_ref().map(|waiting| waiting.error.clone()).filter(|error| !error.is_empty()),
            stuck: false,
            unknown,
        };
        Self { caller, stop, job, state }
    }

    fn show(&self) {
        self.caller.board.with(|calls| calls.insert(self.job.slot, self.state.clone()));
    }

    /// Waits until the next attempt is due.
    async fn pause(&mut self) {
        if let Some(due) = self.state.next_attempt_at {
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.caller.board.hurry.notified() => {}
                () = tokio::time::sleep_until(instant_of(due)) => {}
            }
        }
    }

    /// Waits until this node may send and the participant takes an attempt. That is no attempt, and nothing is sent
    /// meanwhile.
    async fn turn(&mut self) -> Turn<'a> {
        let Self { caller: Caller { outbound, lease, board }, stop, job, state } = self;
        if stop.is_cancelled() {
            return Turn::Stopped;
        }
        let late_at = job.late_at();
        if late_at.is_some_and(|late_at| late_at <= now()) {
            return Turn::Late;
        }
        let mut tell = |wait| {
            state.waits(wait, late_at);
            board.with(|calls| calls.insert(job.slot, state.clone()));
        };
        let admitted = loop {
            if !lease.holds() {
                tell(Awaited::Lease);
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Turn::Stopped,
                    () = lease.held() => {}
                    () = passes(late_at) => return Turn::Late,
                }
            }
            let admitted = tokio::select! {
                biased;
                () = stop.cancelled() => return Turn::Stopped,
                admitted = outbound.admit(&job.operation, |wait| tell(Awaited::Participant(wait))) => admitted,
                () = passes(late_at) => return Turn::Late,
            };
            // It may have been lost while the participant was waited for.
            if lease.holds() {
                break admitted;
            }
        };
        if state.next_attempt_at.take().is_some() | state.waiting_for.take().is_some() {
            self.show();
        }
        Turn::Go(admitted)
    }

    /// What is known when no attempt can be made any more.
    fn late(&mut self) -> Answer {
        let waited = self.state.waiting_for.map(|name| format!(" while the call waited ({name})")).unwrap_or_default();
        let text = self.state.last_error.take();
        let nothing = || format!("the deadline passed{waited}; nothing was sent");
        Answer::Lost(text.unwrap_or_else(nothing))
    }

    /// None if it was given up, as the lease was lost meanwhile: it is repeated, and counts as made.
    async fn attempt(&mut self, admitted: Admitted<'a>) -> Option<Answer> {
        self.state.attempts += 1;
        let (job, Caller { outbound, lease, .. }) = (&self.job, self.caller);
        crash::point("send before");
        let attempt = outbound.perform(Call {
            gid: &job.gid,
            branch: job.branch,
            op: job.op,
            operation: &job.operation,
            options: &job.options,
            must_succeed: job.pursuit == Pursuit::UntilDone,
            attempt: self.state.attempts,
            outcome: job.ended,
        });
        let answer = tokio::select! {
            biased;
            answer = within(job.late_at(), attempt) => answer,
            () = lease.lost() => {
                let text = "given up without an answer, as this node had lost its lease";
                self.state.last_error = Some(text.into());
                return None;
            }
        };
        crash::point("send after");
        let outcome = answer.outcome(job.operation.convention(), &job.options.outcome_map);
        self.state.unknown += u32::from(outcome != Outcome::Ongoing);
        // What can't be sent says nothing about the participant.
        if !matches!(answer, Answer::Invalid(_)) {
            admitted.ended(outcome);
        }
        Some(answer)
    }

    /// The result, or none if it is tried again.
    fn judge(&mut self, answer: Answer) -> Option<CallResult> {
        let (job, state) = (&self.job, &mut self.state);
        let error = answer.summary();
        let attempts = Attempts { made: state.attempts, unknown: state.unknown, since: job.since };
        let (convention, chance) = (job.operation.convention(), chance(&job.gid, state.attempts));
        match retry_decision(job.pursuit, convention, &job.options, attempts, answer, now(), chance) {
            Verdict::Done(result) => Some(result),
            Verdict::Again { pause_ms } => {
                state.stuck = job.pursuit != Pursuit::Limited && state.attempts >= job.stuck_attempts;
                if state.stuck {
                    let (gid, branch, op, call, attempts) =
                        (&job.gid, &state.branch, job.op, &state.call, state.attempts);
                    tracing::error!(%gid, %branch, %op, %call, attempts, %error, "stuck: it is repeated until it succeeds");
                }
                state.last_error = Some(error);
                state.next_attempt_at = Some(now().plus_ms(pause_ms));
                None
            }
        }
    }

    fn finished(self, result: CallResult) -> Done {
        let slot = self.job.slot;
        self.caller.board.with(|calls| calls.remove(&slot));
        Done { slot, result: Some(result), attempts: self.state.attempts, waiting: None }
    }

    fn stopped(self) -> Done {
        let slot = self.job.slot;
        self.caller.board.with(|calls| calls.remove(&slot));
        let waiting = self.state.next_attempt_at.unwrap_or_else(now);
        Done {
            slot,
            result: None,
            attempts: self.state.attempts,
            waiting: Some(self.state.waiting_until(slot, waiting)),
        }
    }
}

impl Job {
    /// When its deadline passes; none if there is none. Deadlines are for calls that may end without an answer.
    fn late_at(&self) -> Option<Timestamp> {
        let deadline_ms = self.options.deadline_ms.filter(|_| self.pursuit == Pursuit::Limited)?;
        Some(self.since.plus_ms(deadline_ms.into()))
    }
}

/// Ends when `time` has come; never if there is none.
pub(crate) async fn passes(time: Option<Timestamp>) {
    match time {
        Some(time) => tokio::time::sleep_until(instant_of(time)).await,
        None => std::future::pending().await,
    }
}

/// An attempt, given up when the time is over: then the participant may have acted on it.
async fn within(late_at: Option<Timestamp>, attempt: impl Future<Output = Answer>) -> Answer {
    tokio::select! {
        biased;
        answer = attempt => answer,
        () = passes(late_at) => Answer::Lost("no answer before the deadline".into()),
    }
}

/// 0.0 to 1.0, spread over executions and attempts.
fn chance(gid: &Gid, attempt: u32) -> f64 {
    let mixed = (seed_of(gid) ^ u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_a_fraction_and_varies() {
        let gid: Gid = "g".parse().expect("valid");
        let all: Vec<f64> = (0..100).map(|attempt| chance(&gid, attempt)).collect();
        assert!(all.iter().all(|j| (0.0..=1.0).contains(j)));
        assert!(all.iter().any(|j| *j < 0.3) && all.iter().any(|j| *j > 0.7));
    }
}
