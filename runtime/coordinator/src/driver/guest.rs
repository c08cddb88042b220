//! Guests of an execution: started, driven, dropped while they wait, judged when they trap.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use reprise_engine::{Execution, Gid, GuestError, OnTrap, RunResult, Scope};
use reprise_host::{Guest, GuestFailure, Program, Session};
use reprise_store::StoreError;
use tokio::time::Instant;

use super::{Driver, End, Happened};

/// Pause before a guest that trapped is run again, and before the store is read again.
const PAUSE: Duration = Duration::from_millis(100);

/// How driving a guest ended.
pub(super) enum Driven<T> {
    /// The export returned or failed.
    Ended(Result<T, GuestFailure>),
    /// It has waited so long that its instance is given up.
    Idle,
    /// The deadline of the execution has passed.
    Late,
}

impl Driver {
    /// Reads the journal again and begins with a fresh execution. Everything recorded must be durable.
    pub(super) async fn load(&mut self) -> Result<(), End> {
        let key = self.key.expect("an execution that is loaded is in the store");
        let records = loop {
            match self.shared.whole_journal(key).await {
                Ok(records) => break records,
                Err(StoreError::Damaged(text)) => {
                    return Err(self.quarantine_row("journal", &text).await);
                }
                Err(error) => {
                    tracing::error!(gid = %self.gid, %error, "the journal can't be read; trying again");
                    tokio::select! {
                        () = self.shared.stop.cancelled() => return Err(End::Stopped),
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            }
        };
        match Execution::load(records, self.shared.config.limits) {
            Ok(execution) if *execution.gid() == self.gid => {
                let waits = execution.unconfirmed().is_some();
                self.row = Some((execution.phase(), reprise_store::Activity::Active, execution.digest(), waits));
                self.deadline = execution.rules().deadline;
                let session = Session::new(execution);
                session.hush(self.shown);
                self.session = Some(session);
                self.timers.clear();
                // Its instance talks to the session before.
                self.kept = None;
                Ok(())
            }
            Ok(execution) => {
                let text = format!("the journal is of `{}`", execution.gid());
                Err(self.quarantine_row("journal", &text).await)
            }
            Err(error) if error.is_newer() => Err(self.leave_to_newer(&error.to_string()).await),
            Err(error) => Err(self.quarantine_row("journal", &error.to_string()).await),
        }
    }

    /// The program to run: the one of a fixed deployment, or the pinned one.
    async fn program(&mut self) -> Result<Arc<Program>, End> {
        let digest = self.upgrade.unwrap_or_else(|| self.with(|execution| execution.digest()));
        if let Some(program) = &self.program
            && program.digest() == digest
        {
            return Ok(program.clone());
        }
        match self.shared.program(digest).await {
            Ok(program) => {
                self.program = Some(program.clone());
                Ok(program)
            }
            Err(error) => Err(self.quarantine("component", &error, None).await),
        }
    }

    /// A fresh instance that has entered `scope`.
    pub(super) async fn place(&mut self, scope: Scope) -> Result<Guest, End> {
        let program = self.program().await?;
        loop {
            let room = tokio::select! {
                room = program.room() => room,
                () = self.shared.stop.cancelled() => return Err(self.stopped().await),
            };
            if let Some(digest) = self.upgrade {
                self.with(|execution| execution.upgrade(digest));
            }
            self.timers.clear();
            self.with(|execution| execution.enter(scope));
            match program.start(self.session().clone(), room).await {
                Ok(guest) => return Ok(guest),
                Err(GuestFailure::NoInstance) => tokio::time::sleep(PAUSE).await,
                Err(failure) => {
                    let Explained { reason, message, backtrace, .. } = explain(failure);
                    return Err(self.quarantine(reason, &message, backtrace).await);
                }
            }
        }
    }

    /// Drives a call of an export, and everything it asks for, until it ends or has waited long.
    pub(super) async fn drive_guest<T>(
        &mut self,
        export: impl Future<Output = Result<T, GuestFailure>>,
    ) -> Result<Driven<T>, End> {
        self.has_guest = true;
        self.idle_at = Instant::now() + self.shared.config.idle;
        let driven = self.drive_until_ended(export).await;
        self.has_guest = false;
        driven
    }

    async fn drive_until_ended<T>(
        &mut self,
        export: impl Future<Output = Result<T, GuestFailure>>,
    ) -> Result<Driven<T>, End> {
        let mut export = pin!(export);
        // How often it gave way while it computed: once is a guest that was just started on a busy machine, and what it
        // will still record shares the write; more often is a long computation, and what it has left must not wait.
        let mut yields = 0_u32;
        loop {
            let (session, creating) = (self.session().clone(), self.is_creating());
            // Ends when the guest does, or when it stands still and has left something to do.
            let progress = poll_fn(|context| match export.as_mut().poll(context) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending => {
                    let waits = session.is_waiting();
                    yields = if waits { 0 } else { yields + 1 };
                    let flushes =
                        !creating && (waits || yields > 1) && session.with(|execution| execution.has_output());
                    if flushes { Poll::Ready(None) } else { Poll::Pending }
                }
            });
            let happened = tokio::select! {
                biased;
                ended = progress => match ended {
                    Some(ended) => return Ok(Driven::Ended(ended)),
                    None => {
                        self.flush().await;
                        continue;
                    }
                },
                happened = self.next() => happened,
            };
            match happened {
                Happened::Stop => return Err(self.stopped().await),
                Happened::Deadline => return Ok(Driven::Late),
                Happened::Idle => {
                    if self.is_idle().await? {
                        return Ok(Driven::Idle);
                    }
                }
                Happened::Written(..) | Happened::Done(_) | Happened::TimerDue(_) | Happened::Command(_) => {
                    self.react(happened)?;
                }
            }
        }
    }

    /// `run`, from the start, until it returned.
    pub(super) async fn run(&mut self) -> Result<(), End> {
        let mut trials = Trials::default();
        loop {
            let mut guest = self.place(None).await?;
            let input = self.with(|execution| execution.input().to_vec());
            let failure = match self.drive_guest(guest.run(&input)).await? {
                Driven::Idle => {
                    drop(guest);
                    self.wait_for_news().await?;
                    continue;
                }
                Driven::Late => {
                    drop(guest);
                    return self.late().await;
                }
                Driven::Ended(Ok(result)) => match self.returned(result) {
                    Ok(()) => {
                        self.kept = self.needs_instance().then_some(guest);
                        self.upgrade = None;
                        self.timers.clear();
                        self.flush().await;
                        return Ok(());
                    }
                    Err(error) => GuestFailure::Stopped(error),
                },
                Driven::Ended(Err(failure)) => failure,
            };
            drop(guest);
            self.judge(failure, &mut trials).await?;
            if self.with(|execution| execution.phase()) != reprise_engine::Phase::Running {
                return Ok(());
            }
        }
    }

    fn returned(&mut self, result: RunResult) -> Result<(), GuestError> {
        self.with(|execution| execution.returned(result))
    }

    /// Whether a closure of this instance is registered.
    fn needs_instance(&self) -> bool {
        self.with(|execution| execution.has_closures())
    }

    /// A guest failed: run it again, roll back, or quarantine.
    pub(super) async fn judge(&mut self, failure: GuestFailure, trials: &mut Trials) -> Result<(), End> {
        let diverged = matches!(failure, GuestFailure::Stopped(GuestError::Diverged(_)));
        let final_ = matches!(failure, GuestFailure::Stopped(_) | GuestFailure::MissingHandle);
        let trapped = matches!(failure, GuestFailure::Trap { .. });
        let why = explain(failure);
        trials.log(&self.gid, &why);
        // Results that came in meanwhile stay.
        self.stop_calls().await?;
        self.settle().await?;
        let Explained { reason, message, backtrace, .. } = why;
        if !final_ && trials.failed <= self.shared.config.trap_retries {
            tokio::time::sleep(PAUSE * trials.failed).await;
            if trapped {
                self.shown = self.with(|execution| execution.next_seq());
            }
            return self.load().await;
        }
        let rolls_back = self.with(|execution| execution.rules().on_trap) == OnTrap::Rollback && !diverged;
        if rolls_back && self.fail(format!("{reason}: {message}")).await? {
            return Ok(());
        }
        tracing::error!(gid = %self.gid, reason, "quarantined");
        Err(self.put_in_quarantine(reason, &message, backtrace).await)
    }

    /// The deadline has passed while `run` goes on: the decision is taken for it.
    async fn late(&mut self) -> Result<(), End> {
        // Attempts under way end first: their results stay, and one of them may be a pivot's.
        self.stop_calls().await?;
        self.settle().await?;
        let text = "the execution did not end within its timeout and is rolled back";
        if !self.fail(text.into()).await? {
            return self.load().await;
        }
        Ok(())
    }

    /// Rolls back without the guest, if it still can; phase two then begins from the journal, as the guest's state and
    /// its journal part ways here.
    pub(super) async fn fail(&mut self, message: String) -> Result<bool, End> {
        if !self.with(|execution| execution.fail_run(message)) {
            return Ok(false);
        }
        self.with(Execution::leave);
        self.settle().await?;
        self.load().await.map(|()| true)
    }
}

/// How often a guest failed in a row, and how the last time.
#[derive(Debug, Default)]
pub(super) struct Trials {
    pub(super) failed: u32,
    last: Option<(String, Option<String>)>,
}

impl Trials {
    /// So many have failed before.
    pub(super) const fn after(failed: u32) -> Self {
        Self { failed, last: None }
    }

