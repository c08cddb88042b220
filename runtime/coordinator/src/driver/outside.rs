//! Words from outside: executions that wait for one, and what each does to any execution.
//!
//! A message waits until its sender's local transaction is known to be committed; an execution without a guest until
//! who steers it has decided. When nobody speaks in time, somebody is asked, or a rule decides.

use reprise_engine::{AtDue, BranchId, BranchOptions, CallResult, Op, Operation, Pursuit, QueryBack, Send, Steering};
use reprise_engine::{SubmittedBy, Ticket, Timestamp};
use tokio::time::Instant;

use super::{Driver, End, Happened};
use crate::calls::Slot;
use crate::clock::now;
use crate::command::{Command, Word, hear};
use crate::note::Note;

/// Stands for the time to ask among the timers; no guest has as many tickets.
const DUE: Ticket = Ticket(u32::MAX);

/// Whose word is waited for.
#[derive(Debug)]
pub(super) enum Awaited {
    /// That of a message's sender.
    Sender(QueryBack),
    /// That of those who steer an execution without a guest.
    Steering(Steering),
}

impl Awaited {
    const fn due(&self) -> Timestamp {
        match self {
            Self::Sender(query_back) => query_back.due,
            Self::Steering(steering) => steering.due,
        }
    }
}

impl Driver {
    /// Waits until the word is said, or asks for it.
    pub(super) async fn await_word(&mut self, awaited: Awaited) -> Result<(), End> {
        self.settle().await?;
        // Unless a report, or the activation before, has put it off.
        if self.timers.iter().all(|(_, ticket)| *ticket != DUE) {
            self.timers.insert((awaited.due(), DUE));
        }
        while self.waits_for_word() {
            match self.next().await {
                Happened::Stop => return Err(self.stopped().await),
                Happened::Deadline => {
                    // A sender's local transaction may be committed all the same: only the sender knows.
                    self.deadline = None;
                    self.ask(&awaited).await;
                }
                Happened::TimerDue(ticket) => {
                    self.timers.retain(|(_, armed)| *armed != ticket);
                    self.ask(&awaited).await;
                }
                Happened::Idle => {
                    // Not before: an execution that was taken up for a word must live to hear it.
                    if let Some(text) = self.unanswerable.take() {
                        return Err(self.quarantine("query-back", &text, None).await);
                    }
                    self.is_idle().await?;
                    self.idle_at = self.idle_at.max(Instant::now() + self.shared.config.idle);
                }
                happened @ (Happened::Written(..) | Happened::Done(_) | Happened::Command(_)) => {
                    self.react(happened)?;
                    self.flush().await;
                }
            }
        }
        self.timers.clear();
        self.stop_calls().await?;
        self.settle().await
    }

    fn waits_for_word(&self) -> bool {
        self.with(|execution| execution.unconfirmed().is_some() || execution.steering().is_some())
    }

    /// Nobody has spoken in time.
    async fn ask(&mut self, awaited: &Awaited) {
        let (operation, options) = match awaited {
            Awaited::Sender(query_back) => {
                let natives = &self.shared.natives;
                let operation = &query_back.operation;
                let options = self.with(|execution| natives.question(execution.digest(), execution.input(), operation));
                (operation.clone(), options)
            }
            Awaited::Steering(Steering { at_due: AtDue::RollBack(message), .. }) => {
                self.with(|execution| execution.fail_run(message.clone()));
                return self.flush().await;
            }
            Awaited::Steering(Steering { at_due: AtDue::Call { operation, options, .. }, .. }) => {
                (operation.clone(), BranchOptions::from_recorded(options).unwrap_or_default())
            }
        };
        self.start(Slot::QueryBack, self.question(operation, options));
    }

    fn question(&self, operation: Operation, options: BranchOptions) -> Send {
        Send {
            scope: None,
            ticket: DUE,
            branch: BranchId::WHOLE,
            op: Op::Msg,
            operation,
            options,
            pursuit: Pursuit::UntilKnown,
            since: self.with(|execution| execution.started_at()),
            again: false,
        }
    }

