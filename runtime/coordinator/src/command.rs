//! Commands: what somebody outside tells an execution, wherever it is at the moment.
//!
//! An execution that is not in memory is taken up for its command. The answer comes when what it changed is durable.

use reprise_engine::{Execution, Gid, Phase};
use reprise_store::{Activity, ExecutionRow, StoreError};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::coordinator::{Coordinator, TakeUp};
use crate::status::{Status, StatusError};

/// What the sender of a two-phase message says about its local transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageVerdict {
    /// It is committed: run.
    Submit,
    /// It is not and never will be: end as failed.
    Abort,
}

/// Why a command has no effect.
#[derive(Debug, Error)]
pub enum CommandError {
    /// There is no such execution.
    #[error("no execution has the gid `{0}`")]
    Unknown(Gid),
    /// It was triggered without `prepare`.
    #[error("`{0}` was not prepared as a message: it runs by itself; prepare one with ?prepare=participant/path")]
    NotPrepared(Gid),
    /// The other was said before.
    #[error("`{gid}` is {decided} already; a decision is final")]
    Decided {
        /// Which.
        gid: Gid,
        /// `submitted` or `aborted`.
        decided: &'static str,
    },
    /// Its journal can't be read.
    #[error("the journal of `{gid}` can't be read: {why}")]
    Journal {
        /// Which.
        gid: Gid,
        /// Why.
        why: String,
    },
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process is stopping.
    #[error("this node is shutting down; try again")]
    ShuttingDown,
}

/// A command on its way to the driver.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) verdict: MessageVerdict,
    pub(crate) reply: oneshot::Sender<Told>,
}

/// What the driver makes of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is so, now or since before.
    Agreed,
    /// The other is decided.
    Contrary(&'static str),
    /// No message.
    NotPrepared,
}

impl Coordinator {
    /// Tells a prepared message what became of its sender's local transaction. The same verdict may be repeated.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn decide(&self, gid: &Gid, verdict: MessageVerdict) -> Result<Status, CommandError> {
        let told = loop {
            if let Some(told) = self.tell(gid, verdict).await {
                break told;
            }
            if self.shared.stop.is_cancelled() {
                return Err(CommandError::ShuttingDown);
            }
            // It is not in memory, or left it before it could listen.
            let row = self.shared.store.execution(gid).await?.ok_or_else(|| CommandError::Unknown(gid.clone()))?;
            let execution = self.fold(&row).await?;
            let listens = row.progress.activity != Activity::Finished && execution.unconfirmed().is_some();
            if !listens {
                break judge(&execution, verdict);
            }
            self.take_up(vec![row], TakeUp::Asked).await;
        };
        match told {
            Told::Agreed => self.status(gid).await.map_err(|error| match error {
                StatusError::Unknown(gid) => CommandError::Unknown(gid),
                StatusError::Journal { gid, source } => CommandError::Journal { gid, why: source.to_string() },
                StatusError::Store(error) => CommandError::Store(error),
            }),
            Told::Contrary(decided) => Err(CommandError::Decided { gid: gid.clone(), decided }),
            Told::NotPrepared => Err(CommandError::NotPrepared(gid.clone())),
        }
    }

    /// What the driver answers; none if there is none, or it left.
    async fn tell(&self, gid: &Gid, verdict: MessageVerdict) -> Option<Told> {
        let live = self.shared.live.get(gid).map(|live| live.value().clone())?;
        let (reply, told) = oneshot::channel();
        live.commands.send(Command { verdict, reply }).await.ok()?;
        told.await.ok()
    }

    async fn fold(&self, row: &ExecutionRow) -> Result<Execution, CommandError> {
        let records = self.shared.whole_journal(row.key).await?;
        let gid = row.execution.gid.clone();
        let damaged = |e: reprise_engine::HistoryError| CommandError::Journal { gid, why: e.to_string() };
        Execution::load(records, self.shared.config.limits).map_err(damaged)
    }
}

/// What a verdict means where it can change nothing any more.
pub(crate) fn judge(execution: &Execution, verdict: MessageVerdict) -> Told {
    let was_submitted = execution.was_submitted();
    match (execution.rules().query_back.is_some(), was_submitted, verdict) {
        (false, ..) => Told::NotPrepared,
        (true, true, MessageVerdict::Submit) | (true, false, MessageVerdict::Abort) => Told::Agreed,
        (true, true, MessageVerdict::Abort) => Told::Contrary("submitted"),
        (true, false, MessageVerdict::Submit) if execution.phase() == Phase::Running => Told::Agreed,
        (true, false, MessageVerdict::Submit) => Told::Contrary("aborted"),
    }
}
