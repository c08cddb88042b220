//! The driver: the one task that owns an execution while it is in memory.
//!
//! It runs the guest as far as it can, makes what it recorded durable, then performs what that allows, and reports
//! each result back. What is next is the engine's word ([`Step`]); the driver only performs it. The rooms: `guest`
//! (instances, traps), `outside` (what waits for a word from outside, and words), `phase_two`, `park` (waiting, parking,
//! quarantine), here the event loop they share.

mod guest;
mod outside;
mod park;
mod phase_two;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use reprise_engine::{Digest, Effect, Execution, Gid, Op, Phase, Send, Seq, Step, Ticket, Timestamp};
use reprise_host::{Guest, Program, Session};
use reprise_store::{Activity, ExecutionKey, ExecutionRow, NewExecution, Progress, Write, Written};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::calls::{self, Caller, Done, Job, Slot};
use crate::clock::{instant_of, now};
use crate::command::{Command, Told};
use crate::coordinator::{Admission, Live, Shared};
use crate::journal_writer::{Patience, Pending};
use crate::note::{Note, WaitingCall};
use crate::status::Status;
use outside::Awaited;

/// Where an execution comes from.
pub(crate) enum Origin {
    /// A trigger; nothing is durable yet.
    Trigger { execution: Box<Execution>, program: Option<Arc<Program>> },
    /// The store.
    Store { key: ExecutionKey, note: Option<Note>, upgrade: Option<Digest> },
}

/// Why a driver lets go of its execution.
#[derive(Debug)]
enum End {
    /// Nothing is left to do.
    Finished,
    /// It waits in the store until this time.
    Parked(Timestamp),
    /// It waits in the store for a fixed component or an operator.
    Quarantined,
    /// It was not admitted.
    NotAdmitted,
    /// An operator ended it.
    Forced,
    /// Somebody else wrote its journal.
    Fenced,
    /// The process stops; the next start goes on.
    Stopped,
}

/// Something happened while waiting.
enum Happened {
    Written(Option<Written>, Option<String>),
    Done(Done),
    TimerDue(Ticket),
    Command(Command),
    /// The deadline of the whole execution.
    Deadline,
    Stop,
    Idle,
}

/// A write on its way, and what may be done once it is durable.
struct Commit {
    pending: Pending,
    then: Vec<Send>,
    answers: Vec<(oneshot::Sender<Told>, Told)>,
    entries: Seq,
    phase: Phase,
}

