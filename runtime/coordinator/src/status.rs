//! Looking at executions: how one stands, its journal, lists, waiting for the end.

use std::time::Duration;

use reprise_engine::{
    Digest, EntryRecord, ExecutionView, Gid, HistoryError, Phase, RunResult, Seq, Timestamp, WorkflowName,
};
use reprise_store::{Activity, Deployment, ExecutionKey, ExecutionRow, ListFilter, StoreError};
use thiserror::Error;

use crate::admission::{Trigger, TriggerError, Triggered};
use crate::calls::CallState;
use crate::coordinator::Coordinator;
use crate::note::{Note, WaitingCall};

/// How an execution stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// Its key, for paging.
    pub key: ExecutionKey,
    /// Its gid.
    pub gid: Gid,
    /// The workflow.
    pub workflow: WorkflowName,
    /// The component.
    pub digest: Digest,
    /// Where it stands.
    pub phase: Phase,
    /// Whether somebody works on it.
    pub activity: Activity,
    /// Whether another node works on it. What that one has in memory is not known here.
    pub elsewhere: bool,
    /// When it was admitted.
    pub created_at: Timestamp,
    /// When its row was last written.
    pub updated_at: Timestamp,
    /// When it is due, if parked.
    pub wake_at: Option<Timestamp>,
    /// Why it is quarantined, or what it waits for.
    pub note: Option<Note>,
    /// What `run` returned, once phase two has begun.
    pub result: Option<RunResult>,
    /// Calls in flight, if this node works on it.
    pub calls: Vec<CallState>,
}

impl Status {
    pub(crate) fn of(row: ExecutionRow, calls: Vec<CallState>) -> Self {
        let ExecutionRow { key, execution, progress, elsewhere } = row;
        // While somebody works on it, the row keeps what the activation before it has left.
        let note = progress.note.as_deref().and_then(Note::from_json);
        let holds = |note: &Note| {
            let waits_for_word = match note {
                Note::Prepared { .. } | Note::Steered { .. } => true,
                Note::Waiting { calls } => calls.iter().any(WaitingCall::is_query_back),
                Note::Newer { .. } | Note::Quarantined { .. } => false,
            };
            progress.activity != Activity::Active || waits_for_word
        };
        Self {
            key,
            gid: execution.gid,
            workflow: execution.workflow,
            digest: progress.digest,
            phase: progress.phase,
            activity: progress.activity,
            elsewhere,
            created_at: execution.created_at,
            updated_at: progress.updated_at,
            wake_at: progress.wake_at,
            note: note.filter(holds),
            result: progress.result.as_deref().and_then(RunResult::from_bytes),
            calls: if elsewhere { Vec::new() } else { calls },
        }
    }
}

/// Why an execution can't be shown.
#[derive(Debug, Error)]
pub enum StatusError {
    /// There is none.
    #[error("no execution has the gid `{0}`")]
    Unknown(Gid),
    /// Its journal is damaged.
    #[error("the journal of `{gid}` is damaged: {source}")]
    Journal {
        /// Whose.
        gid: Gid,
        /// How.
        source: HistoryError,
    },
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Coordinator {
    /// How an execution stands.
    ///
    /// # Errors
    /// [`StatusError`].
    pub async fn status(&self, gid: &Gid) -> Result<Status, StatusError> {
        let row = self.shared.store.execution(gid).await?;
        let row = row.ok_or_else(|| StatusError::Unknown(gid.clone()))?;
        let calls = self.shared.live.get(gid).map(|live| live.board.states()).unwrap_or_default();
        Ok(Status::of(row, calls))
    }

    /// Whether no other node can work on executions of this store.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.shared.store.cluster().is_none()
    }

    /// Whether news of an execution reach this node by themselves; else somebody who follows it has to look.
    #[must_use]
    pub fn hears_of(&self, gid: &Gid) -> bool {
        self.is_alone() || self.shared.live.contains_key(gid)
    }

    /// What an execution did, from its journal.
    ///
    /// # Errors
    /// [`StatusError`].
    pub async fn view(&self, status: &Status) -> Result<ExecutionView, StatusError> {
        let records = self.shared.whole_journal(status.key).await?;
        ExecutionView::fold(&records).map_err(|source| StatusError::Journal { gid: status.gid.clone(), source })
    }

    /// Entries of a journal from `from` on, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        self.shared.store.journal(key, from, limit).await
    }

    /// Executions that match, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, filter: &ListFilter) -> Result<Vec<Status>, StoreError> {
        let rows = self.shared.store.list(filter).await?;
        let calls = |gid: &Gid| self.shared.live.get(gid).map(|live| live.board.states()).unwrap_or_default();
        Ok(rows
            .into_iter()
            .map(|row| (calls(&row.execution.gid), row))
            .map(|(calls, row)| Status::of(row, calls))
            .collect())
    }

    /// The newest version of every workflow, or all versions of one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        self.shared.store.deployments(workflow).await
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn health(&self) -> Result<(), StoreError> {
        self.shared.store.ping().await
    }

    /// Waits until an execution is closed or quarantined, at most `longest`; tells how it stands then.
    ///
    /// # Errors
    /// [`StatusError`].
    pub async fn wait(&self, gid: &Gid, longest: Duration) -> Result<Status, StatusError> {
        let mut closing = self.shared.events.closing(gid);
        let status = self.status(gid).await?;
        if status.phase.is_closed() || status.activity == Activity::Quarantined {
            return Ok(status);
        }
        tokio::select! {
            status = closing.closed() => Ok(status.as_ref().clone()),
            () = tokio::time::sleep(longest) => self.status(gid).await,
            () = self.shared.stop.cancelled() => self.status(gid).await,
        }
    }

    /// Triggers an execution and waits until it is closed or quarantined, at most `longest`.
    ///
    /// # Errors
    /// [`TriggerError`].
    pub async fn trigger_and_wait(
        &self,
        trigger: Trigger,
        longest: Duration,
    ) -> Result<(Triggered, Status), TriggerError> {
        let unavailable = |error: StatusError| TriggerError::Unavailable(error.to_string());
        let gid = trigger.gid.clone();
        let mut closing = self.shared.events.closing(&gid);
        match self.trigger(trigger).await? {
            Triggered::Admitted => {
                let status = tokio::select! {
                    status = closing.closed() => status.as_ref().clone(),
                    () = tokio::time::sleep(longest) => self.status(&gid).await.map_err(unavailable)?,
                    () = self.shared.stop.cancelled() => self.status(&gid).await.map_err(unavailable)?,
                };
                Ok((Triggered::Admitted, status))
            }
            Triggered::Known => {
                let status = self.wait(&gid, longest).await.map_err(unavailable)?;
                Ok((Triggered::Known, status))
            }
        }
    }
}
