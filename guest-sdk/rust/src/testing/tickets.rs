//! Tickets and virtual time: which operation or timer is next, and what its attempts come to.
//!
//! Time moves only when the workflow waits, to the next thing that happens. Retries follow the runtime's rules, without
//! jitter.

use std::{mem, time::Duration};

use super::{
    answer::{Answer, Kind},
    request::{Request, Role},
    world::World,
};
use crate::{
    bindings::reprise::workflow::types::{CallError, Operation, Phase},
    options::Options,
};

/// Attempts after which something that is repeated for ever counts as stuck.
pub(super) const STUCK_AFTER: u32 = 1_000;

pub(super) type Taken = Result<Vec<u8>, CallError>;

#[derive(Default)]
pub(super) struct Tickets {
    all: Vec<Ticket>,
    /// How many are done; orders them.
    done: u64,
}

struct Ticket {
    work: Work,
    since: Duration,
    state: State,
}

#[derive(Clone)]
enum Work {
    Timer,
    Operation { branch: u32, request: Request, options: Box<Options> },
}

enum State {
    /// A timer, or the next attempt of an operation.
    Due {
        at: Duration,
        attempt: u32,
    },
    /// An attempt that is on its way.
    Answering {
        at: Duration,
        attempt: u32,
        answer: Answer,
    },
    Done {
        order: u64,
        result: Taken,
    },
    Taken,
}

impl World {
    /// Starts a timer.
    pub(super) fn start_timer(&mut self, length: Duration) -> u32 {
        let state = State::Due { at: self.clock + length, attempt: 0 };
        self.add(Work::Timer, state)
    }

    /// Starts the action of a branch or, while a handler runs for the branch, its commit or rollback.
    pub(super) fn start(&mut self, branch: u32, operation: &Operation) -> u32 {
        let role = match self.handling {
            Some((Phase::Commit, handled)) if handled == branch => Role::Commit,
            Some((Phase::Rollback, handled)) if handled == branch => Role::Rollback,
            Some(_) | None => Role::Action,
        };
        let request = Request::new(Some(branch), role, operation);
        let (options, mistake) = match self.branch(branch) {
            Ok(state) => {
                let second = role == Role::Action && mem::replace(&mut state.acted, true);
                let mistake = second.then(|| format!("branch {branch:02} has its action already: open another one"));
                (state.options.clone(), mistake)
            }
            Err(mistake) => (Options::default(), Some(mistake)),
        };
        let state = match mistake {
            Some(text) => self.done(Err(CallError::Invalid(text))),
            None => State::Due { at: self.clock, attempt: 1 },
        };
        self.add(Work::Operation { branch, request, options: Box::new(options) }, state)
    }

    /// Lets time pass until one of the tickets is done, and gives the place of the earliest.
    pub(super) fn wait_any(&mut self, tickets: &[u32]) -> usize {
        assert!(!tickets.is_empty(), "wait-any: no tickets");
        loop {
            let done = tickets.iter().enumerate().filter_map(|(place, &id)| match self.ticket(id).state {
                State::Done { order, .. } => Some((order, place)),
                State::Due { .. } | State::Answering { .. } => None,
                State::Taken => panic!("wait-any: ticket {id} was taken before"),
            });
            if let Some((_, place)) = done.min() {
                return place;
            }
            self.advance();
        }
    }

    /// The result of a ticket, waited for if need be.
    pub(super) fn take(&mut self, id: u32) -> Taken {
        self.wait_any(&[id]);
        match mem::replace(&mut self.ticket(id).state, State::Taken) {
            State::Done { result, .. } => result,
            State::Due { .. } | State::Answering { .. } | State::Taken => unreachable!("it was waited for"),
        }
    }

    /// Gives a ticket up.
    pub(super) fn cancel(&mut self, id: u32) {
        if matches!(self.ticket(id).state, State::Due { .. } | State::Answering { .. }) {
            self.ticket(id).state = self.done(Err(CallError::Canceled));
        }
    }

    fn add(&mut self, work: Work, state: State) -> u32 {
        self.tickets.all.push(Ticket { work, since: self.clock, state });
        u32::try_from(self.tickets.all.len() - 1).expect("a test has fewer tickets")
    }

    fn ticket(&mut self, id: u32) -> &mut Ticket {
        self.tickets.all.get_mut(id as usize).unwrap_or_else(|| panic!("unknown ticket {id}"))
    }