    /// What was answered.
    pub(super) fn asked(&mut self, result: &CallResult) {
        if let CallResult::Invalid(text) = result {
            self.unanswerable = Some(format!("nobody can be asked how it goes on: {text}"));
            return;
        }
        // Where somebody is called from time to time, the answer decides nothing: who was called says so by itself.
        if self.call_later() {
            return;
        }
        if result.is_success() {
            self.with(|execution| execution.submit_message(SubmittedBy::QueryBack));
        } else {
            let text = "the sender says that its local transaction was not committed";
            self.with(|execution| execution.fail_run(text.into()));
        }
    }

    /// Sets the time of the next call anew; false if nobody is called from time to time.
    fn call_later(&mut self) -> bool {
        let every_ms = self.with(|execution| match execution.steering().map(|steering| &steering.at_due) {
            Some(AtDue::Call { every_ms, .. }) => Some(*every_ms),
            Some(AtDue::RollBack(_)) | None => None,
        });
        let Some(every_ms) = every_ms else { return false };
        self.timers.retain(|(_, ticket)| *ticket != DUE);
        self.timers.insert((now().plus_ms(every_ms), DUE));
        true
    }

    /// Hears what has been said already.
    pub(super) fn listen(&mut self) -> Result<(), End> {
        while let Ok(command) = self.commands.try_recv() {
            self.command(command)?;
        }
        Ok(())
    }

    /// Does what a word says; it is answered when that is durable.
    pub(super) fn command(&mut self, Command { word, reply }: Command) -> Result<(), End> {
        if *word == Word::Hurry {
            self.hurry();
        }
        let (changes, told) = self.with(|execution| {
            let before = execution.next_seq();
            let told = hear(execution, &word);
            (execution.next_seq() != before, told)
        });
        if !changes {
            if self.answers.is_empty() && !self.with(|execution| execution.has_output()) {
                // Nobody will flush for it.
                self.answer_or_queue(vec![(reply, told)]);
            } else {
                // It may repeat what is not written yet.
                self.answers.push((reply, told));
            }
            return Ok(());
        }
        self.answers.push((reply, told));
        if matches!(*word, Word::Report { .. }) {
            // Who reports is at work: no need to call it for a while.
            self.call_later();
        }
        if matches!(*word, Word::Force { .. }) { Err(End::Forced) } else { Ok(()) }
    }

    /// Makes what waits for a time go on at once.
    fn hurry(&mut self) {
        let now = now();
        self.resume.values_mut().for_each(|call| call.next_at = now);
        self.live.board.hurry();
        let calls = self.with(|execution| {
            execution.steering().is_some_and(|steering| matches!(steering.at_due, AtDue::Call { .. }))
        });
        if calls && self.timers.iter().any(|(_, ticket)| *ticket == DUE) {
            self.timers.retain(|(_, ticket)| *ticket != DUE);
            self.timers.insert((now, DUE));
        }
    }

    /// An operator has ended it: what is under way ends unrecorded.
    pub(super) async fn forced(&mut self) -> End {
        self.timers.clear();
        self.kept = None;
        if let Err(end) = self.stop_calls().await {
            return end;
        }
        self.settle().await.map_or_else(|end| end, |()| End::Finished)
    }

    /// Goes on waiting as an earlier activation has left it: who reports is not called as if it had said nothing.
    pub(super) fn wait_until(&mut self, due: Timestamp) {
        self.timers.insert((due, DUE));
    }

    /// What the row says while a word is waited for.
    pub(super) fn word_note(&self) -> Option<Note> {
        self.with(|execution| {
            if let Some(query_back) = execution.unconfirmed() {
                return Some(Note::Prepared { query_back: query_back.operation.to_string(), due: query_back.due });
            }
            let due = self.timers.iter().find(|(_, ticket)| *ticket == DUE).map(|(due, _)| *due);
            execution.steering().map(|steering| Note::Steered {
                due: due.unwrap_or(steering.due),
                calls: match &steering.at_due {
                    AtDue::Call { operation, .. } => Some(operation.to_string()),
                    AtDue::RollBack(_) => None,
                },
            })
        })
    }
}
