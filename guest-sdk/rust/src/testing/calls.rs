//! Attempts and timers in virtual time: what is next, and what an attempt comes to.
//!
//! Time moves only when the workflow waits, to the next thing that happens. Retries follow the engine's rules, without
//! jitter.

use std::time::Duration;

use reprise_engine::{
    Answer, Attempts, CallResult, Effect, Operation, Outcome, Scope, Send, Ticket, Timestamp, Verdict, retry_decision,
};

use super::{
    request::{Request, Role},
    world::World,
};

/// Attempts after which something that is repeated for ever counts as stuck.
const STUCK_AFTER: u32 = 1_000;

/// What is being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Timer(Ticket),
    Call(Scope, Ticket),
    Registration(u32),
}

/// Something that will happen.
pub(super) struct Happening {
    slot: Slot,
    at: Timestamp,
    what: What,
}

enum What {
    TimerDue,
    Attempt(Box<Send>, Attempts),
    Answer(Box<Send>, Attempts, Answer),
}

impl World {
    /// Starts what the execution wants done.
    fn take_up(&mut self) {
        self.record();
        for effect in self.execution.take_effects() {
            match effect {
                Effect::Send(send) => self.start(Slot::Call(send.scope, send.ticket), send),
                Effect::Arm { ticket, due } => {
                    self.ahead.push(Happening { slot: Slot::Timer(ticket), at: due, what: What::TimerDue });
                }
                Effect::Cancel { scope, ticket } => self.forget(Slot::Call(scope, ticket)),
                Effect::Disarm { ticket } => self.forget(Slot::Timer(ticket)),
            }
        }
    }

    /// The first attempt of an operation, here and now.
    pub(super) fn start(&mut self, slot: Slot, send: Box<Send>) {
        let attempts = Attempts { made: 1, unknown: 0, since: self.clock };
        self.ahead.push(Happening { slot, at: self.clock, what: What::Attempt(send, attempts) });
    }

    fn forget(&mut self, slot: Slot) {
        self.ahead.retain(|happening| happening.slot != slot);
    }

    /// Lets time pass until the operation in `slot` is done.
    pub(super) fn advance_past(&mut self, slot: Slot) {
        while self.ahead.iter().any(|happening| happening.slot == slot) {
            self.advance();
        }
    }

    /// Moves to the next thing that happens.
    pub(super) fn advance(&mut self) {
        self.take_up();
        let times = self.ahead.iter().enumerate().map(|(place, happening)| (happening.at, place));
        let (_, place) = times.min().expect("what is waited for is under way");
        let Happening { slot, at, what } = self.ahead.remove(place);
        self.clock = self.clock.max(at);
        self.execution.tick(self.clock);
        match what {
            What::TimerDue => {
                if let Slot::Timer(ticket) = slot {
                    self.execution.timer_fired(ticket);
                }
            }
            What::Attempt(send, attempts) => self.attempt(slot, send, attempts),
            What::Answer(send, attempts, answer) => self.conclude(slot, send, attempts, answer),
        }
        self.record();
    }

    /// Makes one attempt: asks the test for the answer.
    fn attempt(&mut self, slot: Slot, send: Box<Send>, attempts: Attempts) {
        let mut request = Request::new(&send);
        request.attempt = attempts.made;
        request.at = self.elapsed();
        let (answer, delay) = self.answer(&send, &request);
        self.note(request, name(&send, &answer));
        if delay.is_zero() {
            self.conclude(slot, send, attempts, answer);
        } else {
            let delay_ms = u64::try_from(delay.as_micros().div_ceil(1_000)).expect("a test takes less time");
            let at = self.clock.plus_ms(delay_ms);
            self.ahead.push(Happening { slot, at, what: What::Answer(send, attempts, answer) });
        }
    }

    fn answer(&mut self, send: &Send, request: &Request) -> (Answer, Duration) {
        if let Operation::XaFinish { .. } = send.operation {
            return (Answer::Rows(Vec::new()), Duration::ZERO);
        }
        let answerer = self.answers.iter_mut().rev().find(|(key, _)| match key.strip_suffix('*') {
            Some(beginning) => request.key.starts_with(beginning),
            None => *key == request.key,
        });
        let answer = match answerer {
            Some((_, answerer)) => answerer(request),
            None if request.role == Role::Action => super::Answer::invalid(format!(
                "the TestHost has no answer for `{0}`: add .on(\"{0}\", ..)",
                request.key
            )),
            None => super::Answer::ok(),
        };
        let timeout = send.options.timeout_ms.map(|length| Duration::from_millis(length.into()));
        match timeout {
            Some(timeout) if answer.delay > timeout => (Answer::Lost(format!("no answer within {timeout:?}")), timeout),
            Some(_) | None => {
                let delay = answer.delay;
                (answer.into_engine(&send.operation, send.options.reads_headers()), delay)
            }
        }
    }

    /// What follows an answer: a result, or another attempt.
    fn conclude(&mut self, slot: Slot, send: Box<Send>, mut attempts: Attempts, answer: Answer) {
        let convention = send.operation.convention();
        if answer.outcome(convention, &send.options.outcome_map) != Outcome::Ongoing {
            attempts.unknown += 1;
        }
        let error = answer.summary();
        match retry_decision(send.pursuit, convention, &send.options, attempts, answer, self.clock, 0.0) {
            Verdict::Done(result) => self.done(slot, result, attempts.made),
            Verdict::Again { pause_ms } => {
                assert!(
                    attempts.made < STUCK_AFTER,
                    "stuck: {} was tried {STUCK_AFTER} times: {error}",
                    Request::new(&send)
                );
                attempts.made += 1;
                let at = self.clock.plus_ms(pause_ms);
                self.ahead.push(Happening { slot, at, what: What::Attempt(send, attempts) });
            }
        }
    }

    fn done(&mut self, slot: Slot, result: CallResult, attempts: u32) {
        match slot {
            Slot::Call(scope, ticket) => {
                self.execution.completed(scope, ticket, result, attempts);
            }
            Slot::Registration(index) => self.execution.phase_two_done(index, attempts),
            Slot::Timer(_) => unreachable!("a timer is not answered"),
        }
    }
}

/// What the trace calls the answer.
fn name(send: &Send, answer: &Answer) -> &'static str {
    if let Answer::Invalid(_) = answer {
        return "invalid";
    }
    match answer.outcome(send.operation.convention(), &send.options.outcome_map) {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
        Outcome::Ongoing => "ongoing",
        Outcome::Unknown => "unknown",
    }
}