pub(crate) struct Driver {
    shared: Arc<Shared>,
    gid: Gid,
    live: Arc<Live>,
    origin: Option<Origin>,
    session: Option<Session>,
    key: Option<ExecutionKey>,
    program: Option<Arc<Program>>,
    upgrade: Option<Digest>,
    /// The instance that ran `run`, kept where a closure of it is registered.
    kept: Option<Guest>,
    calls: FuturesUnordered<BoxFuture<'static, Done>>,
    stops: HashMap<Slot, CancellationToken>,
    commands: mpsc::Receiver<Command>,
    /// Answers to commands, given when what they changed is durable.
    answers: Vec<(oneshot::Sender<Told>, Told)>,
    /// Why who should say a word can't be asked for it.
    unanswerable: Option<String>,
    /// When `run` must have returned.
    deadline: Option<Timestamp>,
    timers: BTreeSet<(Timestamp, Ticket)>,
    commits: VecDeque<Commit>,
    /// Phase, activity and component of the row, and whether it waits for a sender, as last written.
    row: Option<(Phase, Activity, Digest, bool)>,
    /// When that was.
    row_at: Timestamp,
    /// What a guest says is not shown again before the journal is longer than this: one that trapped has said it.
    shown: Seq,
    /// Whether a guest is being driven.
    has_guest: bool,
    resume: HashMap<String, WaitingCall>,
    idle_at: Instant,
    /// Rings at `idle_at` or before it.
    idle: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        gid: Gid,
        live: Arc<Live>,
        commands: mpsc::Receiver<Command>,
        origin: Origin,
    ) -> Self {
        let idle_at = Instant::now() + shared.config.idle;
        let (idle, stopping) = (Box::pin(sleep_until(idle_at)), Box::pin(shared.stop.clone().cancelled_owned()));
        Self {
            shared,
            gid,
            live,
            origin: Some(origin),
            session: None,
            key: None,
            program: None,
            upgrade: None,
            kept: None,
            calls: FuturesUnordered::new(),
            stops: HashMap::new(),
            commands,
            answers: Vec::new(),
            unanswerable: None,
            deadline: None,
            timers: BTreeSet::new(),
            commits: VecDeque::new(),
            row: None,
            row_at: Timestamp(0),
            shown: Seq(0),
            has_guest: false,
            resume: HashMap::new(),
            idle_at,
            idle,
            stopping,
        }
    }

    pub(crate) const fn gid(&self) -> &Gid {
        &self.gid
    }

    pub(crate) const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Owns the execution until it is finished, parked, quarantined, the process stops or another node takes over.
    pub(crate) async fn drive(mut self) {
        let lease = self.shared.lease.clone();
        let end = tokio::select! {
            end = self.drive_to_end() => end,
            () = lease.fenced() => End::Stopped,
        };
        tracing::debug!(gid = %self.gid, ?end, "execution leaves memory");
        let wake_at = match end {
            End::Parked(due) => Some(due),
            End::Fenced => {
                tracing::error!(gid = %self.gid, "somebody else writes this journal; this process lets go of it");
                None
            }
            End::Finished | End::Forced | End::Quarantined | End::NotAdmitted | End::Stopped => None,
        };
        self.shared.left(&self.gid, &self.live, wake_at);
        // Nobody may wait for an admission that will not come.
        self.live.admission.send_if_modified(|admission| {
            let pending = matches!(admission, Admission::Pending);
            if pending {
                let why = if lease.is_fenced() { "was fenced" } else { "stopped" };
                *admission = Admission::Refused(format!("the node {why} before the execution was durable"));
            }
            pending
        });
    }

    async fn drive_to_end(&mut self) -> End {
        if let Err(end) = self.begin().await {
            return end;
        }
        loop {
            match self.advance().await {
                Ok(()) => {}
                Err(End::Forced) => return self.forced().await,
                Err(end) => return end,
            }
        }
    }

    async fn begin(&mut self) -> Result<(), End> {
        match self.origin.take() {
            Some(Origin::Trigger { execution, program }) => {
                self.deadline = execution.rules().deadline;
                self.session = Some(Session::new(*execution));
                self.program = program;
                Ok(())
            }
            Some(Origin::Store { key, note, upgrade }) => {
                self.key = Some(key);
                self.upgrade = upgrade;
                let mut due = None;
                match note {
                    Some(Note::Waiting { calls }) => {
                        self.resume = calls.into_iter().map(|call| (call.slot.clone(), call)).collect();
                    }
                    Some(Note::Steered { due: left, .. }) => due = Some(left),
                    Some(Note::Prepared { .. } | Note::Newer { .. } | Note::Quarantined { .. }) | None => {}
                }
                self.load().await?;
                // What the journal says of it holds for the first time only.
                if let Some(due) = due.filter(|_| self.with(|execution| execution.steering().is_some())) {
                    self.wait_until(due);
                }
                Ok(())
            }
            None => unreachable!("a driver begins once"),
        }
    }

    /// One step of the execution, as the engine wants it.
    async fn advance(&mut self) -> Result<(), End> {
        self.listen()?;
        match self.with(|execution| execution.step()) {
            Step::Confirm(query_back) => self.await_word(Awaited::Sender(query_back)).await,
            Step::Steer(steering) => self.await_word(Awaited::Steering(steering)).await,
            Step::Run => self.run().await,
            Step::PhaseTwo { .. } => self.phase_two().await,
            Step::Close => self.close().await,
            Step::Finish { index, registration } => self.finish(index, registration).await,
            Step::Done => {
                self.settle().await?;
                Err(End::Finished)
            }
        }
    }

    fn session(&self) -> &Session {
        self.session.as_ref().expect("`begin` made it")
    }

    fn with<R>(&self, f: impl FnOnce(&mut Execution) -> R) -> R {
        self.session().with(|execution| {
            execution.tick(now());
            f(execution)
        })
    }

    /// Whether the execution is on its way into the store, so that nothing more can be appended yet.
    fn is_creating(&self) -> bool {
        self.key.is_none() && !self.commits.is_empty()
    }

    /// Sends what was recorded to the writer, and what may be done to those who do it.
    async fn flush(&mut self) {
        if self.is_creating() {
            return;
        }
        let (records, effects, done, phase, entries) =
            self.with(|e| (e.take_outbox(), e.take_effects(), e.is_done(), e.phase(), e.next_seq()));
        let mut sends = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(send) => sends.push(*send),
                Effect::Arm { ticket, due } => {
                    self.timers.insert((due, ticket));
                }
                Effect::Disarm { ticket } => self.timers.retain(|(_, armed)| *armed != ticket),
                Effect::Cancel { scope, ticket } => self.stop_call(Slot::Call(scope, ticket)),
            }
        }
        let activity = if done { Activity::Finished } else { Activity::Active };
        let note = self.word_note();
        let row = (phase, activity, self.with(|execution| execution.digest()), note.is_some());
        let progress = (self.row != Some(row)).then(|| self.progress(activity, None, note.as_ref()));
        let answers = std::mem::take(&mut self.answers);
        if records.is_empty() && (progress.is_none() || self.row.is_none()) {
            self.start_or_queue(sends);
            self.answer_or_queue(answers);
            return;
        }
        self.row = Some(row);
        self.row_at = progress.as_ref().map_or(self.row_at, |progress| progress.updated_at);
        let (write, patience) = match self.key {
            Some(key) => (Write::Append { key, entries: records, progress }, Patience::Wait),
            None => {
                let progress = progress.expect("a new execution has no row yet");
                (Write::Create { execution: self.new_execution(), entries: records, progress }, Patience::Refuse)
            }
        };
        let pending = self.shared.writer.write(write, patience).await;
        self.commits.push_back(Commit { pending, then: sends, answers, entries, phase });
    }

    fn new_execution(&self) -> NewExecution {
        NewExecution {
            gid: self.gid.clone(),
            workflow: self.live.workflow.clone(),
            input_hash: self.live.input_hash,
            created_at: self.with(|execution| execution.started_at()),
        }
    }

    fn progress(&self, activity: Activity, wake_at: Option<Timestamp>, note: Option<&Note>) -> Progress {
        self.with(|execution| Progress {
            phase: execution.phase(),
            digest: execution.digest(),
            activity,
            wake_at,
            note: note.map(Note::to_json),
            result: execution.result().map(reprise_engine::RunResult::to_bytes),
            updated_at: now(),
        })
    }

    /// What those are told who wait for the end.
    fn status(&self) -> Status {
        let (activity, progress) =
            (self.row.map_or(Activity::Active, |row| row.1), self.progress(Activity::Active, None, None));
        self.status_of(Progress { activity, updated_at: self.row_at, ..progress })
    }

    fn status_of(&self, progress: Progress) -> Status {
        let key = self.key.unwrap_or(ExecutionKey(0));
        let row = ExecutionRow { key, execution: self.new_execution(), progress, elsewhere: false };
        Status::of(row, self.live.board.states())
    }

    /// Starts calls, after every write that is on its way.
    fn start_or_queue(&mut self, sends: Vec<Send>) {
        match self.commits.back_mut() {
            Some(commit) => commit.then.extend(sends),
            None => sends.into_iter().for_each(|send| self.send(send)),
        }
    }

    /// Answers commands, after every write that is on its way.
    fn answer_or_queue(&mut self, answers: Vec<(oneshot::Sender<Told>, Told)>) {
        match self.commits.back_mut() {
            Some(commit) => commit.answers.extend(answers),
            None => give(answers),
        }
    }

    fn send(&mut self, send: Send) {
        let slot = Slot::Call(send.scope, send.ticket);
        self.start(slot, send);
    }

    /// Starts a call; `slot` says who is told its result.
    fn start(&mut self, slot: Slot, send: Send) {
        let Send { branch, op, operation, options, pursuit, since, again, .. } = send;
        if self.stops.contains_key(&slot) {
            // A replay asks again for what is under way.
            return;
        }
        let stop = CancellationToken::new();
        self.stops.insert(slot, stop.clone());
        let ended = (op == Op::Finish).then(|| self.with(|execution| execution.phase().name()));
        let resume = self.resume.remove(&slot.to_string());
        let gid = self.gid.clone();
        let stuck_attempts = self.shared.config.stuck_attempts;
        let job =
            Job { slot, gid, branch, op, operation, options, pursuit, since, again, ended, resume, stuck_attempts };
        let (shared, live) = (self.shared.clone(), self.live.clone());
        self.calls.push(Box::pin(async move {
            let caller = Caller { outbound: &shared.outbound, lease: &shared.lease, board: &live.board };
            calls::perform(caller, job, stop).await
        }));
    }

    fn stop_call(&mut self, slot: Slot) {
        if let Some(stop) = self.stops.get(&slot) {
            stop.cancel();
        }
        for commit in &mut self.commits {
            commit.then.retain(|send| Slot::Call(send.scope, send.ticket) != slot);
        }
    }

    /// The deadline of the execution, as long as it can be kept to.
    fn open_deadline(&self) -> Option<Timestamp> {
        self.deadline.filter(|_| self.with(|execution| execution.can_fail()))
    }

    /// Waits for the next thing to happen.
    async fn next(&mut self) -> Happened {
        let timer = self.timers.first().copied();
        let deadline = self.open_deadline();
        tokio::select! {
            biased;
            written = acknowledged(&mut self.commits), if !self.commits.is_empty() => written,
            Some(done) = self.calls.next() => Happened::Done(done),
            ticket = due(timer) => Happened::TimerDue(ticket),
            () = calls::passes(deadline) => Happened::Deadline,
            Some(command) = self.commands.recv() => Happened::Command(command),
            () = self.stopping.as_mut() => Happened::Stop,
            () = rings(&mut self.idle, self.idle_at) => Happened::Idle,
        }
    }

    /// Takes in what happened. True if the guest may have something new to see.
    fn react(&mut self, happened: Happened) -> Result<bool, End> {
        self.idle_at = Instant::now() + self.shared.config.idle;
        match happened {
            Happened::Written(written, error) => self.written(written, error).map(|()| false),
            Happened::Done(done) => {
                self.stops.remove(&done.slot);
                let Some(result) = done.result else {
                    self.resume.extend(done.waiting.map(|waiting| (waiting.slot.clone(), waiting)));
                    return Ok(false);
                };
                match done.slot {
                    Slot::Call(scope, ticket) => {
                        let news = self.with(|e| e.completed(scope, ticket, result, done.attempts));
                        self.session().wake();
                        Ok(news)
                    }
                    Slot::Registration(index) => {
                        self.with(|e| e.phase_two_done(index, done.attempts));
                        Ok(false)
                    }
                    Slot::QueryBack => {
                        self.asked(&result);
                        Ok(false)
                    }
                }
            }
            Happened::TimerDue(ticket) => {
                self.timers.retain(|(_, armed)| *armed != ticket);
                let news = self.with(|e| e.timer_fired(ticket));
                self.session().wake();
                Ok(news)
            }
            Happened::Command(command) => self.command(command).map(|()| false),
            Happened::Deadline | Happened::Stop | Happened::Idle => Ok(false),
        }
    }

    fn written(&mut self, written: Option<Written>, error: Option<String>) -> Result<(), End> {
        let commit = self.commits.pop_front().expect("the answer belongs to the oldest write");
        match written {
            Some(Written::Created(key)) => {
                self.key = Some(key);
                self.live.admission.send_replace(Admission::Admitted);
            }
            Some(Written::Appended) => {}
            Some(Written::Exists) => {
                // Leave memory first: who looks again must find the store's answer.
                self.shared.left(&self.gid, &self.live, None);
                self.live.admission.send_replace(Admission::Exists);
                return Err(End::NotAdmitted);
            }
            Some(Written::Conflict) => return Err(End::Fenced),
            None => {
                let Some(error) = error else { return Err(End::Stopped) };
                self.shared.left(&self.gid, &self.live, None);
                self.live.admission.send_replace(Admission::Refused(error));
                return Err(End::NotAdmitted);
            }
        }
        self.shared.events.appended(&self.gid, commit.entries, commit.phase);
        if commit.phase.is_closed() {
            self.shared.events.closed(&self.gid, || self.status());
        }
        give(commit.answers);
        if !self.shared.stop.is_cancelled() {
            commit.then.into_iter().for_each(|send| self.send(send));
        }
        Ok(())
    }

    /// Makes everything recorded durable.
    async fn settle(&mut self) -> Result<(), End> {
        loop {
            self.flush().await;
            if self.commits.is_empty() {
                return Ok(());
            }
            while !self.commits.is_empty() {
                let written = acknowledged(&mut self.commits).await;
                self.react(written)?;
            }
        }
    }
}

