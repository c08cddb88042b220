//! One run of a workflow: engine and guest as the coordinator drives them, with participants that are a model, a journal
//! in memory and a clock that jumps to whatever is next.
//!
//! The rooms: here the steps of an execution and its guests, `flight` has calls and timers under way.

mod flight;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use reprise_engine::{
    BranchOptions, Effect, EntryRecord, Execution, GuestError, GuestLimits, Op, Phase, Pursuit, Registration, Rules,
    Scope, Step, Ticket, Timestamp, Undo,
};
use reprise_host::{Guest, GuestFailure, Session};

use crate::call::{Call, CallName};
use crate::case::{Moment, Plan};
use crate::matrix::Setup;
use crate::report::End;
use crate::world::World;
use flight::{Flight, Slot};

/// When every run begins.
const START: Timestamp = Timestamp(1_700_000_000_000);
/// Events of one run, at most: a workflow that goes on for ever must not hang the check.
const EVENTS_MAX: u32 = 1_000_000;

/// How a run went.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) end: End,
    pub(crate) journal: Vec<EntryRecord>,
    pub(crate) world: World<'a>,
    /// Every call that was made, in order of its first attempt.
    pub(crate) calls: Vec<Call>,
    /// Calls that were sent although the journal had their result.
    pub(crate) sent_again: Vec<CallName>,
    /// Whether the moment of the plan came, and could be used.
    pub(crate) stopped: bool,
}

/// Why a run does not go on as it was.
enum Halt {
    /// It is over.
    End(End),
    /// The process died.
    Crashed,
}

struct Simulation<'a> {
    setup: &'a Setup,
    stop: Option<Moment>,
    stopped: bool,
    session: Session,
    journal: Vec<EntryRecord>,
    now: Timestamp,
    world: World<'a>,
    flights: Vec<Flight>,
    timers: BTreeSet<(Timestamp, Ticket)>,
    /// The instance that ran `run`, kept where a closure of it is registered.
    kept: Option<Guest>,
    calls: Vec<Call>,
    sent_again: Vec<CallName>,
    events: u32,
}

/// Runs the workflow to its end.
pub(crate) async fn run<'a>(setup: &'a Setup, plan: &'a Plan) -> Run<'a> {
    let gid = "check".parse().expect("a valid gid");
    let workflow = "check".parse().expect("a valid name");
    let rules = Rules { completeness: setup.completeness, ..Rules::default() };
    let (input, limits) = (setup.input.clone(), GuestLimits::default());
    let execution = Execution::start(gid, workflow, setup.program.digest(), input, rules, limits, START);
    let mut simulation = Simulation {
        setup,
        stop: plan.stop,
        stopped: false,
        session: Session::new(execution),
        journal: Vec::new(),
        now: START,
        world: World::new(&setup.replies, &setup.no_barrier, &plan.faults),
        flights: Vec::new(),
        timers: BTreeSet::new(),
        kept: None,
        calls: Vec::new(),
        sent_again: Vec::new(),
        events: 0,
    };
    let end = simulation.run_to_the_end().await;
    let Simulation { journal, world, calls, sent_again, stopped, .. } = simulation;
    Run { end, journal, world, calls, sent_again, stopped }
}

