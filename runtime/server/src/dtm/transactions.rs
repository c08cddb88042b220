//! Preparing, submitting and aborting transactions, registering their branches, and what operators do to them.

use reprise_coordinator::{CommandError, Status, TriggerError, Triggered, Word, now};
use reprise_dtm::{Branch, PlanError, Trans, workflow_name};
use reprise_engine::{Gid, Phase, TransType};

use super::Dtm;
use super::refusal::Refusal;
use super::state::{TransState, kind_of, outcome};
use super::topics::names_topics;

/// Why an operator ended a transaction.
const FORCED: &str = "force stopped by an operator";

impl Dtm {
    /// Prepares a message, a TCC or an XA transaction. The same again changes nothing while it is prepared.
    pub(super) async fn prepare(&self, trans: &Trans) -> Result<(), Refusal> {
        let (gid, kind) = trans.named()?;
        let topics = self.topics_of(trans).await?;
        let told = match trans.prepared(self.settings.defaults, now(), |action| topics.urls(action)) {
            Ok(trigger) => match self.coordinator.trigger(trigger).await {
                Ok(told) => told,
                // A subscriber may have come or gone since it was prepared: what it was then counts.
                Err(TriggerError::Mismatch { .. }) if names_topics(trans) => {
                    self.is_of(&gid, kind).await?;
                    Triggered::Known
                }
                Err(error) => return Err(error.into()),
            },
            Err(_) if names_topics(trans) && self.is_of(&gid, kind).await.is_ok() => Triggered::Known,
            Err(error) => return Err(error.into()),
        };
        match told {
            Triggered::Admitted => Ok(()),
            Triggered::Known => match TransState::of(&self.coordinator.status(&gid).await?) {
                TransState::Prepared => Ok(()),
                state @ (TransState::Submitted | TransState::Aborting | TransState::Succeed | TransState::Failed) => {
                    Err(Refusal::failure(format!("current status '{}', cannot prepare.", state.name())))
                }
            },
        }
    }

    /// Submits a transaction, and waits for its end if it says so. The same again changes nothing.
    pub(super) async fn submit(&self, trans: &Trans) -> Result<(), Refusal> {
        let (gid, kind) = trans.named()?;
        match kind {
            TransType::Saga => return self.run(trans).await,
            TransType::Msg => self.submit_message(&gid, trans).await?,
            TransType::Tcc | TransType::Xa => {
                self.say(&gid, kind, Word::Commit { output: Vec::new() }, cannot_submit).await?;
            }
            // Nothing is left to do when its client says that it has ended.
            TransType::Workflow => return self.say(&gid, kind, trans.ended()?, cannot_submit).await,
        }
        if trans.options.wait_result { outcome(&self.end_of(&gid).await?) } else { Ok(()) }
    }

    async fn run(&self, trans: &Trans) -> Result<(), Refusal> {
        let trigger = trans.submitted(|action| Ok(vec![action.to_owned()]))?;
        if !trans.options.wait_result {
            self.coordinator.trigger(trigger).await?;
            return Ok(());
        }
        let (_, status) = self.coordinator.trigger_and_wait(trigger, self.settings.wait).await?;
        outcome(&status)
    }

    async fn submit_message(&self, gid: &Gid, trans: &Trans) -> Result<(), Refusal> {
        let topics = self.topics_of(trans).await?;
        let trigger = match trans.submitted(|action| topics.urls(action)) {
            Ok(trigger) => trigger,
            // Its topics may have changed since it was prepared: what they were then counts.
            Err(error) => {
                let known = names_topics(trans) && self.is_of(gid, TransType::Msg).await.is_ok();
                if !known {
                    return Err(error.into());
                }
                return self.say(gid, TransType::Msg, Word::Submit, cannot_submit).await;
            }
        };
        match self.coordinator.trigger(trigger).await {
            Ok(Triggered::Admitted) => return Ok(()),
            Ok(Triggered::Known) => {}
            // What was prepared counts, for clients that do not say it twice, and whoever has subscribed since.
            Err(TriggerError::Mismatch { .. }) if trans.steps.is_empty() || names_topics(trans) => {}
            Err(error) => return Err(error.into()),
        }
        self.say(gid, TransType::Msg, Word::Submit, cannot_submit).await
    }

