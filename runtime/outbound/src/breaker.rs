//! A participant's circuit breaker, as values: time is an argument.
//!
//! When to open it, and for how long, is the failure policy's word (crate `failsafe`). That crate's own state machine
//! lets every call through once the time is over and does not say when that is; a participant that has just come back
//! is tried with one call here, and the others must know what they wait for.

use std::iter::Repeat;
use std::time::Duration;

use failsafe::backoff;
use failsafe::failure_policy::{ConsecutiveFailures, FailurePolicy, consecutive_failures};
use reprise_engine::Outcome;
use tokio::time::Instant;

use crate::policy::BreakerPolicy;

/// Lets calls through until too many in a row ended unknown.
#[derive(Debug)]
pub(crate) struct Breaker {
    policy: ConsecutiveFailures<Repeat<Duration>>,
    state: State,
    open: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// One call was let through; its end decides.
    Trial,
}

/// As what a call was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// One of many.
    Usual,
    /// The one that tells whether the participant is back.
    Trial,
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Nothing is sent until then.
    Open {
        /// On the process' own clock.
        until: Instant,
    },
    /// The next call decides, or one is under way that will.
    HalfOpen {
        /// Whether one is under way.
        trial: bool,
    },
}

/// Whether those who wait should look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Some,
    None,
}

impl Breaker {
    pub(crate) fn new(policy: BreakerPolicy) -> Self {
        let open = policy.open();
        let policy = consecutive_failures(policy.failures.get(), backoff::constant(open));
        Self { policy, state: State::Closed, open }
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { until } if until > now => BreakerState::Open { until },
            State::Open { .. } => BreakerState::HalfOpen { trial: false },
            State::Trial => BreakerState::HalfOpen { trial: true },
        }
    }

    /// Lets a call through, if it may go.
    pub(crate) fn enter(&mut self, now: Instant) -> Option<Entry> {
        match self.state(now) {
            BreakerState::Closed => Some(Entry::Usual),
            BreakerState::HalfOpen { trial: false } => {
                self.state = State::Trial;
                Some(Entry::Trial)
            }
            BreakerState::Open { .. } | BreakerState::HalfOpen { trial: true } => None,
        }
    }

    /// A call has ended. Calls that were let through before the breaker opened don't count any more.
    pub(crate) fn ended(&mut self, entry: Entry, outcome: Outcome, now: Instant) -> Change {
        match (self.state, entry, outcome) {
            (State::Closed, _, Outcome::Unknown) => {
                let Some(open) = self.policy.mark_dead_on_failure() else { return Change::None };
                self.state = State::Open { until: now + open };
                Change::Some
            }
            (State::Closed, _, Outcome::Success | Outcome::Failure | Outcome::Ongoing) => {
                self.policy.record_success();
                Change::None
            }
            (State::Trial, Entry::Trial, Outcome::Unknown) => {
                let open = self.policy.mark_dead_on_failure().unwrap_or(self.open);
                self.state = State::Open { until: now + open };
                Change::Some
            }
            (State::Trial, Entry::Trial, Outcome::Success | Outcome::Failure | Outcome::Ongoing) => {
                self.policy.revived();
                self.state = State::Closed;
                Change::Some
            }
            (State::Trial, Entry::Usual, _) | (State::Open { .. }, _, _) => Change::None,
        }
    }

    /// A call was given up without an end: another one may try.
    pub(crate) fn abandoned(&mut self, entry: Entry, now: Instant) -> Change {
        match (self.state, entry) {
            (State::Trial, Entry::Trial) => {
                self.state = State::Open { until: now };
                Change::Some
            }
            (State::Trial, Entry::Usual) | (State::Open { .. } | State::Closed, _) => Change::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const OPEN: Duration = Duration::from_millis(100);

    fn breaker() -> (Breaker, Instant) {
        let failures = NonZeroU32::new(3).expect("not 0");
        (Breaker::new(BreakerPolicy { failures, open_ms: 100 }), Instant::now())
    }

    fn attempt(breaker: &mut Breaker, outcome: Outcome, now: Instant) -> Option<Entry> {
        let entry = breaker.enter(now)?;
        breaker.ended(entry, outcome, now);
        Some(entry)
    }

    #[test]
    fn only_unknown_outcomes_in_a_row_open_it() {
        let (mut breaker, now) = breaker();
        for alive in [Outcome::Success, Outcome::Failure, Outcome::Ongoing] {
            for outcome in [Outcome::Unknown, Outcome::Unknown, alive] {
                assert_eq!(attempt(&mut breaker, outcome, now), Some(Entry::Usual));
            }
        }
        assert_eq!(breaker.state(now), BreakerState::Closed);
        for _ in 0..3 {
            attempt(&mut breaker, Outcome::Unknown, now);
        }
        assert_eq!(breaker.state(now), BreakerState::Open { until: now + OPEN });
        assert_eq!(breaker.enter(now + OPEN / 2), None);
    }

    #[test]
    fn one_call_decides_when_the_time_is_over() {
        let (mut breaker, now) = breaker();
        let late = breaker.enter(now).expect("closed");
        for _ in 0..3 {
            attempt(&mut breaker, Outcome::Unknown, now);
        }
        let then = now + OPEN;
        assert_eq!(breaker.enter(then), Some(Entry::Trial));
        assert_eq!(breaker.enter(then), None, "one at a time");
        assert_eq!(breaker.ended(late, Outcome::Success, then), Change::None, "it was sent before");
        assert_eq!(breaker.ended(Entry::Trial, Outcome::Unknown, then), Change::Some);
        assert_eq!(breaker.state(then), BreakerState::Open { until: then + OPEN });
        let then = then + OPEN;
        assert_eq!(attempt(&mut breaker, Outcome::Failure, then), Some(Entry::Trial), "a refusal is an answer");
        assert_eq!(breaker.state(then), BreakerState::Closed);
        attempt(&mut breaker, Outcome::Unknown, then);
        assert_eq!(breaker.state(then), BreakerState::Closed, "it counts from the start again");
    }

    #[test]
    fn a_trial_that_is_given_up_leaves_its_place() {
        let (mut breaker, now) = breaker();
        for _ in 0..3 {
            attempt(&mut breaker, Outcome::Unknown, now);
        }
        let then = now + OPEN;
        assert_eq!(breaker.enter(then), Some(Entry::Trial));
        assert_eq!(breaker.abandoned(Entry::Trial, then), Change::Some);
        assert_eq!(breaker.enter(then), Some(Entry::Trial));
    }
}