impl Simulation<'_> {
    async fn run_to_the_end(&mut self) -> End {
        loop {
            match self.advance().await {
                Ok(()) => {}
                Err(Halt::End(end)) => return end,
                Err(Halt::Crashed) => match self.recover() {
                    Ok(()) => {}
                    Err(Halt::End(end)) => return end,
                    Err(Halt::Crashed) => unreachable!("a run is stopped once"),
                },
            }
        }
    }

    /// One step of the execution, as the engine wants it.
    async fn advance(&mut self) -> Result<(), Halt> {
        match self.with(|execution| execution.step()) {
            Step::Confirm(_) | Step::Steer(_) => unreachable!("these executions run a guest at once"),
            Step::Run => self.run().await,
            // What is next may depend on results that are still to come.
            Step::PhaseTwo { .. } | Step::Close => {
                self.settle_run()?;
                match self.with(|execution| execution.step()) {
                    Step::PhaseTwo { index, registration } => self.perform(index, registration).await,
                    Step::Close => {
                        self.with(Execution::close);
                        self.collect()
                    }
                    Step::Confirm(_) | Step::Steer(_) | Step::Run | Step::Finish { .. } | Step::Done => Ok(()),
                }
            }
            Step::Finish { index, registration } => {
                self.kept = None;
                self.perform(index, registration).await
            }
            Step::Done => {
                self.collect()?;
                let failed = self.with(|execution| execution.phase()) == Phase::Failed;
                Err(Halt::End(if failed { End::Failed { message: self.failure() } } else { End::Succeeded }))
            }
        }
    }

    fn failure(&self) -> String {
        self.with(|execution| match execution.result() {
            Some(reprise_engine::RunResult::Failure { message, .. }) => message.clone(),
            Some(reprise_engine::RunResult::Output(_)) | None => String::new(),
        })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Execution) -> R) -> R {
        self.session.with(|execution| {
            execution.tick(self.now);
            f(execution)
        })
    }

    /// A new process reads the journal and goes on, or decides.
    fn recover(&mut self) -> Result<(), Halt> {
        self.flights.clear();
        self.load()?;
        if let Some(Moment::Timeout(_)) = self.stop.take() {
            self.stopped = self.with(|execution| execution.fail_run("the check let it time out".into()));
            self.collect()?;
            return self.load();
        }
        self.stopped = true;
        Ok(())
    }

    /// Begins again from the journal.
    fn load(&mut self) -> Result<(), Halt> {
        let execution = Execution::load(self.journal.clone(), GuestLimits::default())
            .map_err(|error| quarantined("journal", error.to_string()))?;
        self.session = Session::new(execution);
        self.timers.clear();
        // Its instance talks to the session before.
        self.kept = None;
        Ok(())
    }

    /// Takes entries, and performs what they allow.
    fn collect(&mut self) -> Result<(), Halt> {
        let (records, effects) = self.with(|execution| (execution.take_outbox(), execution.take_effects()));
        self.journal.extend(records);
        if let Some(Moment::Crash(entries) | Moment::Timeout(entries)) = self.stop
            && self.journal.len() > entries
        {
            self.journal.truncate(entries);
            return Err(Halt::Crashed);
        }
        for effect in effects {
            match effect {
                Effect::Send(send) => self.send(*send),
                Effect::Arm { ticket, due } => {
                    self.timers.insert((due, ticket));
                }
                Effect::Disarm { ticket } => self.timers.retain(|(_, armed)| *armed != ticket),
                Effect::Cancel { scope, ticket } => self.give_up(Slot::Call(scope, ticket)),
            }
        }
        Ok(())
    }

    /// A fresh instance that has entered `scope`.
    async fn place(&mut self, scope: Scope) -> Result<Guest, Halt> {
        self.timers.clear();
        self.with(|execution| execution.enter(scope));
        let program = match &self.setup.upgrade {
            Some(upgrade) if self.stopped => {
                self.with(|execution| execution.upgrade(upgrade.digest()));
                upgrade
            }
            Some(_) | None => &self.setup.program,
        };
        program.start(self.session.clone()).await.map_err(|failure| failed(&failure))
    }

    /// Drives a call of an export until it ends; whenever the guest stands still, the next thing happens.
    async fn drive<T>(&mut self, export: impl Future<Output = Result<T, GuestFailure>>) -> Result<T, Halt> {
        let mut export = pin!(export);
        loop {
            let polled = poll_fn(|context| Poll::Ready(export.as_mut().poll(context))).await;
            self.collect()?;
            if let Poll::Ready(ended) = polled {
                return ended.map_err(|failure| failed(&failure));
            }
            if self.session.is_waiting() {
                self.happen()?;
                self.session.wake();
            } else {
                // It gave others their turn.
                tokio::task::yield_now().await;
            }
        }
    }

    /// `run`, from the start, until it returned.
    async fn run(&mut self) -> Result<(), Halt> {
        let guest = self.run_guest().await?;
        self.kept = self.with(|execution| execution.has_closures()).then_some(guest);
        self.timers.clear();
        self.collect()
    }

    async fn run_guest(&mut self) -> Result<Guest, Halt> {
        let mut guest = self.place(None).await?;
        let input = self.setup.input.clone();
        let result = self.drive(guest.run(&input)).await?;
        self.with(|execution| execution.returned(result)).map_err(|error| stopped(&error))?;
        Ok(guest)
    }

    async fn perform(&mut self, index: u32, registration: Registration) -> Result<(), Halt> {
        // What leads here must be durable before anything is sent.
        self.collect()?;
        let Registration { op, branch, undo } = registration;
        match undo {
            Undo::Operation { operation, options } => {
                self.kept = None;
                let options = BranchOptions::from_recorded(&options).unwrap_or_default();
                let name = CallName::new(branch, op, &operation);
                let call = Call { name, operation, options, pursuit: Pursuit::UntilDone, scope: None };
                let since = self.with(|execution| execution.started_at());
                self.start(Flight::new(Slot::Registration(index), call, since, false, self.now));
                self.wait_for(Slot::Registration(index))?;
                self.collect()
            }
            Undo::Handler { name, payload, .. } => self.handler(index, op, branch.number(), &name, &payload).await,
        }
    }

    /// Calls the guest's export `handle`.
    async fn handler(&mut self, index: u32, op: Op, branch: u32, name: &str, payload: &[u8]) -> Result<(), Halt> {
        let mut guest = self.handler_guest(name, index).await?;
        let returned = self.drive(guest.handle(op, branch, name, payload)).await?;
        if let Err(refused) = returned {
            let message = format!("handler `{name}` returned a failure: {}", refused.message);
            return Err(quarantined("trap", message));
        }
        self.with(|execution| execution.handler_returned()).map_err(|error| stopped(&error))?;
        drop(guest);
        self.with(Execution::leave);
        self.answer_all(Some(index))?;
        self.with(|execution| execution.phase_two_done(index, 1));
        self.collect()
    }

    /// The instance that ran `run` for a closure, a fresh one for a named handler.
    async fn handler_guest(&mut self, name: &str, index: u32) -> Result<Guest, Halt> {
        if !name.starts_with('#') {
            self.kept = None;
            return self.place(Some(index)).await;
        }
        let guest = match self.kept.take() {
            Some(guest) => guest,
            None => {
                // The results that `run` saw were handed over; they are in the journal.
                self.load()?;
                self.run_guest().await?
            }
        };
        self.timers.clear();
        self.with(|execution| execution.enter(Some(index)));
        Ok(guest)
    }
}

fn quarantined(reason: &'static str, message: String) -> Halt {
    Halt::End(End::Quarantined { reason, message })
}

fn stopped(error: &GuestError) -> Halt {
    let reason = match error {
        GuestError::Diverged(_) => "diverged",
        GuestError::Misuse(_) => "misuse",
        GuestError::Limit(_) => "limit",
    };
    quarantined(reason, error.to_string())
}

fn failed(failure: &GuestFailure) -> Halt {
    let reason = match failure {
        GuestFailure::Stopped(error) => return stopped(error),
        GuestFailure::MissingHandle => "misuse",
        GuestFailure::Trap { .. } => "trap",
        GuestFailure::OutOfFuel { .. } => "fuel",
        GuestFailure::OutOfMemory { .. } => "memory",
        GuestFailure::NoInstance => "instances",
    };
    quarantined(reason, failure.to_string())
}
