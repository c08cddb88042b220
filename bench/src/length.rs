//! What a step costs by the length of the execution it belongs to: when it is replayed, and when it is run.
//!
//! The guest is `bench/guest`: as many branches as asked for, one after the other.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Method;
use reprise::config::{Config, Limits, StoreKind};
use reprise_store::{SqliteOptions, SqliteStore};
use serde::Serialize;
use uuid::Uuid;

use crate::guest::{START, repeat, replays};
use crate::load::{Connection, SUCCEEDED, contains};
use crate::machine::cpu_time;
use crate::plot::{Chart, NamesAt};
use crate::recorder::{LIMITS, Recorder};
use crate::runtime::{Place, Running, bank};
use crate::{Spread, database, participant};

/// Steps of the executions.
const LENGTHS: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];
/// The longest execution that is waited for.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What to measure.
#[derive(Debug, Clone)]
pub struct LengthOptions {
    /// Where the executions that are run are kept; those that are replayed are in a SQLite file.
    pub store: StoreKind,
    /// Lengths beyond it are left out.
    pub most: u32,
    /// At least how long each figure of each length is measured; once is enough.
    pub time: Duration,
    /// An existing folder on the disk that is to be measured.
    pub dir: PathBuf,
}

/// Executions of one length.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Length {
    /// Of the executions that are run: `sqlite`, `postgres`, `mysql` or `memory`.
    pub store: &'static str,
    /// Steps, each with a result; the journal has two entries for each.
    pub results: u32,
    /// Replay from the journal in memory, folding included.
    pub replay_us_per_result: f64,
    /// Replay from the SQLite file.
    pub replay_from_store_us_per_result: f64,
    /// One execution alone through the whole runtime, from trigger to end.
    pub live_us_per_step: f64,
    /// Its processor time: client, runtime and participants.
    pub live_cpu_us_per_step: f64,
}

/// Measures each length up to `most`.
///
/// # Errors
/// The guest, the store or the runtime failed.
pub async fn measure(options: &LengthOptions) -> Result<Vec<Length>> {
    let participants = bank(participant::start().await?);
    let mut place = Place::make(options.store, &options.dir, participants).await?;
    place.config = Config { limits: limits(), wait_max_ms: LONGEST.as_millis() as u64, ..place.config.clone() };
    let recorder = Recorder::prepare("steps-guest", "steps", place.config.cache_dir()).await?;
    let running = Running::start(&place.config).await?;
    running.deploy("steps", recorder.component()).await?;
    let mut rows = Vec::new();
    for results in LENGTHS.into_iter().filter(|length| *length <= options.most) {
        eprintln!("length: {results} ...");
        let (replay, from_store) = replay(&recorder, results, options).await?;
        let (live, cpu) = live(&running, results, options.time).await?;
        rows.push(Length {
            store: database::name(options.store),
            results,
            replay_us_per_result: replay,
            replay_from_store_us_per_result: from_store,
            live_us_per_step: live,
            live_cpu_us_per_step: cpu,
        });
    }
    running.stop().await?;
    Ok(rows)
}

/// Microseconds of a result that is replayed, from memory and from a SQLite file.
async fn replay(recorder: &Recorder, results: u32, options: &LengthOptions) -> Result<(f64, f64)> {
    let data = tempfile::Builder::new().prefix("reprise-bench-").tempdir_in(&options.dir)?;
    let store = SqliteStore::open(SqliteOptions::new(data.path().join("replay.db"))).await?;
    let recording = recorder.record(&plan(results), START).await?;
    let row = replays(recorder, &recording, results, &plan(results), &store, options.time).await?;
    store.close().await?;
    Ok((1e6 / row.from_memory_per_s, 1e6 / row.from_store_per_s))
}

/// Microseconds of a step that is run, and of the processor.
async fn live(running: &Running, results: u32, time: Duration) -> Result<(f64, f64)> {
    let input = Bytes::from(plan(results));
    let (count, cpu) = (std::cell::Cell::new(0_u32), cpu_time());
    let times = repeat(time, || async {
        count.set(count.get() + 1);
        // Opened before the clock starts.
        let mut connection = Connection::open(running.address).await?;
        let path = format!("/v1/executions/{}?workflow=steps&wait=true", Uuid::now_v7());
        let began = Instant::now();
        let (status, body) = connection.send(Method::POST, &path, "application/json", input.clone()).await?;
        let taken = began.elapsed();
        let right = status.is_success() && contains(&body, SUCCEEDED);
        ensure!(right, "an execution was answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(taken)
    });
    let live = Spread::of(times.await?).p50_us / f64::from(results);
    let cpu = cpu_time().saturating_sub(cpu).as_secs_f64() * 1e6;
    Ok((live, cpu / f64::from(count.get()) / f64::from(results)))
}

fn plan(steps: u32) -> String {
    serde_json::json!({ "before": steps, "sleep_ms": 0, "after": 0 }).to_string()
}

fn limits() -> Limits {
    Limits {
        journal_entries: LIMITS.journal_entries,
        journal_bytes: LIMITS.journal_bytes,
        branches: LIMITS.branches,
        ..Limits::default()
    }
}

/// What a step costs over the length of its execution.
pub(crate) fn chart(rows: &[Length]) -> Chart {
    let line = |cost: fn(&Length) -> f64| rows.iter().map(|row| (f64::from(row.results), cost(row))).collect();
    Chart {
        across: "steps of the execution",
        upwards: "microseconds per step",
        step: 10.0,
        names_at: NamesAt::MiddleRight,
        lines: vec![
            ("run, elapsed", line(|row| row.live_us_per_step)),
            ("run, processor", line(|row| row.live_cpu_us_per_step)),
            ("replayed from the store", line(|row| row.replay_from_store_us_per_result)),
            ("replayed from memory", line(|row| row.replay_us_per_result)),
        ],
    }
}
