//! Calls in flight: attempts, pauses, and what is known of them meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reprise_engine::{
    Answer, Attempts, BranchId, BranchOptions, CallResult, Gid, Op, Operation, Outcome, Scope, Ticket, Timestamp,
    Verdict, retry_decision, seed_of,
};
use reprise_outbound::{Call, Outbound};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::clock::{instant_of, now};
use crate::crash;
use crate::note::WaitingCall;

/// Which operation of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// One that a guest asked for.
    Call(Scope, Ticket),
    /// A registration of phase two.
    Registration(u32),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(None, ticket) => write!(f, "call {ticket}"),
            Self::Call(Some(index), ticket) => write!(f, "call {ticket} of handler {index}"),
            Self::Registration(index) => write!(f, "registration {index}"),
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
    /// When the next attempt is due; none while one is under way.
    pub next_attempt_at: Option<Timestamp>,
    /// What the last attempt ended in.
    pub last_error: Option<String>,
    /// Whether it has been tried so often that somebody should look.
    pub stuck: bool,
    #[serde(skip)]
    unknown: u32,
}

/// The calls of one execution that are in flight.
#[derive(Debug, Default)]
pub(crate) struct CallBoard(Mutex<HashMap<Slot, CallState>>);

impl CallBoard {
    fn with<R>(&self, f: impl FnOnce(&mut HashMap<Slot, CallState>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
    /// Where to go on later; none if an attempt is under way, or none was made.
    fn waiting(&self, slot: Slot) -> Option<WaitingCall> {
        Some(WaitingCall {
            slot: slot.to_string(),
            made: self.attempts,
            unknown: self.unknown,
            next_at: self.next_attempt_at?,
            error: self.last_error.clone().unwrap_or_default(),
        })
    }
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

/// Performs a job: attempts and pauses until there is a result or `stop` is set. A running attempt is not interrupted
/// by `stop`: the participant may be acting on it.
pub(crate) async fn perform(outbound: &Outbound, board: &CallBoard, job: Job, stop: CancellationToken) -> Done {
    let (slot, mut made, mut unknown) = match &job.resume {
        Some(waiting) => (job.slot, waiting.made, waiting.unknown),
        None => (job.slot, u32::from(job.again), 0),
    };
    let mut state = CallState {
        branch: job.branch.to_string(),
        op: job.op,
        call: job.operation.to_string(),
        attempts: made,
        next_attempt_at: job.resume.as_ref().map(|waiting| waiting.next_at),
        last_error: job.resume.as_ref().map(|waiting| waiting.error.clone()),
        stuck: false,
        unknown,
    };
    // What a handler asks for is part of phase two, whatever it is called: it is repeated until it succeeds.
    let judged_as = if matches!(slot, Slot::Call(Some(_), _)) { Op::Commit } else { job.op };
    let finished = |result: Option<CallResult>, attempts| {
        let state = board.with(|calls| calls.remove(&slot));
        let waiting = state.filter(|_| result.is_none()).and_then(|state| state.waiting(slot));
        Done { slot, result, attempts, waiting }
    };
    loop {
        board.with(|calls| calls.insert(slot, state.clone()));
        if let Some(due) = state.next_attempt_at {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(instant_of(due)) => {}
            }
        }
        if stop.is_cancelled() {
            return finished(None, made);
        }
        if state.next_attempt_at.take().is_some() {
            board.with(|calls| calls.insert(slot, state.clone()));
        }
        let left = time_left(judged_as, &job);
        let answer = if left == Some(Duration::ZERO) {
            Answer::Lost(state.last_error.take().unwrap_or_else(|| "the deadline passed before it was sent".into()))
        } else {
            made += 1;
            crash::point("send before");
            let attempt = outbound.perform(Call {
                gid: &job.gid,
                branch: job.branch,
                op: job.op,
                operation: &job.operation,
                options: &job.options,
                attempt: made,
                outcome: job.ended,
            });
            let answer = within(left, attempt).await;
            crash::point("send after");
            answer
        };
        let outcome = answer.outcome(&job.options.outcome_map);
        unknown += u32::from(outcome != Outcome::Ongoing);
        let error = answer.summary();
        let attempts = Attempts { made, unknown, since: job.since };
        let jitter = jitter(&job.gid, made);
        match retry_decision(judged_as, &job.options, attempts, answer, now(), jitter) {
            Verdict::Done(result) => return finished(Some(result), made),
            Verdict::Again { pause_ms } => {
                state.attempts = made;
                state.unknown = unknown;
                state.stuck = judged_as != Op::Action && made >= job.stuck_attempts;
                if state.stuck {
                    let (gid, branch, op, call) = (&job.gid, &state.branch, job.op, &state.call);
                    tracing::error!(%gid, %branch, %op, %call, attempts = made, %error, "stuck in phase two");
                }
                state.last_error = Some(error);
                state.next_attempt_at = Some(now().plus_ms(pause_ms));
            }
        }
    }
}

/// How long the deadline leaves; none if there is none. As with retries, phase two has no deadline.
fn time_left(judged_as: Op, job: &Job) -> Option<Duration> {
    let deadline_ms = job.options.deadline_ms.filter(|_| judged_as == Op::Action)?;
    Some(Duration::from_millis(job.since.plus_ms(deadline_ms.into()).ms_since(now())))
}

/// An attempt, given up when the time is over: then the participant may have acted on it.
async fn within(left: Option<Duration>, attempt: impl Future<Output = Answer>) -> Answer {
    match left {
        None => attempt.await,
        Some(left) => {
            let answer = tokio::time::timeout(left, attempt).await;
            answer.unwrap_or_else(|_| Answer::Lost("no answer before the deadline".into()))
        }
    }
}

/// 0.0 to 1.0, spread over executions and attempts.
fn jitter(gid: &Gid, attempt: u32) -> f64 {
    let mixed = (seed_of(gid) ^ u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_a_fraction_and_varies() {
        let gid: Gid = "g".parse().expect("valid");
        let all: Vec<f64> = (0..100).map(|attempt| jitter(&gid, attempt)).collect();
        assert!(all.iter().all(|j| (0.0..=1.0).contains(j)));
        assert!(all.iter().any(|j| *j < 0.3) && all.iter().any(|j| *j > 0.7));
    }
}
