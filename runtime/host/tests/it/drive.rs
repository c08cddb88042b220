//! A driver of one execution: answers what it asks, one result at a time, and keeps its journal.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};

use reprise_engine::{
    CallResult, Digest, Effect, EntryRecord, Execution, GuestError, GuestLimits, OnTrap, Op, Operation, Phase,
    Registration, Rules, RunResult, Scope, Send, Step, Ticket, Timestamp, Undo,
};
use reprise_host::{Guest, GuestFailure, Program, Session};

pub(crate) const START: Timestamp = Timestamp(1_700_000_000_123);

/// How a participant answers.
pub(crate) type Answer = fn(&Operation) -> CallResult;

pub(crate) fn ok(_: &Operation) -> CallResult {
    CallResult::Success { status: 200, body: b"{}".to_vec() }
}

pub(crate) fn refuse_in(operation: &Operation) -> CallResult {
    match operation {
        Operation::Http { target, .. } if target == "bank/in" => {
            CallResult::Failure { status: 409, body: b"no such account".to_vec() }
        }
        Operation::Http { .. }
        | Operation::Grpc { .. }
        | Operation::Sql(_)
        | Operation::Xa(_)
        | Operation::XaFinish { .. }
        | Operation::Request { .. } => ok(operation),
    }
}

/// Whether a timer is always faster than the answer.
fn is_slow(operation: &Operation) -> bool {
    matches!(operation, Operation::Request { url, .. } if url.ends_with("/slow"))
}

pub(crate) fn execution(gid: &str, input: &str) -> Execution {
    execution_by(Rules::before_there_were_any(OnTrap::Quarantine), gid, input)
}

