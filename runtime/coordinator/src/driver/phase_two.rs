//! Phase two: what is registered, performed one by one in reverse order, then the notifications.

use reprise_engine::{BranchOptions, Execution, Phase, Pursuit, Registration, Scope, Send, Step, Ticket, Undo};
use reprise_host::{Guest, GuestFailure};

use super::guest::{Driven, Trials};
use super::{Driver, End, Happened};
use crate::calls::Slot;

impl Driver {
    /// Performs the next registration. Which one that is may depend on results that were still to come, so it is asked
    /// for once they are there.
    pub(super) async fn phase_two(&mut self) -> Result<(), End> {
        self.settle_run().await?;
        match self.with(|execution| execution.step()) {
            Step::PhaseTwo { index, registration } => self.perform(index, registration).await,
            Step::Confirm(_) | Step::Steer(_) | Step::Run | Step::Close | Step::Finish { .. } | Step::Done => Ok(()),
        }
    }

    /// Ends the execution.
    pub(super) async fn close(&mut self) -> Result<(), End> {
        self.settle_run().await?;
        if self.with(|execution| execution.step()) == Step::Close {
            self.with(Execution::close);
        }
        self.settle().await
    }

    /// Delivers the notification at `index`.
    pub(super) async fn finish(&mut self, index: u32, registration: Registration) -> Result<(), End> {
        self.kept = None;
        self.perform(index, registration).await
    }

    async fn perform(&mut self, index: u32, registration: Registration) -> Result<(), End> {
        // What leads here must be durable before anything is sent.
        self.settle().await?;
        match registration.undo {
            Undo::Operation { operation, options } => {
                // An instance is not held while others might use it; a closure replays `run` if it must.
                self.kept = None;
                let options = BranchOptions::from_recorded(&options).unwrap_or_default();
                let since = self.with(|execution| execution.started_at());
                let slot = Slot::Registration(index);
                let Registration { op, branch, .. } = registration;
                let pursuit = Pursuit::UntilDone;
                let (scope, ticket, again) = (None, Ticket(index), false);
                self.start(slot, Send { scope, ticket, branch, op, operation, options, pursuit, since, again });
                self.wait_for(slot).await?;
                self.flush().await;
                Ok(())
            }
            Undo::Handler { name, payload, .. } => {
                self.handler(index, registration.op, registration.branch.number(), &name, &payload).await
            }
        }
    }

    /// Waits for the end of a call that no guest waits for.
    async fn wait_for(&mut self, slot: Slot) -> Result<(), End> {
        while self.stops.contains_key(&slot) {
            let happened = self.next().await;
            match happened {
                Happened::Stop => return Err(self.stopped().await),
                Happened::Deadline => unreachable!("phase two has no deadline"),
                Happened::Idle => {
                    if self.is_idle().await? {
                        // Others may need its place; a closure replays `run` then.
                        self.kept = None;
                    }
                    self.idle_at = self.idle_at.max(tokio::time::Instant::now() + self.shared.config.idle);
                }
                Happened::Written(..) | Happened::Done(_) | Happened::TimerDue(_) | Happened::Command(_) => {
                    self.react(happened)?;
                }
            }
        }
        Ok(())
    }

    /// Calls that `run` left open: a commit needs their end, a rollback gives them up.
    async fn settle_run(&mut self) -> Result<(), End> {
        if !self.with(|execution| execution.has_in_flight()) && self.calls.is_empty() {
            return Ok(());
        }
        if self.with(|execution| execution.phase()) == Phase::RollingBack {
            self.stop_calls().await?;
            self.with(Execution::abandon_in_flight);
            return self.settle().await;
        }
        self.answer_all(None).await
    }

    /// Waits for the results of everything that `scope` has asked for, also where its guest did not.
    async fn answer_all(&mut self, scope: Scope) -> Result<(), End> {
        self.settle().await?;
        for send in self.with(|execution| execution.unanswered(scope)) {
            let slot = Slot::Call(send.scope, send.ticket);
            self.send(send);
            self.wait_for(slot).await?;
        }
        Ok(())
    }

    /// Calls the guest's export `handle`.
    async fn handler(
        &mut self,
        index: u32,
        op: reprise_engine::Op,
        branch: u32,
        name: &str,
        payload: &[u8],
    ) -> Result<(), End> {
        let mut trials = Trials::default();
        loop {
            let Some(mut guest) = self.placed(name, index).await? else { continue };
            let failure = match self.drive_guest(guest.handle(op, branch, name, payload)).await? {
                Driven::Late => unreachable!("phase two has no deadline"),
                Driven::Idle => {
                    drop(guest);
                    self.wait_for_news().await?;
                    continue;
                }
                Driven::Ended(Ok(Ok(()))) => match self.with(|execution| execution.handler_returned()) {
                    Ok(()) => {
                        // The next closure gets an instance of its own, as it would after a restart.
                        drop(guest);
                        self.with(Execution::leave);
                        self.upgrade = None;
                        self.answer_all(Some(index)).await?;
                        self.with(|execution| execution.phase_two_done(index, trials.failed + 1));
                        return self.settle().await;
                    }
                    Err(error) => GuestFailure::Stopped(error),
                },
                Driven::Ended(Ok(Err(refused))) => {
                    let message = format!("handler `{name}` returned a failure: {}", refused.message);
                    GuestFailure::Trap { unsaid: message.clone(), message, backtrace: None }
                }
                Driven::Ended(Err(failure)) => failure,
            };
            drop(guest);
            self.judge(failure, &mut trials).await?;
        }
    }

    /// An instance for a handler: the one that ran `run` for a closure, a fresh one for a named handler. None if the
    /// attempt must begin again.
    async fn placed(&mut self, name: &str, index: u32) -> Result<Option<Guest>, End> {
        if !name.starts_with('#') {
            self.kept = None;
            return self.place(Some(index)).await.map(Some);
        }
        if let Some(guest) = self.kept.take() {
            self.timers.clear();
            self.with(|execution| execution.enter(Some(index)));
            return Ok(Some(guest));
        }
        // The results that `run` saw were handed over; they are in the journal.
        self.load().await?;
        let mut guest = self.place(None).await?;
        let input = self.with(|execution| execution.input().to_vec());
        let failure = match self.drive_guest(guest.run(&input)).await? {
            Driven::Ended(Ok(result)) => match self.with(|execution| execution.returned(result)) {
                Ok(()) => {
                    self.timers.clear();
                    self.with(|execution| execution.enter(Some(index)));
                    return Ok(Some(guest));
                }
                Err(error) => GuestFailure::Stopped(error),
            },
            Driven::Ended(Err(failure)) => failure,
            Driven::Late => unreachable!("phase two has no deadline"),
            Driven::Idle => {
                drop(guest);
                self.wait_for_news().await?;
                return Ok(None);
            }
        };
        drop(guest);
        // `run` returned before; that it fails now is no matter of luck.
        let mut trials = Trials::after(self.shared.config.trap_retries);
        self.judge(failure, &mut trials).await?;
        Ok(None)
    }
}
