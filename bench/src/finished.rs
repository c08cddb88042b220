//! Sagas per second on stores that hold many finished executions, against an empty one in the same run.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reprise::config::StoreKind;
use serde::Serialize;

use crate::database::{self, Opened};
use crate::fill::{deploy, fill};
use crate::load::{self, Asks, Done, ORDER};
use crate::recorder::Recorder;
use crate::runtime::{Place, Running, bank};
use crate::{Spread, participant};

/// Turns of each store, so that a slow spell of the machine hits all.
const TURNS: u32 = 8;
/// Of each store, before the first turn.
const WARM_UP: Duration = Duration::from_millis(500);

/// What to measure.
#[derive(Debug, Clone)]
pub struct FinishedOptions {
    /// Where executions are kept.
    pub store: StoreKind,
    /// Finished executions, of each store; the first one is what the others are compared with.
    pub counts: Vec<u64>,
    /// Transfers under way at one time.
    pub in_flight: usize,
    /// Seconds of each store.
    pub seconds: f64,
    /// An existing folder on the disk that is to be measured.
    pub dir: PathBuf,
}

/// What came out of one store.
#[derive(Debug, Clone, Serialize)]
pub struct Finished {
    /// `sqlite`, `postgres`, `mysql` or `memory`.
    pub store: &'static str,
    /// Finished executions in it before the first turn.
    pub finished: u64,
    /// Whole transactions, answered `succeeded`.
    pub workflows_per_s: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// Its 99th percentile.
    pub p99_ms: f64,
    /// To the rate of the first store.
    pub ratio: f64,
}

/// Measures: a runtime for each store, all in this process, at work one after the other.
///
/// # Errors
/// A store or a runtime failed, or an answer is not `succeeded`.
pub async fn measure(options: &FinishedOptions) -> Result<Vec<Finished>> {
    database::durable(options.store)?;
    let participants = bank(participant::start().await?);
    let first = Place::make(options.store, &options.dir, participants).await?;
    let mut places = Vec::new();
    for _ in options.counts.iter().skip(1) {
        places.push(first.another(&options.dir).await?);
    }
    places.insert(0, first);
    let mut runtimes = Vec::new();
    for (place, count) in places.iter().zip(&options.counts) {
        runtimes.push((start(place, *count).await?, Done::default()));
    }
    for (running, _) in &runtimes {
        load::run(running.address, Asks::Workflow, options.in_flight, WARM_UP).await?;
    }
    let turn = Duration::from_secs_f64(options.seconds / f64::from(TURNS));
    for _ in 0..TURNS {
        for (running, done) in &mut runtimes {
            done.add(load::run(running.address, Asks::Workflow, options.in_flight, turn).await?);
        }
    }
    let base = runtimes.first().map(|(_, done)| done.per_second()).context("no count is given")?;
    let mut rows = Vec::new();
    for ((running, done), count) in runtimes.into_iter().zip(&options.counts) {
        running.stop().await?;
        rows.push(row(options.store, *count, done, base));
    }
    Ok(rows)
}

/// Fills the store of a place and starts its runtime.
async fn start(place: &Place, count: u64) -> Result<Running> {
    eprintln!("finished: {count} executions are written ...");
    let recorder = Recorder::prepare("transfer-saga", "transfer", place.config.cache_dir()).await?;
    let recording = recorder.record(ORDER, reprise_coordinator::now()).await?;
    let opened = Opened::open(&place.config).await?;
    deploy(opened.store(), &recorder).await?;
    fill(opened.store(), count, |_| recording.copy(reprise_coordinator::now()).map(|(_, write)| write)).await?;
    opened.close().await?;
    Running::start(&place.config).await
}

fn row(store: StoreKind, finished: u64, done: Done, base: f64) -> Finished {
    let workflows_per_s = done.per_second();
    let spread = Spread::of(done.latencies);
    Finished {
        store: database::name(store),
        finished,
        workflows_per_s,
        p50_ms: spread.p50_us / 1e3,
        p99_ms: spread.p99_us / 1e3,
        ratio: workflows_per_s / base,
    }
}
