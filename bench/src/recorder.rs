//! Real journals without a runtime: a guest runs in the host until it returns or sleeps, each call is answered at once,
//! and what the engine records is kept. A recording can be put into a store any number of times.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use anyhow::{Result, bail};
use bytes::Bytes;
use reprise_engine::{
    CallResult, Digest, Effect, Entry, EntryRecord, Execution, Gid, GuestLimits, OnTrap, Phase, Rules, RunResult, Seq,
    Timestamp, WorkflowName,
};
use reprise_host::{Host, HostConfig, Program, Session};
use reprise_store::{Activity, NewExecution, Progress, Write};
use uuid::Uuid;

use crate::participant::BALANCE;

/// Bounds wide enough for the longest journals that are measured.
pub(crate) const LIMITS: GuestLimits = GuestLimits {
    journal_entries: 1_000_000,
    journal_bytes: 1 << 30,
    payload_bytes: 4 << 20,
    branches: 250_000,
    open_tickets: 10_000,
};

/// A guest, compiled.
pub(crate) struct Recorder {
    program: Arc<Program>,
    component: Bytes,
    workflow: WorkflowName,
    /// Keeps the engine's ticker.
    _host: Host,
}

/// What an execution has recorded until it slept or was closed.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// From seq 0.
    pub(crate) journal: Vec<EntryRecord>,
    admitted: Admitted,
    at: Timestamp,
    phase: Phase,
    result: Option<RunResult>,
    /// When it is due, if it sleeps.
    wake_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Admitted {
    workflow: WorkflowName,
    digest: Digest,
    input: Vec<u8>,
    rules: Rules,
}

impl Recorder {
    /// Builds the guest `package` from source and compiles it. `cache`: where the compiled code is kept, for a runtime
    /// that runs it later.
    pub(crate) async fn prepare(package: &str, workflow: &str, cache: Option<PathBuf>) -> Result<Self> {
        let component = Bytes::from(std::fs::read(reprise_tests::guest(package)?)?);
        if let Some(cache) = &cache {
            std::fs::create_dir_all(cache)?;
        }
        let host = Host::new(HostConfig { instances: 64, cache_dir: cache, ..HostConfig::default() })?;
        let program = host.prepare(component.clone()).await?.program;
        Ok(Self { program, component, workflow: workflow.parse()?, _host: host })
    }

    pub(crate) fn workflow(&self) -> &WorkflowName {
        &self.workflow
    }

    pub(crate) fn digest(&self) -> Digest {
        self.program.digest()
    }

    pub(crate) fn component(&self) -> Bytes {
        self.component.clone()
    }

    /// A fresh execution, admitted `at`, ready for [`Self::run`].
    pub(crate) fn session(&self, input: &str, at: Timestamp) -> Session {
        let gid = "bench".parse().expect("letters");
        let rules = Rules::before_there_were_any(OnTrap::Quarantine);
        let (workflow, input) = (self.workflow.clone(), input.into());
        entered(Execution::start(gid, workflow, self.program.digest(), input, rules, LIMITS, at))
    }

    /// A fresh instance, `run` to its end, and the end of the instance.
    pub(crate) async fn run(&self, session: Session, input: &str) -> Result<()> {
        let mut guest = self.program.start(session, self.program.room().await).await?;
        guest.run(input.as_bytes()).await?;
        Ok(())
    }

    /// Folds the journal and replays it to its end.
    pub(crate) async fn replay(&self, journal: Vec<EntryRecord>, input: &str) -> Result<()> {
        self.run(load(journal)?, input).await
    }

    /// Runs a fresh execution, admitted `at`, until it sleeps or is closed.
    pub(crate) async fn record(&self, input: &str, at: Timestamp) -> Result<Recording> {
        let session = self.session(input, at);
        let mut guest = self.program.start(session.clone(), self.program.room().await).await?;
        let mut run = pin!(guest.run(input.as_bytes()));
        let (mut journal, mut wake_at) = (Vec::new(), None);
        while wake_at.is_none() {
            let polled = poll_fn(|context| Poll::Ready(run.as_mut().poll(context))).await;
            if let Poll::Ready(result) = polled {
                let result = result?;
                session.with(|execution| execution.returned(result))?;
            }
            let (records, effects) = session.with(|execution| (execution.take_outbox(), execution.take_effects()));
            journal.extend(records);
            if has_returned(&session) {
                break;
            }
            wake_at = answer(&session, effects)?;
            session.wake();
            tokio::task::yield_now().await;
        }
        let (phase, result) = session.with(|execution| (execution.phase(), execution.result().cloned()));
        let rules = session.with(|execution| execution.rules().clone());
        let (workflow, digest) = (self.workflow.clone(), self.program.digest());
        let admitted = Admitted { workflow, digest, input: input.into(), rules };
        Ok(Recording { journal, admitted, at, phase, result, wake_at })
    }
}

/// Whether `run` has returned: then it must not be polled again.
fn has_returned(session: &Session) -> bool {
    session.with(|execution| execution.result().is_some())
}

/// Answers calls as the participants do; when the guest is due, if it sleeps.
fn answer(session: &Session, effects: Vec<Effect>) -> Result<Option<Timestamp>> {
    let mut wake_at = None;
    for effect in effects {
        match effect {
            Effect::Send(send) => session.with(|execution| {
                let result = CallResult::Success { status: 200, body: BALANCE.to_vec() };
                execution.completed(send.scope, send.ticket, result, 1);
            }),
            Effect::Arm { due, .. } => wake_at = Some(due),
            Effect::Cancel { .. } | Effect::Disarm { .. } => bail!("the guests of the bench give nothing up"),
        }
    }
    Ok(wake_at)
}

/// An execution from its journal, ready to run.
pub(crate) fn load(journal: Vec<EntryRecord>) -> Result<Session> {
    Ok(entered(Execution::load(journal, LIMITS)?))
}

fn entered(mut execution: Execution) -> Session {
    execution.enter(None);
    Session::new(execution)
}

impl Recording {
    /// A copy under a gid of its own, as if it had been admitted `at`. The write that puts it into a store.
    pub(crate) fn copy(&self, at: Timestamp) -> Result<(Gid, Write)> {
        let gid: Gid = Uuid::now_v7().to_string().parse()?;
        let moved = |time: Timestamp| at.plus_ms(time.ms_since(self.at));
        let Admitted { workflow, digest, input, rules } = self.admitted.clone();
        let first = Entry::Admitted { gid: gid.clone(), workflow: workflow.clone(), digest, input, rules };
        let rest = self.journal.iter().skip(1).cloned();
        let rest = rest.map(|record| EntryRecord { at: moved(record.at), ..record });
        let entries = [first.to_record(Seq(0), at)].into_iter().chain(rest).collect();
        let execution = NewExecution { gid: gid.clone(), workflow, input_hash: [2; 32], created_at: at };
        let activity = match (self.phase.is_closed(), self.wake_at) {
            (true, _) => Activity::Finished,
            (false, Some(_)) => Activity::Parked,
            (false, None) => Activity::Active,
        };
        let progress = Progress {
            phase: self.phase,
            digest,
            activity,
            wake_at: self.wake_at.map(moved),
            note: None,
            result: self.result.as_ref().map(RunResult::to_bytes),
            updated_at: at,
        };
        Ok((gid, Write::Create { execution, entries, progress }))
    }

    /// How long after its admission it is due, if it sleeps.
    pub(crate) fn sleeps_ms(&self) -> Option<u64> {
        self.wake_at.map(|due| due.ms_since(self.at))
    }
}
