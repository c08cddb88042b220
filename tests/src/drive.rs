//! Drives one execution without store, network and waiting: its guest gets the answers of a script, one at a time, and
//! its journal is kept. A driver as the coordinator's is, only that nothing ever goes wrong on the way.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use reprise_engine::{
    CallResult, Digest, Effect, EntryRecord, Execution, GuestLimits, OnTrap, Operation, Phase, Registration, Rules,
    RunResult, Scope, Send, Step, Ticket, Timestamp, Undo,
};
use reprise_host::{Guest, GuestFailure, HandlerFailure, Program, Session};

/// When every execution here begins.
pub const START: Timestamp = Timestamp(1_700_000_000_123);

/// An execution of the workflow `probe` that begins at [`START`].
///
/// # Panics
/// If `gid` is no valid one.
#[must_use]
pub fn execution(rules: Rules, gid: &str, input: &[u8]) -> Execution {
    Execution::start(
        gid.parse().expect("a valid gid"),
        "probe".parse().expect("a valid name"),
        Digest::new([7; 32]),
        input.into(),
        rules,
        GuestLimits::default(),
        START,
    )
}

/// Chooses what ends next.
type Next = dyn Fn(&[Open]) -> usize + std::marker::Send + Sync;

/// What the world does with what is asked of it: the same whenever it is asked the same, so that a replay from any prefix
/// of a journal meets the same world.
#[derive(Clone)]
pub struct Script {
    answer: Arc<dyn Fn(&Operation) -> CallResult + std::marker::Send + Sync>,
    next: Arc<Next>,
    at_once: usize,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

impl Script {
    /// Answers of calls. The newest call ends first; timers come after calls, in the order they were set.
    pub fn new(answer: impl Fn(&Operation) -> CallResult + std::marker::Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), next: Arc::new(newest_call), at_once: 1 }
    }

    /// Which of what is open (never nothing) ends next: its index.
    #[must_use]
    pub fn ending(mut self, next: impl Fn(&[Open]) -> usize + std::marker::Send + Sync + 'static) -> Self {
        self.next = Arc::new(next);
        self
    }

    /// How many results come each time before the guest goes on, if there are so many. More than one: what a replay finds
    /// between two of them is not what the guest found, so such a journal need not be that of its replays.
    #[must_use]
    pub fn at_once(mut self, results: usize) -> Self {
        self.at_once = results;
        self
    }
}

impl<F: Fn(&Operation) -> CallResult + std::marker::Send + Sync + 'static> From<F> for Script {
    fn from(answer: F) -> Self {
        Self::new(answer)
    }
}

fn newest_call(open: &[Open]) -> usize {
    open.iter().rposition(|open| matches!(open, Open::Call(_))).unwrap_or(0)
}

/// Something under way.
#[derive(Debug)]
pub enum Open {
    /// A call of a guest.
    Call(Box<Send>),
    /// A timer of a guest.
    Timer {
        /// The guest's ticket.
        ticket: Ticket,
        /// When it fires.
        due: Timestamp,
    },
}

/// How an execution ended, or what stopped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All is done; what `run` returned.
    Done(RunResult),
    /// The guest trapped, or was stopped.
    Guest(GuestFailure),
    /// A handler returned a failure.
    Handler(HandlerFailure),
}

impl From<GuestFailure> for End {
    fn from(failure: GuestFailure) -> Self {
        Self::Guest(failure)
    }
}

/// One execution under way.
#[derive(Debug)]
pub struct Drive {
    /// The execution as the guest shares it.
    pub session: Session,
    /// Everything recorded.
    pub journal: Vec<EntryRecord>,
    /// What was sent, in order: `01 action POST bank/out`.
    pub sent: Vec<String>,
    script: Script,
    open: Vec<Open>,
    /// The instance that ran `run`, for the first closure.
    kept: Option<Guest>,
}