/// Returns when the timer is due; never if there is none.
async fn due(timer: Option<(Timestamp, Ticket)>) -> Ticket {
    match timer {
        Some((due, ticket)) => {
            sleep_until(instant_of(due)).await;
            ticket
        }
        None => pending().await,
    }
}

/// Returns once `at` has come. The timer is set anew only when it rings too early: it is put off far more often than it
/// comes to its end.
async fn rings(timer: &mut Pin<Box<Sleep>>, at: Instant) {
    if timer.deadline() > at {
        timer.as_mut().reset(at);
    }
    loop {
        timer.as_mut().await;
        if timer.deadline() >= at {
            return;
        }
        timer.as_mut().reset(at);
    }
}

fn give(answers: Vec<(oneshot::Sender<Told>, Told)>) {
    for (reply, told) in answers {
        // Who asked may have gone.
        let _ = reply.send(told);
    }
}

/// The answer to the oldest write on its way; there must be one.
async fn acknowledged(commits: &mut VecDeque<Commit>) -> Happened {
    let commit = commits.front_mut().expect("a write is on its way");
    match (&mut commit.pending).await {
        Ok(Ok(written)) => Happened::Written(Some(written), None),
        Ok(Err(error)) => Happened::Written(None, Some(error.to_string())),
        Err(_) => Happened::Written(None, None),
    }
}
