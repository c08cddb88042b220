//! Commands: what somebody outside tells an execution, wherever it is at the moment.
//!
//! An execution that is not in memory is taken up for its command; one that another node works on gets a letter. The
//! answer comes when what it changed is durable.

use std::time::Duration;

use reprise_engine::{BranchEnd, BranchOptions, Execution, Gid, Heard, Op, Operation, Report, RunResult, SubmittedBy};
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

/// Something said to an execution. Each may be repeated: the same again changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "kebab-case")]
pub enum Word {
    /// The local transaction of a message's sender is committed: run.
    Submit,
    /// It is not and never will be: end as failed.
    Abort,
    /// A branch of an execution that is steered from outside.
    Enlist {
        /// What participants know it by.
        name: String,
        /// What its ends do.
        ends: Vec<End>,
    },
    /// Something done in such an execution.
    Report {
        /// What.
        report: Report,
    },
    /// The decision on such an execution: commit.
    Commit {
        /// Its output.
        output: Vec<u8>,
    },
    /// The decision on such an execution: roll back.
    RollBack {
        /// Why.
        reason: String,
    },
    /// An operator ends it as failed, whatever it waits for. Nothing more is called.
    Force {
        /// Why.
        reason: String,
    },
    /// What waits for its next attempt does so no longer.
    Hurry,
}

/// What an end of a branch does, as it is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// `Commit` or `Rollback`.
    pub op: Op,
    /// The call.
    pub operation: Operation,
    /// Its options in recorded form.
    pub options: String,
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
    /// Something else was said before of the same branch or operation.
    #[error("`{gid}`: {why}")]
    Differs {
        /// Which.
        gid: Gid,
        /// What it contradicts.
        why: String,
    },
    /// It comes too late, or contradicts a limit.
    #[error("`{gid}`: {why}")]
    Contrary {
        /// Which.
        gid: Gid,
        /// What it contradicts.
        why: String,
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
    /// Boxed: each execution in memory has places for some of these.
    pub(crate) word: Box<Word>,
    pub(crate) reply: oneshot::Sender<Told>,
}

/// What the driver makes of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is so, now or since before.
    Agreed,
    /// The other is decided.
    Decided(&'static str),
    /// Something else was said of the same before.
    Differs(String),
    /// It can't be so.
    Contrary(String),
    /// No message.
    NotPrepared,
}

