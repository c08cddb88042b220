//! Calls and timers under way: attempts, pauses, and whatever happens next.

use reprise_engine::{
    Answer, Attempts, CallResult, Entry, Execution, Outcome, Phase, Pursuit, Scope, Send, Ticket, Timestamp, Verdict,
    retry_decision,
};

use super::{EVENTS_MAX, Halt, Simulation, quarantined};
use crate::call::{Call, CallName};
use crate::report::End;

/// Attempts after which a call that nothing ends, and nobody answers, is let be.
const HOPELESS_ATTEMPTS: u32 = 20;

/// Who is told the result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// A guest.
    Call(Scope, Ticket),
    /// A registration of phase two.
    Registration(u32),
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Flight {
    slot: Slot,
    call: Call,
    since: Timestamp,
    made: u32,
    unknown: u32,
    state: State,
    /// Nobody waits for it: no further attempt.
    given_up: bool,
}

#[derive(Debug)]
enum State {
    /// The next attempt begins then.
    Due(Timestamp),
    /// An attempt ends then, so.
    UnderWay(Timestamp, Answer),
    /// It goes on for ever.
    Hopeless,
}

impl Flight {
    pub(super) fn new(slot: Slot, call: Call, since: Timestamp, again: bool, now: Timestamp) -> Self {
        // What an earlier process may have sent counts as an attempt.
        Self { slot, call, since, made: u32::from(again), unknown: 0, state: State::Due(now), given_up: false }
    }

    const fn next_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Due(at) | State::UnderWay(at, _) => Some(at),
            State::Hopeless => None,
        }
    }

    /// How long the deadline leaves; none if there is none.
    fn time_left(&self, now: Timestamp) -> Option<u64> {
        let deadline_ms = self.call.options.deadline_ms.filter(|_| self.call.pursuit == Pursuit::Limited)?;
        Some(self.since.plus_ms(deadline_ms.into()).ms_since(now))
    }

    fn decide(&mut self, answer: Answer, now: Timestamp) -> Verdict {
        let Call { operation, options, pursuit, .. } = &self.call;
        let convention = operation.convention();
        self.unknown += u32::from(answer.outcome(convention, &options.outcome_map) != Outcome::Ongoing);
        let attempts = Attempts { made: self.made, unknown: self.unknown, since: self.since };
        retry_decision(*pursuit, convention, options, attempts, answer, now, 0.0)
    }
}

