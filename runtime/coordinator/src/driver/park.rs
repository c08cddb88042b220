//! Waiting: when to give up the instance, when to leave memory, and how to stop.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt as _;
use reprise_engine::Timestamp;
use reprise_store::{Activity, Progress, Write, Written};
use tokio::time::Instant;

use super::{Driver, End, Happened, acknowledged};
use crate::calls::Done;
use crate::clock::{instant_of, now};
use crate::journal_writer::Patience;
use crate::note::Note;

/// How long after its time this node leaves an execution to newer ones. They get what is overdue by a second.
const HEAD_START: Duration = Duration::from_secs(3);

impl Driver {
    /// Nothing has happened for a while. True if the instance should go (a call is under way that may take long);
    /// leaves memory where all that is waited for is a time.
    pub(super) async fn is_idle(&mut self) -> Result<bool, End> {
        if !self.commits.is_empty() || (self.has_guest && !self.session().is_waiting()) {
            // Something is being written, or the guest computes: nobody is idle.
            self.idle_at = Instant::now() + self.shared.config.idle;
            return Ok(false);
        }
        let Some(waiting) = self.live.board.waiting() else {
            return Ok(true);
        };
        let timer = self.timers.first().map(|(due, _)| *due);
        let next = waiting.iter().map(|call| call.next_at).chain(timer).min();
        let Some(due) = next.map(|next| self.open_deadline().map_or(next, |deadline| next.min(deadline))) else {
            let text = "the workflow waits, but nothing is under way; this is a bug of the runtime";
            return Err(self.quarantine("stuck", text, None).await);
        };
        if due.ms_since(now()) <= self.shared.config.idle.as_millis() as u64 {
            self.idle_at = instant_of(due) + self.shared.config.idle;
            return Ok(false);
        }
        Err(self.park(due).await)
    }

    /// Leaves memory until `due`.
    async fn park(&mut self, due: Timestamp) -> End {
        self.with(reprise_engine::Execution::record_upgrade);
        if let Err(end) = self.settle().await {
            return end;
        }
        let calls = self.live.board.waiting().unwrap_or_default();
        let note = (!calls.is_empty()).then_some(Note::Waiting { calls }).or_else(|| self.word_note());
        let progress = self.progress(Activity::Parked, Some(due), note.as_ref());
        self.write_row(progress).await.map_or_else(|end| end, |()| End::Parked(due))
    }

    /// Leaves memory until somebody repairs what is wrong.
    pub(super) async fn quarantine(&mut self, reason: &str, message: &str, backtrace: Option<String>) -> End {
        tracing::error!(gid = %self.gid, reason, message, "quarantined");
        if let Err(end) = self.settle().await {
            return end;
        }
        let note = Note::Quarantined { reason: reason.into(), message: message.into(), backtrace };
        let progress = self.progress(Activity::Quarantined, None, Some(&note));
        let end = self.write_row(progress.clone()).await.map_or_else(|end| end, |()| End::Quarantined);
        let (entries, phase) = self.with(|execution| (execution.next_seq(), execution.phase()));
        self.shared.events.appended(&self.gid, entries, phase);
        // It will not end by itself: who waits should know.
        self.shared.events.closed(&self.gid, || self.status_of(progress));
        end
    }

    /// The execution goes into the store as quarantined, though its journal can't be folded.
    pub(super) async fn quarantine_row(&mut self, reason: &'static str, message: &str) -> End {
        tracing::error!(gid = %self.gid, reason, message, "quarantined");
        let note = Note::Quarantined { reason: reason.into(), message: message.into(), backtrace: None };
        self.rewrite_row(Activity::Quarantined, None, &note).await.map_or_else(|end| end, |()| End::Quarantined)
    }

