//! Instances of a guest: how long one takes to come up, and how fast recorded results are replayed.
//!
//! The guest is `probe-guest`, the one of the host's tests: `noop` returns at once, `calls N` makes a branch and calls
//! it, N times.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use reprise_engine::{EntryRecord, Seq, Timestamp};
use reprise_host::Session;
use reprise_store::{ExecutionKey, SqliteOptions, SqliteStore, Store, Written};
use serde::Serialize;

use crate::Spread;
use crate::machine::cpu_time;
use crate::recorder::{Recorder, Recording, load};

/// When the recorded executions were admitted.
pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);
/// Entries read at one time, as the coordinator does it.
const PAGE: u32 = 1_000;
/// Lengths of the executions that are replayed.
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
    recorder: Recorder,
}

impl Probe {
    /// Builds it from source and compiles it.
    ///
    /// # Errors
    /// It can't be built or compiled.
    pub async fn prepare() -> Result<Self> {
        Ok(Self { recorder: Recorder::prepare("probe-guest", "probe", None).await? })
    }

    /// A fresh execution, ready for [`Self::run`].
    #[must_use]
    pub fn session(&self, input: &str) -> Session {
        self.recorder.session(input, START)
    }

    /// A fresh instance, `run` to its end, and the end of the instance.
    ///
    /// # Errors
    /// The guest failed.
    pub async fn run(&self, session: Session, input: &str) -> Result<()> {
        self.recorder.run(session, input).await
    }

    /// The journal of an execution that has `results` results and has not returned yet.
    ///
    /// # Errors
    /// The guest failed.
    pub async fn record(&self, results: u32) -> Result<Vec<EntryRecord>> {
        Ok(self.recording(results).await?.journal)
    }

    async fn recording(&self, results: u32) -> Result<Recording> {
        let mut recording = self.recorder.record(&input(results), START).await?;
        let entries = 1 + 2 * results as usize;
        // What comes after the results is `returned` and `closed`.
        ensure!(recording.journal.len() == entries + 2, "the journal has {} entries", recording.journal.len());
        recording.journal.truncate(entries);
        Ok(recording)
    }

    /// Folds the journal and replays it to its end.
    ///
    /// # Errors
    /// The guest failed.
    pub async fn replay(&self, journal: Vec<EntryRecord>, results: u32) -> Result<()> {
        self.recorder.replay(journal, &input(results)).await
    }
}

fn input(results: u32) -> String {
    format!("calls {results}")
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
        let input = input(results);
        let session = journal.map_or_else(|| Ok(probe.session(&input)), load)?;
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
        let recording = probe.recording(results).await?;
        rows.push(replays(&probe.recorder, &recording, results, &input(results), &store, time).await?);
    }
    store.close().await?;
    Ok(rows)
}

/// The replays of one recording, which is put into `store`.
pub(crate) async fn replays(
    recorder: &Recorder,
    recording: &Recording,
    results: u32,
    input: &str,
    store: &SqliteStore,
    time: Duration,
) -> Result<Replay> {
    let (key, journal) = create(store, recording).await?;
    let guest = repeat(time, || async {
        let session = load(journal.clone())?;
        let began = Instant::now();
        recorder.run(session, input).await?;
        Ok(began.elapsed())
    });
    let guest = Spread::of(guest.await?).p50_us;
    let from_memory = repeat(time, || async {
        let journal = journal.clone();
        let began = Instant::now();
        recorder.replay(journal, input).await?;
        Ok(began.elapsed())
    });
    let from_memory = Spread::of(from_memory.await?).p50_us;
    // Those that warm up cost as much as those that count.
    let (count, cpu) = (Cell::new(0_u32), cpu_time());
    let from_store = repeat(time, || async {
        count.set(count.get() + 1);
        let began = Instant::now();
        recorder.replay(read(store, key).await?, input).await?;
        Ok(began.elapsed())
    });
    let from_store = from_store.await?;
    let cpu = cpu_time().saturating_sub(cpu).as_secs_f64() / f64::from(count.get());
    let per_second = |us: f64| f64::from(results) * 1e6 / us;
    Ok(Replay {
        results,
        guest_per_s: per_second(guest),
        from_memory_per_s: per_second(from_memory),
        from_store_per_s: per_second(Spread::of(from_store).p50_us),
        from_store_per_cpu_s: f64::from(results) / cpu,
    })
}

/// Puts a recording into the store: its key there, and its journal as it is there.
async fn create(store: &SqliteStore, recording: &Recording) -> Result<(ExecutionKey, Vec<EntryRecord>)> {
    let (_, write) = recording.copy(START)?;
    let written = store.commit(&[write]).await?;
    match written.first().context("one answer for one write")? {
        Written::Created(key) => Ok((*key, read(store, *key).await?)),
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

/// What `once` measures, again and again for `time`, without the first tenth; one that takes all the time counts.
pub(crate) async fn repeat<F: Future<Output = Result<Duration>>>(
    time: Duration,
    once: impl Fn() -> F,
) -> Result<Vec<Duration>> {
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < time / 10 {
        times = vec![once().await?];
    }
    if began.elapsed() < time {
        times.clear();
    }
    while began.elapsed() < time || times.is_empty() {
        times.push(once().await?);
    }
    Ok(times)
}