impl Simulation<'_> {
    /// Starts what a guest asked for.
    pub(super) fn send(&mut self, send: Send) {
        let Send { scope, ticket, branch, op, operation, options, pursuit, since, again } = send;
        let name = CallName::new(branch, op, &operation);
        if self.has_result(scope, ticket) {
            self.sent_again.push(name.clone());
        }
        let call = Call { name, operation, options, pursuit, scope };
        self.start(Flight::new(Slot::Call(scope, ticket), call, since, again, self.now));
    }

    fn has_result(&self, of_scope: Scope, of_ticket: Ticket) -> bool {
        self.journal.iter().any(|record| {
            matches!(record.decode(), Ok(Entry::Completed { scope, ticket, .. }) if (scope, ticket) == (of_scope, of_ticket))
        })
    }

    pub(super) fn start(&mut self, flight: Flight) {
        // A replay asks again for what is under way.
        if !self.is_under_way(flight.slot) {
            if !self.calls.iter().any(|call| call.name == flight.call.name) {
                self.calls.push(flight.call.clone());
            }
            self.flights.push(flight);
        }
    }

    fn is_under_way(&self, slot: Slot) -> bool {
        self.flights.iter().any(|flight| flight.slot == slot)
    }

    /// No further attempt; one under way goes on, the participant may be acting on it.
    pub(super) fn give_up(&mut self, slot: Slot) {
        self.flights.retain(|flight| flight.slot != slot || matches!(flight.state, State::UnderWay(..)));
        for flight in self.flights.iter_mut().filter(|flight| flight.slot == slot) {
            flight.given_up = true;
        }
    }

    /// Calls that `run` left open: a commit needs their end, a rollback gives them up.
    pub(super) fn settle_run(&mut self) -> Result<(), Halt> {
        if !self.with(|execution| execution.has_in_flight()) && self.flights.is_empty() {
            return Ok(());
        }
        if self.with(|execution| execution.phase()) == Phase::RollingBack {
            for slot in self.flights.iter().map(|flight| flight.slot).collect::<Vec<_>>() {
                self.give_up(slot);
            }
            while !self.flights.is_empty() {
                self.happen()?;
            }
            self.with(Execution::abandon_in_flight);
            return self.collect();
        }
        self.answer_all(None)
    }

    /// Waits for the results of everything that `scope` has asked for, also where its guest did not.
    pub(super) fn answer_all(&mut self, scope: Scope) -> Result<(), Halt> {
        self.collect()?;
        for send in self.with(|execution| execution.unanswered(scope)) {
            let slot = Slot::Call(send.scope, send.ticket);
            self.send(send);
            self.wait_for(slot)?;
        }
        Ok(())
    }

    /// Waits for the end of a call that no guest waits for.
    pub(super) fn wait_for(&mut self, slot: Slot) -> Result<(), Halt> {
        while self.is_under_way(slot) {
            self.happen()?;
        }
        Ok(())
    }

    /// The next thing happens: an attempt begins or ends, or a timer fires.
    pub(super) fn happen(&mut self) -> Result<(), Halt> {
        self.events += 1;
        if self.events > EVENTS_MAX {
            return Err(quarantined("endless", format!("the workflow goes on after {EVENTS_MAX} answers and timers")));
        }
        let flights = self.flights.iter().enumerate();
        let flight = flights.filter_map(|(index, flight)| flight.next_at().map(|at| (at, index))).min();
        match (flight, self.timers.first().copied()) {
            (Some((at, index)), timer) if timer.is_none_or(|(due, _)| at <= due) => {
                self.now = self.now.max(at);
                self.go_on(index)
            }
            (_, Some((due, ticket))) => {
                self.now = self.now.max(due);
                self.timers.pop_first();
                self.with(|execution| execution.timer_fired(ticket));
                self.collect()
            }
            (_, None) => Err(self.nothing_left()),
        }
    }

    fn nothing_left(&self) -> Halt {
        match self.flights.first() {
            Some(flight) => Halt::End(End::Waits { call: flight.call.name.clone() }),
            None => quarantined("stuck", "the workflow waits, but nothing is under way".into()),
        }
    }

    /// An attempt begins or ends.
    fn go_on(&mut self, index: usize) -> Result<(), Halt> {
        let now = self.now;
        let flight = &mut self.flights[index];
        let answer = match std::mem::replace(&mut flight.state, State::Hopeless) {
            State::UnderWay(_, answer) => answer,
            State::Due(_) | State::Hopeless => match flight.time_left(now) {
                Some(0) => Answer::Lost("the deadline passed before it was sent".into()),
                left => {
                    flight.made += 1;
                    let (answer, takes_ms) = self.world.attempt(&flight.call);
                    flight.state = match left {
                        Some(left) if left < takes_ms => {
                            State::UnderWay(now.plus_ms(left), Answer::Lost("no answer before the deadline".into()))
                        }
                        Some(_) | None => State::UnderWay(now.plus_ms(takes_ms), answer),
                    };
                    return Ok(());
                }
            },
        };
        match flight.decide(answer, now) {
            Verdict::Done(result) => {
                let flight = self.flights.remove(index);
                self.report(&flight, result)
            }
            Verdict::Again { .. } if flight.given_up => {
                self.flights.remove(index);
                Ok(())
            }
            Verdict::Again { pause_ms } => {
                let endless = flight.call.is_endless() && self.world.is_hopeless(&flight.call.name);
                let hopeless = endless && flight.made >= HOPELESS_ATTEMPTS;
                flight.state = if hopeless { State::Hopeless } else { State::Due(now.plus_ms(pause_ms)) };
                Ok(())
            }
        }
    }

    fn report(&mut self, flight: &Flight, result: CallResult) -> Result<(), Halt> {
        match flight.slot {
            Slot::Call(scope, ticket) => {
                // Nobody waits for it any more if it was canceled.
                self.with(|execution| execution.completed(scope, ticket, result, flight.made));
            }
            Slot::Registration(index) => self.with(|execution| execution.phase_two_done(index, flight.made)),
        }
        self.collect()
    }
}