impl Drive {
    /// An execution by the rules of those that have none: lenient.
    #[must_use]
    pub fn begin(gid: &str, input: &str, script: impl Into<Script>) -> Self {
        let rules = Rules::before_there_were_any(OnTrap::Quarantine);
        Self::of(execution(rules, gid, input.as_bytes()), script)
    }

    /// An execution that was just admitted.
    #[must_use]
    pub fn of(execution: Execution, script: impl Into<Script>) -> Self {
        Self::new(execution, Vec::new(), script.into())
    }

    /// An execution that goes on from its journal.
    ///
    /// # Panics
    /// If the journal is damaged.
    #[must_use]
    pub fn resume(journal: &[EntryRecord], script: impl Into<Script>) -> Self {
        Self::new(load(journal), journal.to_vec(), script.into())
    }

    fn new(execution: Execution, journal: Vec<EntryRecord>, script: Script) -> Self {
        let session = Session::new(execution);
        Self { session, journal, sent: Vec::new(), script, open: Vec::new(), kept: None }
    }

    /// From here to the end of everything.
    pub async fn finish(&mut self, program: &Program) -> End {
        loop {
            self.collect();
            let done = match self.session.with(|e| e.step()) {
                Step::Confirm(_) | Step::Steer(_) => unreachable!("no message is prepared here"),
                Step::Run => self.run(program).await.map(drop).map_err(End::Guest),
                Step::PhaseTwo { .. } | Step::Close if self.run_is_unsettled() => {
                    self.settle_run();
                    Ok(())
                }
                Step::PhaseTwo { index, registration } | Step::Finish { index, registration } => {
                    self.perform(program, index, registration).await
                }
                Step::Close => {
                    self.session.with(Execution::close);
                    Ok(())
                }
                Step::Done => {
                    let result = self.session.with(|e| e.result().cloned());
                    return End::Done(result.expect("what is done has returned"));
                }
            };
            if let Err(end) = done {
                self.collect();
                return end;
            }
        }
    }

    /// `run` on a fresh instance.
    ///
    /// # Errors
    /// The guest trapped, or was stopped.
    pub async fn run(&mut self, program: &Program) -> Result<RunResult, GuestFailure> {
        let mut guest = self.place(program, None).await?;
        let input = self.session.with(|e| e.input().to_vec());
        let result = self.drive(guest.run(&input)).await?;
        self.session.with(|e| e.returned(result.clone()))?;
        self.kept = self.session.with(|e| e.has_closures()).then_some(guest);
        self.collect();
        Ok(result)
    }

    /// Whether `run` has left calls open.
    fn run_is_unsettled(&self) -> bool {
        self.session.with(|e| e.has_in_flight() && !e.unanswered(None).is_empty())
    }

    /// A commit needs the ends of calls left open, a rollback gives them up.
    fn settle_run(&mut self) {
        self.open.clear();
        if self.session.with(|e| e.phase()) == Phase::RollingBack {
            self.session.with(Execution::abandon_in_flight);
        } else {
            self.answer_all(None);
        }
    }

    /// The results of everything that `scope` has asked for, also where its guest did not wait for them.
    fn answer_all(&mut self, scope: Scope) {
        for send in self.session.with(|e| e.unanswered(scope)) {
            self.complete(Open::Call(Box::new(send)));
        }
    }

    async fn perform(&mut self, program: &Program, index: u32, registration: Registration) -> Result<(), End> {
        match registration.undo {
            Undo::Operation { operation, .. } => {
                self.kept = None;
                self.sent.push(format!("{} {} {operation}", registration.branch, registration.op));
                (self.script.answer)(&operation);
            }
            Undo::Handler { ref name, ref payload, .. } => {
                let mut guest = self.handler_guest(program, name, index).await?;
                let (op, branch) = (registration.op, registration.branch.number());
                let returned = self.drive(guest.handle(op, branch, name, payload)).await?;
                returned.map_err(End::Handler)?;
                self.session.with(|e| e.handler_returned()).map_err(GuestFailure::from)?;
                // The next closure gets an instance of its own.
                drop(guest);
                self.session.with(Execution::leave);
                self.open.clear();
                self.answer_all(Some(index));
            }
        }
        self.session.with(|e| e.phase_two_done(index, 1));
        Ok(())
    }