/// As its trigger and the configuration had it.
pub(crate) fn execution_by(rules: Rules, gid: &str, input: &str) -> Execution {
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

/// What is open: sends and timers, in the order they were asked.
enum Open {
    Send(Box<Send>),
    Timer { ticket: Ticket, due: Timestamp },
}

/// Whether a waker was called.
#[derive(Default)]
struct Turn(AtomicBool);

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(crate) struct Drive {
    pub(crate) session: Session,
    pub(crate) journal: Vec<EntryRecord>,
    pub(crate) sent: Vec<String>,
    answer: Answer,
    open: Vec<Open>,
}

impl Drive {
    pub(crate) fn begin(gid: &str, input: &str, answer: Answer) -> Self {
        Self::of(execution(gid, input), answer)
    }

    pub(crate) fn of(execution: Execution, answer: Answer) -> Self {
        Self::new(execution, Vec::new(), answer)
    }

    pub(crate) fn resume(journal: &[EntryRecord], answer: Answer) -> Self {
        let execution = Execution::load(journal.to_vec(), GuestLimits::default()).expect("the journal is whole");
        Self::new(execution, journal.to_vec(), answer)
    }

    fn new(execution: Execution, journal: Vec<EntryRecord>, answer: Answer) -> Self {
        Self { session: Session::new(execution), journal, sent: Vec::new(), answer, open: Vec::new() }
    }

    /// From here to the end of everything; what `run` returned.
    pub(crate) async fn finish(&mut self, program: &Program) -> Result<Option<RunResult>, GuestFailure> {
        loop {
            match self.session.with(|e| e.step()) {
                Step::Confirm(_) => unreachable!("no test here prepares a message"),
                Step::Run => {
                    self.run(program).await?;
                }
                Step::PhaseTwo { index, registration } => self.phase_two(program, index, registration).await?,
                Step::Finish { index, .. } => self.session.with(|e| e.phase_two_done(index, 1)),
                Step::Close => self.session.with(Execution::close),
                Step::Done => break,
            }
            self.collect();
        }
        Ok(self.session.with(|e| e.result().cloned()))
    }

    /// `run` on a fresh instance.
    pub(crate) async fn run(&mut self, program: &Program) -> Result<RunResult, GuestFailure> {
        let mut guest = self.place(program, None).await?;
        let input = self.session.with(|e| e.input().to_vec());
        let result = self.drive(guest.run(&input)).await?;
        self.session.with(|e| e.returned(result.clone()))?;
        self.collect();
        Ok(result)
    }

    async fn phase_two(
        &mut self,
        program: &Program,
        index: u32,
        registration: Registration,
    ) -> Result<(), GuestFailure> {
        match registration.undo {
            Undo::Operation { operation, .. } => {
                self.sent.push(format!("{} {} {operation}", registration.branch, registration.op));
                (self.answer)(&operation);
            }
            Undo::Handler { name, payload, .. } => {
                let mut guest = self.place(program, Some(index)).await?;
                let (op, branch) = (registration.op, registration.branch.number());
                let returned = self.drive(guest.handle(op, branch, &name, &payload)).await?;
                returned.expect("the handlers of this test succeed");
                self.session.with(|e| e.handler_returned())?;
                self.session.with(Execution::leave);
            }
        }
        self.session.with(|e| e.phase_two_done(index, 1));
        Ok(())
    }

    pub(crate) async fn place(&mut self, program: &Program, scope: Scope) -> Result<Guest, GuestFailure> {
        self.open.clear();
        self.session.with(|e| e.enter(scope));
        program.start(self.session.clone()).await
    }

    /// Polls the guest; whenever it stands still, the newest of what it waits for gets its result. A guest that only
    /// gave others their turn does not stand still: its waker was called.
    pub(crate) async fn drive<T>(
        &mut self,
        call: impl Future<Output = Result<T, GuestFailure>>,
    ) -> Result<T, GuestFailure> {
        let mut call = pin!(call);
        let turn = Arc::new(Turn::default());
        let waker = turn.clone().into();
        loop {
            turn.0.store(false, Ordering::SeqCst);
            let polled = call.as_mut().poll(&mut Context::from_waker(&waker));
            self.collect();
            if let Poll::Ready(ended) = polled {
                return ended;
            }
            // Tokio calls the waker of a yield when this task has yielded too.
            tokio::task::yield_now().await;
            if !turn.0.load(Ordering::SeqCst) {
                assert!(self.advance(), "the guest waits for nothing");
            }
        }
    }

    /// Takes entries and effects.
    pub(crate) fn collect(&mut self) {
        let (records, effects) = self.session.with(|e| (e.take_outbox(), e.take_effects()));
        self.journal.extend(records);
        for effect in effects {
            match effect {
                Effect::Send(send) => {
                    self.sent.push(format!("{} {} {}", send.branch, send.op, send.operation));
                    self.open.push(Open::Send(send));
                }
                Effect::Arm { ticket, due, .. } => self.open.push(Open::Timer { ticket, due }),
                Effect::Cancel { ticket: gone, .. } | Effect::Disarm { ticket: gone, .. } => {
                    self.open.retain(|open| match open {
                        Open::Send(send) => send.ticket != gone,
                        Open::Timer { ticket, .. } => *ticket != gone,
                    });
                }
            }
        }
    }

    /// Reports one result; false if nothing is open. The time follows from the length of the journal, so that every replay tells the same.
    fn advance(&mut self) -> bool {
        // Timers come after calls, in the order they are due; slow calls come last.
        let newest = self.open.iter().rposition(|open| matches!(open, Open::Send(send) if !is_slow(&send.operation)));
        let timer = || self.open.iter().position(|open| matches!(open, Open::Timer { .. }));
        let slow = || (!self.open.is_empty()).then_some(0);
        let Some(index) = newest.or_else(timer).or_else(slow) else { return false };
        let (open, answer) = (self.open.remove(index), self.answer);
        self.session.with(|execution| {
            let now = START.plus_ms(u64::from(execution.next_seq().0) * 10);
            execution.tick(now);
            match open {
                Open::Send(send) => {
                    assert!(execution.completed(send.scope, send.ticket, answer(&send.operation), 1));
                }
                Open::Timer { ticket, due } => {
                    execution.tick(due);
                    assert!(execution.timer_fired(ticket));
                }
            }
        });
        self.collect();
        self.session.wake();
        true
    }
}

/// Runs to the end, then again from every prefix of the journal: each must lead to the same journal and result.
pub(crate) async fn run_and_replay(program: &Program, gid: &str, input: &str, answer: Answer) -> Drive {
    run_and_replay_of(program, execution(gid, input), input, answer).await
}

/// The same with an execution of one's own.
pub(crate) async fn run_and_replay_of(program: &Program, execution: Execution, input: &str, answer: Answer) -> Drive {
    let mut live = Drive::of(execution, answer);
    live.collect();
    let result = live.finish(program).await.unwrap_or_else(|e| panic!("{input}: {e}"));
    for length in 1..=live.journal.len() {
        let mut replay = Drive::resume(&live.journal[..length], answer);
        let again = replay.finish(program).await.unwrap_or_else(|e| panic!("{input} from {length}: {e}"));
        assert_eq!(again, result, "{input} from entry {length}");
        assert_eq!(replay.journal, live.journal, "{input} from entry {length}");
    }
    live
}

pub(crate) fn output(drive: &Drive) -> String {
    match drive.session.with(|e| e.result().cloned()) {
        Some(RunResult::Output(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(RunResult::Failure { message, .. }) => format!("failure: {message}"),
        None => "nothing".into(),
    }
}

pub(crate) fn phase(drive: &Drive) -> Phase {
    drive.session.with(|e| e.phase())
}

pub(crate) fn stopped(failure: &GuestFailure) -> Option<&GuestError> {
    match failure {
        GuestFailure::Stopped(error) => Some(error),
        GuestFailure::Trap { .. }
        | GuestFailure::OutOfFuel { .. }
        | GuestFailure::OutOfMemory { .. }
        | GuestFailure::NoInstance
        | GuestFailure::MissingHandle => None,
    }
}

pub(crate) const COMMIT: Op = Op::Commit;