    /// Says once why it failed.
    fn log(&mut self, gid: &Gid, why: &Explained) {
        self.failed += 1;
        let (traps, reason) = (self.failed, why.reason);
        let how = Some((why.message.clone(), why.backtrace.clone()));
        if self.last == how {
            tracing::warn!(%gid, reason, traps, "the guest failed again in the same way");
            return;
        }
        self.last = how;
        let message = &why.unsaid;
        match &why.backtrace {
            Some(backtrace) => tracing::warn!(%gid, reason, traps, "the guest failed: {message}\n{backtrace}"),
            None => tracing::warn!(%gid, reason, traps, "the guest failed: {message}"),
        }
    }
}

/// A failure in words.
struct Explained {
    reason: &'static str,
    message: String,
    /// What of the message the log does not have.
    unsaid: String,
    backtrace: Option<String>,
}

fn explain(failure: GuestFailure) -> Explained {
    let reason = match &failure {
        GuestFailure::Stopped(GuestError::Diverged(_)) => "diverged",
        GuestFailure::Stopped(GuestError::Misuse(_)) | GuestFailure::MissingHandle => "misuse",
        GuestFailure::Stopped(GuestError::Limit(_)) => "limit",
        GuestFailure::Trap { .. } => "trap",
        GuestFailure::OutOfFuel { .. } => "fuel",
        GuestFailure::OutOfMemory { .. } => "memory",
        GuestFailure::NoInstance => "instances",
    };
    let text = failure.to_string();
    let (message, unsaid, backtrace) = match failure {
        GuestFailure::Trap { message, unsaid, backtrace } => (message, unsaid, backtrace),
        GuestFailure::Stopped(_)
        | GuestFailure::MissingHandle
        | GuestFailure::OutOfFuel { .. }
        | GuestFailure::OutOfMemory { .. }
        | GuestFailure::NoInstance => (text.clone(), text, None),
    };
    Explained { reason, message, unsaid, backtrace }
}
