//! Instances of a guest: how long one takes to come up, and how fast recorded results are replayed.
//!
//! The guest is `probe-guest`, the one of the host's tests: `noop` returns at once, `calls N` makes a branch and calls
//! it, N times.

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use reprise_engine::{
    CallResult, Digest, Effect, EntryRecord, Execution, GuestLimits, OnTrap, Phase, Rules, Seq, Timestamp,
};
use reprise_host::{Host, HostConfig, Program, Session};
use reprise_store::{
    Activity, ExecutionKey, NewExecution, Progress, SqliteOptions, SqliteStore, Store, Write, Written,
};
use serde::Serialize;

use crate::Spread;
use crate::machine::cpu_time;

const START: Timestamp = Timestamp(1_700_000_000_000);
/// Entries read at one time, as the coordinator does it.
const PAGE: u32 = 1_000;
/// Lengths of the executions that are replayed; a guest may make 10,000 branches.
const RESULTS: [u32; 3] = [10, 100, 9_000];
/// Host calls of the probe for one result: `new-branch` and `call-branch`.
const HOST_CALLS: f64 = 2.0;

/// A fresh instance, a `run` that does nothing, and its end.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Start {
    /// Of one after the other on one thread.
    #[serde(flatten)]
    pub spread: Spread,
}

/// What a host call costs a guest whose results are all recorded.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Call {
    /// One result: its host calls, the guest's own work for it included.
    pub ns_per_result: f64,
    /// One host call.
    pub ns_per_host_call: f64,
}

/// Replay of executions of one length.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Replay {
    /// Recorded results of the execution; its journal has two entries for each.
    pub results: u32,
    /// Fresh instance and `run`, the journal folded before.
    pub guest_per_s: f64,
    /// The same with folding the journal from its records in memory.
    pub from_memory_per_s: f64,
    /// The same with reading the records from the SQLite file.
    pub from_store_per_s: f64,
    /// The last one per second of processor time: the store reads on a thread of its own.
    pub from_store_per_cpu_s: f64,
}

/// The guest, compiled.
pub struct Probe {
    program: Arc<Program>,
    /// Keeps the engine's ticker.
    _host: Host,
}

impl Probe {
    /// Builds it from source and compiles it.
    ///
    /// # Errors
    /// It can't be built or compiled.
    pub async fn prepare() -> Result<Self> {
        let component = std::fs::read(reprise_tests::guest("probe-guest")?)?;
        let host = Host::new(HostConfig { instances: 64, ..HostConfig::default() })?;
        let program = host.prepare(component).await?.program;
        Ok(Self { program, _host: host })
    }

    /// A fresh execution, ready for [`Self::run`].
    #[must_use]
    pub fn session(&self, input: &str) -> Session {
        let gid = "bench".parse().expect("letters");
        let workflow = "probe".parse().expect("letters");
        let limits = GuestLimits::default();
        let digest = self.program.digest();
        entered(Execution::start(
            gid,
            workflow,
            digest,
            input.into(),
            Rules::before_there_were_any(OnTrap::Quarantine),
            limits,
            START,
        ))
    }

    /// A fresh instance, `run` to its end, and the end of the instance.
    ///
    /// # Errors
    /// The guest failed.
    pub async fn run(&self, session: Session, input: &str) -> Result<()> {
        let mut guest = self.program.start(session).await?;
        guest.run(input.as_bytes()).await?;
        Ok(())
    }

    /// The journal of an execution that has `results` results and has not returned yet.
    ///
    /// # Errors
    /// The guest failed.
    pub async fn record(&self, results: u32) -> Result<Vec<EntryRecord>> {
        let input = input(results);
        let session = self.session(&input);
        let mut guest = self.program.start(session.clone()).await?;
        let mut run = pin!(guest.run(input.as_bytes()));
        let mut journal = Vec::new();
        loop {
            let polled = poll_fn(|context| Poll::Ready(run.as_mut().poll(context))).await;
            let (records, effects) = session.with(|execution| (execution.take_outbox(), execution.take_effects()));
            journal.extend(records);
            if let Poll::Ready(returned) = polled {
                returned?;
                ensure!(journal.len() == 1 + 2 * results as usize, "the journal has {} entries", journal.len());
                return Ok(journal);
            }
            for effect in effects {
                match effect {
                    Effect::Send(send) => session.with(|execution| {
                        let body = br#"{"balance":70}"#.to_vec();
                        execution.completed(send.scope, send.ticket, CallResult::Success { status: 200, body }, 1)
                    }),
                    Effect::Arm { .. } | Effect::Cancel { .. } | Effect::Disarm { .. } => bail!("the probe only calls"),
                };
            }
            session.wake();
            tokio::task::yield_now().await;
        }
    }

    /// Folds the journal and replays it to its end.
    ///
    /// # Errors
    /// The guest failed.
    pub async fn replay(&self, journal: Vec<EntryRecord>, results: u32) -> Result<()> {
        let session = load(journal)?;
        self.run(session, &input(results)).await
    }
}

fn input(results: u32) -> String {
    format!("calls {results}")
}