    fn done(&mut self, result: Taken) -> State {
        self.tickets.done += 1;
        State::Done { order: self.tickets.done, result }
    }

    /// Moves to the next thing that happens.
    fn advance(&mut self) {
        let next = self.tickets.all.iter().enumerate().filter_map(|(id, ticket)| match ticket.state {
            State::Due { at, .. } | State::Answering { at, .. } => Some((at, id)),
            State::Done { .. } | State::Taken => None,
        });
        let (at, id) = next.min().expect("a ticket that is waited for is under way");
        self.clock = at;
        let (work, since) = (self.tickets.all[id].work.clone(), self.tickets.all[id].since);
        let state = mem::replace(&mut self.tickets.all[id].state, State::Taken);
        let next = match (state, work) {
            (State::Due { .. }, Work::Timer) => self.done(Ok(Vec::new())),
            (State::Due { attempt, .. }, Work::Operation { branch, request, options }) => {
                let answer = within_timeout(self.attempt(request.clone(), attempt), &options);
                if answer.delay.is_zero() {
                    self.conclude(branch, &request, &options, since, attempt, answer.kind)
                } else {
                    State::Answering { at: at + answer.delay, attempt, answer }
                }
            }
            (State::Answering { attempt, answer, .. }, Work::Operation { branch, request, options }) => {
                self.conclude(branch, &request, &options, since, attempt, answer.kind)
            }
            (State::Answering { .. }, Work::Timer) | (State::Done { .. } | State::Taken, _) => {
                unreachable!("a timer is only due, and nothing else is next")
            }
        };
        self.tickets.all[id].state = next;
    }

    /// What follows an answer: a result, or another attempt.
    fn conclude(
        &mut self,
        branch: u32,
        request: &Request,
        options: &Options,
        since: Duration,
        attempt: u32,
        answer: Kind,
    ) -> State {
        let (error, pause) = match answer {
            Kind::Success(body) => return self.done(Ok(body)),
            Kind::Failure(body) if request.role == Role::Action => {
                if let Ok(state) = self.branch(branch) {
                    state.refused = true;
                }
                return self.done(Err(CallError::Failure(body)));
            }
            Kind::Invalid(text) if request.role == Role::Action => {
                // Nothing was sent, so there is nothing to roll back either.
                if let Ok(state) = self.branch(branch) {
                    state.refused = true;
                }
                return self.done(Err(CallError::Invalid(text)));
            }
            Kind::Ongoing => ("ongoing".to_owned(), Duration::from_millis(options.ongoing_ms.unwrap_or(1_000).into())),
            Kind::Unknown(error) | Kind::Invalid(error) => (error, pause(options, attempt)),
            Kind::Failure(body) => (String::from_utf8_lossy(&body).into_owned(), pause(options, attempt)),
        };
        assert!(attempt < STUCK_AFTER, "stuck: {request} was tried {attempt} times: {error}");
        let at = self.clock + pause;
        let deadline = options.deadline_ms.map(|length| since + Duration::from_millis(length.into()));
        let limited = request.role == Role::Action;
        if limited && options.retry.attempts.is_some_and(|most| attempt >= most) {
            self.done(Err(CallError::Exhausted(error)))
        } else if limited && deadline.is_some_and(|deadline| at >= deadline) {
            self.done(Err(CallError::Deadline(error)))
        } else {
            State::Due { at, attempt: attempt + 1 }
        }
    }
}

/// The pause after an attempt that ended unknown.
pub(super) fn pause(options: &Options, attempt: u32) -> Duration {
    let (initial, factor) = (options.retry.initial_ms.unwrap_or(500), options.retry.factor.unwrap_or(2.0));
    let longest = f64::from(options.retry.max_ms.unwrap_or(60_000));
    let grown = f64::from(initial) * f64::from(factor).powi(attempt.min(64).saturating_sub(1).cast_signed());
    Duration::from_secs_f64(grown.min(longest) / 1_000.0)
}

fn within_timeout(answer: Answer, options: &Options) -> Answer {
    let timeout = options.timeout_ms.map(|length| Duration::from_millis(length.into()));
    match timeout {
        Some(timeout) if answer.delay > timeout => {
            Answer::unknown(format!("no answer within {timeout:?}")).after(timeout)
        }
        Some(_) | None => answer,
    }
}
