//! Commands: what somebody outside tells an execution, wherever it is at the moment.
//!
//! An execution that is not in memory is taken up for its command; one that another node works on gets a letter. The
//! answer comes when what it changed is durable.

use std::time::Duration;

use reprise_engine::{Execution, Gid, Phase};
use reprise_store::{Activity, ExecutionRow, StoreError};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::cluster::Errand;
use crate::coordinator::Coordinator;
use crate::status::{Status, StatusError};
use crate::take_up::TakeUp;

/// Before an execution is looked for again that was on its way somewhere.
const PAUSE: Duration = Duration::from_millis(20);

/// What the sender of a two-phase message says about its local transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// Another node works on it, and does not react.
    #[error("another node works on `{0}` and does not answer; repeat the same")]
    NoAnswer(Gid),
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
        let mut errand = Errand::new(gid, verdict, self.shared.config.answer_wait);
        let told = self.told(gid, verdict, &mut errand).await;
        errand.end(self.shared.store.cluster()).await;
        match told? {
            Told::Agreed => self.status(gid).await.map_err(|error| match error {
                StatusError::Unknown(gid) => CommandError::Unknown(gid),
                StatusError::Journal { gid, source } => CommandError::Journal { gid, why: source.to_string() },
                StatusError::Store(error) => CommandError::Store(error),
            }),
            Told::Contrary(decided) => Err(CommandError::Decided { gid: gid.clone(), decided }),
            Told::NotPrepared => Err(CommandError::NotPrepared(gid.clone())),
        }
    }

    /// What the execution makes of a verdict, wherever it is.
    async fn told(&self, gid: &Gid, verdict: MessageVerdict, errand: &mut Errand) -> Result<Told, CommandError> {
        loop {
            if let Some(told) = self.tell(gid, verdict).await {
                return Ok(told);
            }
            if self.shared.stop.is_cancelled() {
                return Err(CommandError::ShuttingDown);
            }
            // It is not in memory, or left it before it could listen.
            let row = self.shared.store.execution(gid).await?.ok_or_else(|| CommandError::Unknown(gid.clone()))?;
            let execution = self.fold(&row).await?;
            let listens = row.progress.activity != Activity::Finished && execution.unconfirmed().is_some();
            if !listens {
                return Ok(judge(&execution, verdict));
            }
            match self.shared.store.cluster().filter(|_| row.elsewhere) {
                Some(cluster) => errand.run(cluster, row.key).await?,
                None if self.take_up(vec![row], TakeUp::Asked).await > 0 => {}
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// What the driver answers; none if there is none, or it left.
    pub(crate) async fn tell(&self, gid: &Gid, verdict: MessageVerdict) -> Option<Told> {
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