fn load(journal: Vec<EntryRecord>) -> Result<Session> {
    Ok(entered(Execution::load(journal, GuestLimits::default())?))
}

fn entered(mut execution: Execution) -> Session {
    execution.enter(None);
    Session::new(execution)
}

/// Instance start: `time` long.
///
/// # Errors
/// The guest failed.
pub async fn start(probe: &Probe, time: Duration) -> Result<Start> {
    let times = repeat(time, || async {
        let session = probe.session("noop");
        let began = Instant::now();
        probe.run(session, "noop").await?;
        Ok(began.elapsed())
    });
    Ok(Start { spread: Spread::of(times.await?) })
}

/// Host calls: twice `time` long.
///
/// # Errors
/// The guest failed.
pub async fn call(probe: &Probe, time: Duration) -> Result<Call> {
    let results = RESULTS[2];
    let journal = probe.record(results).await?;
    let run = |results: u32, journal: Option<Vec<EntryRecord>>| async move {
        let session = journal.map_or_else(|| Ok(probe.session(&input(results))), load)?;
        let input = input(results);
        let began = Instant::now();
        probe.run(session, &input).await?;
        Ok(began.elapsed())
    };
    let empty = Spread::of(repeat(time, || run(0, None)).await?).p50_us;
    let full = Spread::of(repeat(time, || run(results, Some(journal.clone()))).await?).p50_us;
    let ns_per_result = (full - empty) * 1e3 / f64::from(results);
    Ok(Call { ns_per_result, ns_per_host_call: ns_per_result / HOST_CALLS })
}

/// Replay of three lengths; `time` for each of three figures of each. `dir`: for the SQLite file.
///
/// # Errors
/// The guest or the store failed.
pub async fn replay(probe: &Probe, dir: &Path, time: Duration) -> Result<Vec<Replay>> {
    let data = tempfile::Builder::new().prefix("reprise-bench-").tempdir_in(dir)?;
    let store = SqliteStore::open(SqliteOptions::new(data.path().join("replay.db"))).await?;
    let mut rows = Vec::new();
    for results in RESULTS {
        let journal = probe.record(results).await?;
        let key = create(&store, results, &journal).await?;
        let guest = repeat(time, || async {
            let session = load(journal.clone())?;
            let began = Instant::now();
            probe.run(session, &input(results)).await?;
            Ok(began.elapsed())
        });
        let guest = Spread::of(guest.await?).p50_us;
        let from_memory = repeat(time, || async {
            let journal = journal.clone();
            let began = Instant::now();
            probe.replay(journal, results).await?;
            Ok(began.elapsed())
        });
        let from_memory = Spread::of(from_memory.await?).p50_us;
        let cpu = cpu_time();
        let from_store = repeat(time, || async {
            let began = Instant::now();
            probe.replay(read(&store, key).await?, results).await?;
            Ok(began.elapsed())
        });
        let from_store = from_store.await?;
        let cpu = cpu_time().saturating_sub(cpu).as_secs_f64() / from_store.len() as f64;
        let per_second = |us: f64| f64::from(results) * 1e6 / us;
        rows.push(Replay {
            results,
            guest_per_s: per_second(guest),
            from_memory_per_s: per_second(from_memory),
            from_store_per_s: per_second(Spread::of(from_store).p50_us),
            from_store_per_cpu_s: f64::from(results) / cpu,
        });
    }
    store.close().await?;
    Ok(rows)
}

async fn create(store: &SqliteStore, results: u32, journal: &[EntryRecord]) -> Result<ExecutionKey> {
    let execution = NewExecution {
        gid: format!("replay-{results}").parse()?,
        workflow: "probe".parse()?,
        input_hash: [2; 32],
        created_at: START,
    };
    let progress = Progress {
        phase: Phase::Running,
        digest: Digest::new([1; 32]),
        activity: Activity::Active,
        wake_at: None,
        note: None,
        result: None,
        updated_at: START,
    };
    let written = store.commit(&[Write::Create { execution, entries: journal.to_vec(), progress }]).await?;
    match written.first().context("one answer for one write")? {
        Written::Created(key) => Ok(*key),
        other @ (Written::Exists | Written::Conflict | Written::Appended) => bail!("a new execution: {other:?}"),
    }
}

/// The whole journal, page by page, as the coordinator reads it.
async fn read(store: &SqliteStore, key: ExecutionKey) -> Result<Vec<EntryRecord>> {
    let mut journal = Vec::new();
    loop {
        let page = store.journal(key, Seq(u32::try_from(journal.len())?), PAGE).await?;
        let full = page.len() == PAGE as usize;
        journal.extend(page);
        if !full {
            return Ok(journal);
        }
    }
}

/// What `once` measures, again and again for `time`, without the first tenth.
async fn repeat<F: Future<Output = Result<Duration>>>(time: Duration, once: impl Fn() -> F) -> Result<Vec<Duration>> {
    let began = Instant::now();
    while began.elapsed() < time / 10 {
        once().await?;
    }
    let mut times = Vec::new();
    while began.elapsed() < time || times.is_empty() {
        times.push(once().await?);
    }
    Ok(times)
}