    /// The instance that ran `run` for a closure, a fresh one for a named handler.
    async fn handler_guest(&mut self, program: &Program, name: &str, index: u32) -> Result<Guest, GuestFailure> {
        if !name.starts_with('#') {
            self.kept = None;
            return self.place(program, Some(index)).await;
        }
        let guest = match self.kept.take() {
            Some(guest) => guest,
            None => {
                // The results that `run` saw were handed over; they are in the journal.
                self.session = Session::new(load(&self.journal));
                self.run(program).await?;
                self.kept.take().expect("a closure is registered")
            }
        };
        self.open.clear();
        self.session.with(|e| e.enter(Some(index)));
        Ok(guest)
    }

    /// A fresh instance that has entered `scope`.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn place(&mut self, program: &Program, scope: Scope) -> Result<Guest, GuestFailure> {
        self.open.clear();
        self.session.with(|e| e.enter(scope));
        program.start(self.session.clone()).await
    }

    /// Drives a call of an export to its end; whenever the guest stands still, something it waits for ends.
    ///
    /// # Errors
    /// As the call.
    ///
    /// # Panics
    /// If it waits for nothing.
    pub async fn drive<T>(&mut self, call: impl Future<Output = Result<T, GuestFailure>>) -> Result<T, GuestFailure> {
        let mut call = pin!(call);
        loop {
            let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
            self.collect();
            if let Poll::Ready(ended) = polled {
                return ended;
            }
            if self.session.is_waiting() {
                self.advance();
                self.session.wake();
            } else {
                // It gave others their turn.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes entries and effects.
    pub fn collect(&mut self) {
        let (records, effects) = self.session.with(|e| (e.take_outbox(), e.take_effects()));
        self.journal.extend(records);
        for effect in effects {
            match effect {
                Effect::Send(send) => {
                    self.sent.push(format!("{} {} {}", send.branch, send.op, send.operation));
                    self.open.push(Open::Call(send));
                }
                Effect::Arm { ticket, due } => self.open.push(Open::Timer { ticket, due }),
                Effect::Cancel { ticket: gone, .. } | Effect::Disarm { ticket: gone } => {
                    self.open.retain(|open| match open {
                        Open::Call(send) => send.ticket != gone,
                        Open::Timer { ticket, .. } => *ticket != gone,
                    });
                }
            }
        }
    }

    fn advance(&mut self) {
        assert!(!self.open.is_empty(), "the guest waits for nothing");
        for _ in 0..self.script.at_once.min(self.open.len()) {
            let next = (self.script.next)(&self.open);
            let open = self.open.remove(next);
            self.complete(open);
        }
    }

    /// Reports a result. The time follows from the length of the journal, so that every replay tells the same.
    fn complete(&mut self, open: Open) {
        let answer = &self.script.answer;
        self.session.with(|execution| {
            execution.tick(START.plus_ms(u64::from(execution.next_seq().0) * 10));
            match open {
                Open::Call(send) => {
                    let result = answer(&send.operation);
                    let attempts = attempts_of(&result);
                    assert!(execution.completed(send.scope, send.ticket, result, attempts), "{send:?}");
                }
                Open::Timer { ticket, due } => {
                    execution.tick(due);
                    assert!(execution.timer_fired(ticket), "timer {ticket}");
                }
            }
        });
        self.collect();
    }
}

fn load(journal: &[EntryRecord]) -> Execution {
    Execution::load(journal.to_vec(), GuestLimits::default()).expect("the journal is whole")
}

fn attempts_of(result: &CallResult) -> u32 {
    match result {
        CallResult::Exhausted { attempts, .. } | CallResult::Deadline { attempts, .. } => *attempts,
        CallResult::Success { .. }
        | CallResult::Failure { .. }
        | CallResult::Canceled
        | CallResult::Invalid(_)
        | CallResult::Response { .. } => 1,
    }
}