    /// The journal holds what this runtime does not know: a newer one wrote it, and may go on with it. This one keeps
    /// off for a while, or it would be the first again when the time has come.
    pub(super) async fn leave_to_newer(&mut self, message: &str) -> End {
        if self.shared.told_newer.swap(true, Ordering::Relaxed) {
            tracing::debug!(gid = %self.gid, message, "left to a newer node");
        } else {
            tracing::warn!(
                gid = %self.gid, message,
                "only a newer node can go on with this execution, and maybe others; update this node"
            );
        }
        let wait = self.shared.config.newer_wait;
        let due = now().plus_ms(wait.as_millis() as u64);
        if self.shared.store.cluster().is_some() {
            let (left, gid) = (self.shared.left_to_newer.clone(), self.gid.clone());
            left.insert(gid.clone());
            tokio::spawn(async move {
                tokio::time::sleep(wait + HEAD_START).await;
                left.remove(&gid);
            });
        }
        let note = Note::Newer { message: message.into() };
        self.rewrite_row(Activity::Parked, Some(due), &note).await.map_or_else(|end| end, |()| End::Parked(due))
    }

    /// Writes what can be said without the journal.
    async fn rewrite_row(&mut self, activity: Activity, wake_at: Option<Timestamp>, note: &Note) -> Result<(), End> {
        match self.shared.store.execution(&self.gid).await {
            Ok(Some(row)) => {
                let (note, updated_at) = (Some(note.to_json()), now());
                self.write_row(Progress { activity, wake_at, note, updated_at, ..row.progress }).await
            }
            Ok(None) => Err(End::Fenced),
            Err(error) => {
                tracing::error!(gid = %self.gid, %error, "the row can't be written; trying again");
                self.shared.strays.notify_one();
                Err(End::Stopped)
            }
        }
    }

    /// Writes the row alone.
    pub(super) async fn write_row(&mut self, progress: Progress) -> Result<(), End> {
        let Some(key) = self.key else { return Err(End::Stopped) };
        let write = Write::Append { key, entries: Vec::new(), progress: Some(progress) };
        match self.shared.writer.write(write, Patience::Wait).await.await {
            Ok(Ok(Written::Appended)) => Ok(()),
            Ok(Ok(Written::Created(_) | Written::Exists | Written::Conflict)) => Err(End::Fenced),
            Ok(Err(_)) | Err(_) => Err(End::Stopped),
        }
    }

    /// Waits without an instance until a call has a result, then begins again from the journal.
    pub(super) async fn wait_for_news(&mut self) -> Result<(), End> {
        self.with(reprise_engine::Execution::leave);
        loop {
            let happened = self.next().await;
            match happened {
                Happened::Stop => return Err(self.stopped().await),
                Happened::Idle => {
                    self.is_idle().await?;
                    self.idle_at = self.idle_at.max(Instant::now() + self.shared.config.idle);
                }
                Happened::TimerDue(_) | Happened::Deadline => break,
                Happened::Written(..) | Happened::Done(_) | Happened::Command(_) => {
                    if self.react(happened)? {
                        break;
                    }
                }
            }
        }
        self.settle().await?;
        self.load().await
    }

    /// Makes no further attempts and waits for those under way, keeping their results.
    pub(super) async fn stop_calls(&mut self) -> Result<(), End> {
        for commit in &mut self.commits {
            commit.then.clear();
        }
        for stop in self.stops.values() {
            stop.cancel();
        }
        while let Some(done) = self.next_done().await? {
            self.react(Happened::Done(done))?;
        }
        Ok(())
    }

    /// The next call that ends; none if no call is under way. Writes are acknowledged meanwhile, nothing else counts.
    async fn next_done(&mut self) -> Result<Option<Done>, End> {
        while !self.calls.is_empty() {
            let written = tokio::select! {
                biased;
                written = acknowledged(&mut self.commits), if !self.commits.is_empty() => written,
                Some(done) = self.calls.next() => return Ok(Some(done)),
            };
            self.react(written)?;
        }
        Ok(None)
    }

    /// The process stops: what is under way ends, what is recorded becomes durable, the next start goes on.
    pub(super) async fn stopped(&mut self) -> End {
        if let Err(end) = self.stop_calls().await {
            return end;
        }
        self.with(reprise_engine::Execution::record_upgrade);
        if let Err(end) = self.settle().await {
            return end;
        }
        if self.resume.is_empty() {
            return End::Stopped;
        }
        // Active, so that the next start takes it up at once, and with the attempts made so far.
        let note = Note::Waiting { calls: self.resume.drain().map(|(_, call)| call).collect() }.under_way();
        let progress = self.progress(Activity::Active, None, Some(&note));
        self.write_row(progress).await.map_or_else(|end| end, |()| End::Stopped)
    }
}
