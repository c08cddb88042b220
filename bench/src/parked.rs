//! Many executions that wait: what they cost while nothing happens to them, and how fast they go on.
//!
//! The store is filled with copies of one real recording; the runtime then starts on it in a process of its own
//! (`resume`), so that its memory is that of a fresh start.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reprise::config::{Config, StoreKind};
use reprise_engine::Timestamp;
use serde::Serialize;

use crate::Spread;
use crate::database::{self, Gauge, Opened};
use crate::fill::{deploy, fill};
use crate::recorder::{Recorder, Recording};
use crate::resume::{self, Resumed};
use crate::runtime::Place;

/// Nothing that waits so long wakes up while it is measured.
const FAR_MS: u64 = 30 * 24 * 3_600_000;
/// Steps of the executions that wait in numbers: one before the pause and one after it.
const SHORT: u32 = 1;
/// Results whose journal has 1,000 entries and one: admitted, 500 intents, 500 results.
const LONG: u32 = 500;
/// Executions with that journal.
const LONG_COUNT: u64 = 21;
/// How long after they are written the first of them is due: the runtime has to be up by then.
const LEAD_MS: u64 = 8_000;
/// Between one and the next.
const APART_MS: u64 = 200;

/// What to measure.
#[derive(Debug, Clone)]
pub struct ParkedOptions {
    /// Where executions are kept.
    pub store: StoreKind,
    /// Executions that wait for a far time.
    pub count: u64,
    /// Executions that are due when the runtime starts.
    pub due: u64,
    /// An existing folder on the disk that is to be measured.
    pub dir: PathBuf,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Parked {
    /// `sqlite`, `postgres` or `mysql`.
    pub store: &'static str,
    /// Executions that wait for a far time, each with a journal of three entries.
    pub executions: u64,
    /// Executions written per second, 256 in a transaction.
    pub fill_per_s: f64,
    /// What one takes on the disk, indexes included.
    pub bytes_per_execution: Option<f64>,
    /// From the call that starts the runtime to the first answer that needs the store.
    pub start_ms: f64,
    /// The same on an empty store.
    pub start_empty_ms: f64,
    /// Memory of the runtime's process a second after its start.
    pub resident_mib: f64,
    /// The same on an empty store.
    pub resident_empty_mib: f64,
    /// Memory of the process before it starts a runtime.
    pub resident_before_mib: f64,
    /// Executions that were due when the runtime started, while the others waited on.
    pub due: u64,
    /// Those per second, from the start of the runtime until all are finished.
    pub wakeups_per_s: Option<f64>,
    /// From the due time of an execution with 1,001 entries to the arrival of its next call; median of 21, one by one.
    pub wake_1000_ms: f64,
}

/// Measures.
///
/// # Errors
/// The store or the runtime failed, or an execution did not go on.
pub async fn measure(options: &ParkedOptions) -> Result<Parked> {
    database::durable(options.store)?;
    let empty = Place::make(options.store, &options.dir, BTreeMap::new()).await?;
    let nothing = resume::in_a_child(&empty.config, 0).await?;
    let place = empty.another(&options.dir).await?;
    let config = &place.config;
    let recorder = Recorder::prepare("steps-guest", "steps", config.cache_dir()).await?;
    let short = recorder.record(&plan(SHORT), reprise_coordinator::now()).await?;

    let mut gauge = Gauge::open(config).await?;
    let opened = Opened::open(config).await?;
    deploy(opened.store(), &recorder).await?;
    opened.close().await?;
    let before = gauge.bytes().await?;
    eprintln!("parked: {} executions are written ...", options.count);
    let filled =
        write(config, options.count, |_| short.copy(reprise_coordinator::now()).map(|(_, write)| write)).await?;
    let bytes = before.zip(gauge.bytes().await?).map(|(before, after)| after.saturating_sub(before) as f64);

    eprintln!("parked: the runtime starts on them ...");
    let (waiting, wakes) = wake_one_by_one(config, &recorder).await?;
    eprintln!("parked: {} are due at once ...", options.due);
    let at_once = wake_at_once(config, &short, options.due).await?;
    Ok(Parked {
        store: database::name(options.store),
        executions: options.count,
        fill_per_s: options.count as f64 / filled.as_secs_f64(),
        bytes_per_execution: bytes.filter(|_| options.count > 0).map(|bytes| bytes / options.count as f64),
        start_ms: waiting.start_ms,
        start_empty_ms: nothing.start_ms,
        resident_mib: waiting.resident_mib,
        resident_empty_mib: nothing.resident_mib,
        resident_before_mib: waiting.resident_before_mib,
        due: options.due,
        wakeups_per_s: at_once.map(|ms| options.due as f64 / ms * 1e3),
        wake_1000_ms: wakes.p50_us / 1e3,
    })
}

fn plan(before: u32) -> String {
    serde_json::json!({ "before": before, "sleep_ms": FAR_MS, "after": 1 }).to_string()
}

/// Writes executions into a store that nobody else uses meanwhile.
async fn write(config: &Config, count: u64, make: impl FnMut(u64) -> Result<reprise_store::Write>) -> Result<Duration> {
    let opened = Opened::open(config).await?;
    let filled = fill(opened.store(), count, make).await?;
    opened.close().await?;
    Ok(filled)
}

/// A copy that is due at a time: it was admitted as long before as it sleeps.
fn due_at(recording: &Recording, due: Timestamp) -> Result<(String, reprise_store::Write)> {
    let sleeps = recording.sleeps_ms().context("the guest does not sleep")?;
    let (gid, write) = recording.copy(Timestamp(due.0.saturating_sub(sleeps)))?;
    Ok((gid.to_string(), write))
}

/// Starts the runtime where long executions will be due soon, one by one; how late each goes on.
async fn wake_one_by_one(config: &Config, recorder: &Recorder) -> Result<(Resumed, Spread)> {
    let long = recorder.record(&plan(LONG), reprise_coordinator::now()).await?;
    let mut due = HashMap::new();
    let first = reprise_coordinator::now().plus_ms(LEAD_MS);
    write(config, LONG_COUNT, |number| {
        let at = first.plus_ms(number * APART_MS);
        let (gid, write) = due_at(&long, at)?;
        due.insert(gid, at);
        Ok(write)
    })
    .await?;
    let resumed = resume::in_a_child(config, LONG_COUNT).await?;
    let late = |(gid, at_ms): &(String, f64)| {
        let due = due.get(gid).with_context(|| format!("{gid} was not due"))?;
        let ms = at_ms - due.0 as f64;
        ensure!(ms >= 0.0 && resumed.ready_at_ms <= due.0 as f64, "{gid} was due before the runtime was up");
        Ok(Duration::from_secs_f64(ms / 1e3))
    };
    let late = resumed.arrivals.iter().map(late).collect::<Result<Vec<_>>>()?;
    ensure!(late.len() as u64 == LONG_COUNT, "{} went on", late.len());
    Ok((resumed, Spread::of(late)))
}

/// Starts the runtime where `count` executions are due already; the milliseconds until all are finished.
async fn wake_at_once(config: &Config, short: &Recording, count: u64) -> Result<Option<f64>> {
    let now = reprise_coordinator::now();
    write(config, count, |number| due_at(short, Timestamp(now.0 - (count - number))).map(|(_, write)| write)).await?;
    Ok(resume::in_a_child(config, count).await?.finished_ms)
}