    /// Rolls a TCC or XA transaction back, or ends a prepared message. The same again changes nothing.
    pub(super) async fn abort(&self, trans: &Trans) -> Result<(), Refusal> {
        let (gid, kind) = trans.named()?;
        let cannot_abort = |status: &Status| {
            let (kind, state) = (kind.name(), TransState::of(status).name());
            format!("trans type: '{kind}' current status '{state}', cannot abort.")
        };
        let word = match kind {
            TransType::Tcc | TransType::Xa => Word::RollBack { reason: trans.rollback_reason.clone() },
            TransType::Msg => Word::Abort,
            TransType::Saga | TransType::Workflow => {
                self.is_of(&gid, kind).await?;
                return Err(Refusal::failure(cannot_abort(&self.coordinator.status(&gid).await?)));
            }
        };
        self.say(&gid, kind, word, cannot_abort).await?;
        if !trans.options.wait_result {
            return Ok(());
        }
        let status = self.end_of(&gid).await?;
        // To be undone is what was asked for.
        if status.phase == Phase::Failed { Ok(()) } else { outcome(&status) }
    }

    /// Registers a branch of a TCC or XA transaction, or keeps what a workflow did. The same again changes nothing.
    pub(super) async fn register(&self, branch: &Branch) -> Result<(), Refusal> {
        let (gid, word) = branch.word()?;
        let trans = Trans { gid: branch.gid.clone(), trans_type: branch.trans_type.clone(), ..Trans::default() };
        let kind = trans.kind().ok_or_else(|| PlanError::Kind(branch.trans_type.clone()))?;
        let not_prepared = |gid: &Gid| format!("no trans with gid: {gid} status: prepared found");
        match self.say(&gid, kind, word, |_| not_prepared(&gid)).await {
            Err(Refusal::Unknown(_)) => Err(Refusal::failure(not_prepared(&gid))),
            told => told,
        }
    }

    /// Ends a transaction as failed; nothing more is called.
    pub(super) async fn force_stop(&self, gid: &str) -> Result<(), Refusal> {
        let (gid, kind) = self.named(gid).await?;
        let cannot = |status: &Status| {
            format!("global transaction force stop error. status: {}. error:", TransState::of(status).name())
        };
        self.say(&gid, kind, Word::Force { reason: FORCED.into() }, cannot).await
    }

    /// What waits for its next attempt does so no longer.
    pub(super) async fn reset_next_cron_time(&self, gid: &str) -> Result<(), Refusal> {
        let (gid, kind) = self.named(gid).await?;
        self.say(&gid, kind, Word::Hurry, cannot_submit).await
    }

    /// The transaction of this name.
    async fn named(&self, gid: &str) -> Result<(Gid, TransType), Refusal> {
        let gid: Gid = gid.parse().map_err(PlanError::Gid)?;
        let workflow = self.coordinator.workflow_of(&gid).await?;
        let kind = workflow.as_ref().and_then(kind_of).ok_or_else(|| Refusal::unknown(&gid))?;
        Ok((gid, kind))
    }

    /// Checks that a gid is a transaction of this kind: what is said to one kind means another thing to another.
    pub(super) async fn is_of(&self, gid: &Gid, kind: TransType) -> Result<(), Refusal> {
        let workflow = self.coordinator.workflow_of(gid).await?.ok_or_else(|| Refusal::unknown(gid))?;
        if workflow == workflow_name(kind) {
            return Ok(());
        }
        let is =
            kind_of(&workflow).map_or_else(|| format!("workflow `{workflow}`"), |kind| format!("'{}'", kind.name()));
        Err(Refusal::failure(format!("gid {gid} is in use: it is of trans_type {is}, not '{}'.", kind.name())))
    }

    /// Says a word. `cannot` is what DTM says where the transaction is past it.
    pub(super) async fn say(
        &self,
        gid: &Gid,
        kind: TransType,
        word: Word,
        cannot: impl Fn(&Status) -> String,
    ) -> Result<(), Refusal> {
        self.is_of(gid, kind).await?;
        let is_report = matches!(word, Word::Report { .. });
        let error = match self.coordinator.say(gid, word).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if let (true, CommandError::Differs { why, .. }) = (is_report, &error) {
            // It runs twice at its client. Failure would have this run roll back what the other one goes on with.
            return Err(Refusal::Ongoing(why.clone()));
        }
        let is_past = matches!(
            error,
            CommandError::Differs { .. } | CommandError::Contrary { .. } | CommandError::Decided { .. }
        );
        if !is_past {
            return Err(error.into());
        }
        let status = self.coordinator.status(gid).await?;
        // While it runs something else stands against it: a limit, another branch of the same name.
        let says = if status.phase == Phase::Running { error.to_string() } else { cannot(&status) };
        Err(Refusal::failure(says))
    }

    async fn end_of(&self, gid: &Gid) -> Result<Status, Refusal> {
        Ok(self.coordinator.wait(gid, self.settings.wait).await?)
    }
}

/// The typing error is DTM's; clients may look for it.
fn cannot_submit(status: &Status) -> String {
    format!("current status '{}', cannot sumbmit.", TransState::of(status).name())
}
