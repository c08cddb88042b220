//! Messages: nothing runs before the sender's local transaction is known to be committed.
//!
//! The sender says so by itself ([`Command`]), or is asked when it has not by a certain time.

use reprise_engine::{BranchId, BranchOptions, CallResult, Op, Pursuit, QueryBack, Send, SubmittedBy, Ticket};

use super::{Driver, End, Happened};
use crate::calls::Slot;
use crate::command::{Command, MessageVerdict, Told, judge};
use crate::note::Note;

/// Stands for the time to ask among the timers; no guest has as many tickets.
const DUE: Ticket = Ticket(u32::MAX);

impl Driver {
    /// Waits until the sender has spoken, or asks it.
    pub(super) async fn confirm(&mut self, query_back: QueryBack) -> Result<(), End> {
        self.settle().await?;
        self.timers.insert((query_back.due, DUE));
        while self.is_unconfirmed() {
            match self.next().await {
                Happened::Stop => return Err(self.stopped().await),
                Happened::Deadline => {
                    // Its local transaction may be committed all the same: only the sender knows.
                    self.deadline = None;
                    self.ask(&query_back);
                }
                Happened::TimerDue(ticket) => {
                    self.timers.retain(|(_, armed)| *armed != ticket);
                    self.ask(&query_back);
                }
                Happened::Idle => {
                    // Not before: an execution that was taken up for a command must live to hear it.
                    if let Some(text) = self.unanswerable.take() {
                        return Err(self.quarantine("query-back", &text, None).await);
                    }
                    self.is_idle().await?;
                    self.idle_at = self.idle_at.max(tokio::time::Instant::now() + self.shared.config.idle);
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

    fn is_unconfirmed(&self) -> bool {
        self.with(|execution| execution.unconfirmed().is_some())
    }

    fn ask(&mut self, query_back: &QueryBack) {
        let since = self.with(|execution| execution.started_at());
        let send = Send {
            scope: None,
            ticket: DUE,
            branch: BranchId::WHOLE,
            op: Op::Msg,
            operation: query_back.operation.clone(),
            options: BranchOptions::default(),
            pursuit: Pursuit::UntilKnown,
            since,
            again: false,
        };
        self.start(Slot::QueryBack, send);
    }

    /// What the sender answered.
    pub(super) fn queried(&mut self, result: &CallResult) {
        if result.is_success() {
            self.with(|execution| execution.submit_message(SubmittedBy::QueryBack));
        } else if let CallResult::Invalid(text) = result {
            self.unanswerable = Some(format!("the sender can't be asked whether it has committed: {text}"));
        } else {
            let text = "the sender says that its local transaction was not committed";
            self.with(|execution| execution.fail_run(text.into()));
        }
    }

    /// Performs a command; the answer is given when what it says is durable.
    pub(super) fn command(&mut self, Command { verdict, reply }: Command) {
        if !self.is_unconfirmed() {
            // It changes nothing: nobody will flush for it.
            let told = self.with(|execution| judge(execution, verdict));
            self.answer_or_queue(vec![(reply, told)]);
            return;
        }
        self.with(|execution| match verdict {
            MessageVerdict::Submit => execution.submit_message(SubmittedBy::Sender),
            MessageVerdict::Abort => execution.fail_run("the sender aborted the message".into()),
        });
        self.answers.push((reply, Told::Agreed));
    }

    /// What the row says while the sender has not spoken.
    pub(super) fn confirm_note(&self) -> Option<Note> {
        let query_back = self.with(|execution| execution.unconfirmed())?;
        Some(Note::Prepared { query_back: query_back.operation.to_string(), due: query_back.due })
    }
}