impl Coordinator {
    /// Says something to an execution, wherever it is. Returns when it is durable.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn say(&self, gid: &Gid, word: Word) -> Result<(), CommandError> {
        let mut errand = Errand::new(gid, &word, self.shared.config.answer_wait);
        let told = self.told(gid, &word, &mut errand).await;
        errand.end(self.shared.store.cluster()).await;
        match told? {
            Told::Agreed => Ok(()),
            Told::Decided(decided) => Err(CommandError::Decided { gid: gid.clone(), decided }),
            Told::Differs(why) => Err(CommandError::Differs { gid: gid.clone(), why }),
            Told::Contrary(why) => Err(CommandError::Contrary { gid: gid.clone(), why }),
            Told::NotPrepared => Err(CommandError::NotPrepared(gid.clone())),
        }
    }

    /// Says something to an execution, and tells how it stands then.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn decide(&self, gid: &Gid, word: Word) -> Result<Status, CommandError> {
        self.say(gid, word).await?;
        self.status(gid).await.map_err(|error| match error {
            StatusError::Unknown(gid) => CommandError::Unknown(gid),
            StatusError::Journal { gid, source } => CommandError::Journal { gid, why: source.to_string() },
            StatusError::Store(error) => CommandError::Store(error),
        })
    }

    /// What the execution makes of a word, wherever it is.
    async fn told(&self, gid: &Gid, word: &Word, errand: &mut Errand) -> Result<Told, CommandError> {
        loop {
            if let Some(told) = self.tell(gid, word).await {
                return Ok(told);
            }
            if self.shared.stop.is_cancelled() {
                return Err(CommandError::ShuttingDown);
            }
            // It is not in memory, or left it before it could listen.
            let row = self.shared.store.execution(gid).await?.ok_or_else(|| CommandError::Unknown(gid.clone()))?;
            let mut execution = self.fold(&row).await?;
            // Tried out on a copy: who owns it must hear what changes it.
            let before = execution.next_seq();
            let told = hear(&mut execution, word);
            let is_over = row.progress.activity == Activity::Finished;
            if is_over || (execution.next_seq() == before && *word != Word::Hurry) {
                return Ok(told);
            }
            if let (Word::Hurry, Some(cluster), true) = (word, self.shared.store.cluster(), row.elsewhere) {
                // Nothing in the store will show that it was heard.
                errand.leave(cluster, row.key).await?;
                return Ok(told);
            }
            match self.shared.store.cluster().filter(|_| row.elsewhere) {
                Some(cluster) => errand.run(cluster, row.key).await?,
                None if self.take_up_detached(row).await > 0 => {}
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Takes an execution up, also when who asked for it has gone before that is done: half taken up, nobody would work
    /// on it.
    async fn take_up_detached(&self, row: ExecutionRow) -> usize {
        let coordinator = self.clone();
        let taken = async move { coordinator.take_up(vec![row], TakeUp::Asked).await };
        self.shared.drivers.spawn(taken).await.unwrap_or(0)
    }

    /// What the driver answers; none if there is none, or it left.
    pub(crate) async fn tell(&self, gid: &Gid, word: &Word) -> Option<Told> {
        let live = self.shared.live.get(gid).map(|live| live.value().clone())?;
        let (reply, told) = oneshot::channel();
        live.commands.send(Command { word: Box::new(word.clone()), reply }).await.ok()?;
        told.await.ok()
    }

    async fn fold(&self, row: &ExecutionRow) -> Result<Execution, CommandError> {
        let records = self.shared.whole_journal(row.key).await?;
        let gid = row.execution.gid.clone();
        let damaged = |e: reprise_engine::HistoryError| CommandError::Journal { gid, why: e.to_string() };
        Execution::load(records, self.shared.config.limits).map_err(damaged)
    }
}

/// Says a word to an execution in memory. What it changes is in the outbox.
pub(crate) fn hear(execution: &mut Execution, word: &Word) -> Told {
    match word {
        Word::Submit => match submit(execution) {
            Some(told) => told,
            None => decision(execution.decide_from_outside(RunResult::Output(Vec::new()))),
        },
        Word::Abort => {
            let is_message = execution.rules().query_back.is_some();
            if execution.unconfirmed().is_some() {
                execution.fail_run("the sender aborted the message".into());
                return Told::Agreed;
            }
            match (is_message, execution.was_submitted()) {
                (false, false) if execution.is_steered() => {
                    let reason = "aborted".to_owned();
                    decision(execution.decide_from_outside(RunResult::Failure { message: reason, details: Vec::new() }))
                }
                (false, false) => Told::NotPrepared,
                (_, true) => Told::Decided("submitted"),
                (true, false) => Told::Agreed,
            }
        }
        Word::Enlist { name, ends } => {
            let mut whole = Vec::with_capacity(ends.len());
            for End { op, operation, options } in ends {
                match BranchOptions::from_recorded(options) {
                    Ok(options) => whole.push(BranchEnd { op: *op, operation: operation.clone(), options }),
                    Err(error) => return Told::Contrary(error.to_string()),
                }
            }
            decision(execution.enlist(name, whole))
        }
        Word::Report { report } => decision(execution.report(report.clone())),
        Word::Commit { output } => decision(execution.decide_from_outside(RunResult::Output(output.clone()))),
        Word::RollBack { reason } => {
            let result = RunResult::Failure { message: reason.clone(), details: Vec::new() };
            decision(execution.decide_from_outside(result))
        }
        Word::Force { reason } => {
            if execution.force(reason.clone()) || execution.was_forced() {
                Told::Agreed
            } else {
                Told::Contrary(format!("it is {} already", execution.phase()))
            }
        }
        Word::Hurry => Told::Agreed,
    }
}

/// What `submit` is to a message; none if it is no message.
fn submit(execution: &mut Execution) -> Option<Told> {
    if execution.submit_message(SubmittedBy::Sender) || execution.was_submitted() {
        return Some(Told::Agreed);
    }
    match (execution.rules().query_back.is_some(), execution.is_steered()) {
        (true, _) => Some(Told::Decided("aborted")),
        (false, true) => None,
        (false, false) => Some(Told::NotPrepared),
    }
}

fn decision(heard: Heard) -> Told {
    match heard {
        Heard::New | Heard::Known => Told::Agreed,
        Heard::Differs(why) => Told::Differs(why),
        Heard::Refused(why) => Told::Contrary(why),
    }
}
