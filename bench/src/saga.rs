//! Two-branch sagas per second through the whole runtime, and through the bare orchestrator, in turns.
//!
//! Everything is in one process: client, runtime (or orchestrator) and participants share the processors, as they do
//! on a small machine; the ratio of the two rates is what says something about the runtime. A database server is a
//! process of its own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use reprise::config::StoreKind;
use reprise_outbound::OutboundConfig;
use serde::Serialize;

use crate::database::{self, Gauge};
use crate::load::{self, Asks, Done};
use crate::machine::cpu_time;
use crate::plot::{Chart, NamesAt};
use crate::runtime::{Place, Running, bank};
use crate::{Spread, orchestrator, participant};

/// Turns of each of the two, so that a slow spell of the machine hits both.
const TURNS: u32 = 4;
/// Before each of the two is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// What to measure.
#[derive(Debug, Clone)]
pub struct SagaOptions {
    /// Where executions are kept.
    pub store: StoreKind,
    /// Transfers under way at one time.
    pub in_flight: usize,
    /// Seconds of the runtime; the orchestrator takes as long again.
    pub seconds: f64,
    /// Whether the orchestrator is measured too.
    pub ceiling: bool,
    /// Whether clients send sagas as DTM's do, in place of triggering the workflow.
    pub dtm: bool,
    /// The component of `transfer-saga`.
    pub component: Bytes,
    /// An existing folder on the disk that is to be measured.
    pub dir: PathBuf,
}

/// What came out. Without the orchestrator its figures and the ratio are none (`null`).
#[derive(Debug, Clone, Serialize)]
pub struct Saga {
    /// `sqlite`, `postgres`, `mysql` or `memory`.
    pub store: &'static str,
    /// `workflow`, or `dtm` for sagas as DTM's clients send them.
    pub face: &'static str,
    /// Transfers under way at one time.
    pub in_flight: usize,
    /// Whole transactions, answered `succeeded`.
    pub workflows_per_s: f64,
    /// Median latency of a transaction as its client sees it.
    pub p50_ms: f64,
    /// Its 99th percentile.
    pub p99_ms: f64,
    /// Database transactions that write; none for a store in memory.
    pub commits_per_s: Option<f64>,
    /// Workflows per database transaction. Each workflow takes part in three of them.
    pub workflows_per_commit: Option<f64>,
    /// Processor time per transaction: client, runtime and participants, without a database server's.
    pub cpu_ms_per_workflow: f64,
    /// The same rate of the bare orchestrator.
    pub ceiling_per_s: Option<f64>,
    /// Its median latency.
    pub ceiling_p50_ms: Option<f64>,
    /// Its processor time: client, orchestrator and participants.
    pub ceiling_cpu_ms: Option<f64>,
    /// `workflows_per_s / ceiling_per_s`.
    pub ratio: Option<f64>,
}

/// Measures. Takes a little over twice `seconds`.
///
/// # Errors
/// A server that does not start, or an answer that is not `succeeded`.
pub async fn measure(options: &SagaOptions) -> Result<Saga> {
    let participant = participant::start().await?;
    let participants = bank(participant);
    let bare = OutboundConfig { participants: participants.clone(), ..OutboundConfig::default() };
    let bare = if options.ceiling { Some(orchestrator::start(bare).await?) } else { None };
    let mut place = Place::make(options.store, &options.dir, participants).await?;
    if options.dtm {
        place.serve_dtm();
    }
    let mut gauge = Gauge::open(&place.config).await?;
    let running = Running::start(&place.config).await?;
    running.deploy("transfer", options.component.clone()).await?;

    let turn = Duration::from_secs_f64(options.seconds / f64::from(TURNS));
    let (address, asks) = match running.dtm {
        Some(address) => (address, Asks::DtmSaga(participant)),
        None => (running.address, Asks::Workflow),
    };
    for (address, asks) in bare.map(|bare| (bare, Asks::Workflow)).into_iter().chain([(address, asks)]) {
        load::run(address, asks, options.in_flight, WARM_UP).await?;
    }
    let (mut ceiling, mut runtime) = (bare.map(|_| Measured::default()), Measured::default());
    for _ in 0..TURNS {
        if let (Some(bare), Some(ceiling)) = (bare, &mut ceiling) {
            ceiling.turn(load::run(bare, Asks::Workflow, options.in_flight, turn)).await?;
        }
        let before = gauge.commits().await?;
        runtime.turn(load::run(address, asks, options.in_flight, turn)).await?;
        if let (Some(before), Some(after)) = (before, gauge.commits().await?) {
            *runtime.commits.get_or_insert(0) += after.saturating_sub(before);
        }
    }
    running.stop().await?;
    Ok(summary(options, runtime, ceiling))
}

fn summary(options: &SagaOptions, runtime: Measured, ceiling: Option<Measured>) -> Saga {
    let (commits, seconds) = (runtime.commits.map(|commits| commits as f64), runtime.done.elapsed.as_secs_f64());
    let count = runtime.done.latencies.len() as f64;
    let (runtime, ceiling) = (runtime.figures(), ceiling.map(Measured::figures));
    Saga {
        store: database::name(options.store),
        face: if options.dtm { "dtm" } else { "workflow" },
        in_flight: options.in_flight,
        workflows_per_s: runtime.per_s,
        p50_ms: runtime.spread.p50_us / 1e3,
        p99_ms: runtime.spread.p99_us / 1e3,
        commits_per_s: commits.map(|commits| commits / seconds),
        workflows_per_commit: commits.filter(|commits| *commits > 0.0).map(|commits| count / commits),
        cpu_ms_per_workflow: runtime.cpu_ms,
        ceiling_per_s: ceiling.as_ref().map(|ceiling| ceiling.per_s),
        ceiling_p50_ms: ceiling.as_ref().map(|ceiling| ceiling.spread.p50_us / 1e3),
        ceiling_cpu_ms: ceiling.as_ref().map(|ceiling| ceiling.cpu_ms),
        ratio: ceiling.as_ref().map(|ceiling| runtime.per_s / ceiling.per_s),
    }
}

/// All turns of one of the two.
#[derive(Default)]
struct Measured {
    done: Done,
    cpu: Duration,
    commits: Option<u64>,
}

struct Figures {
    per_s: f64,
    cpu_ms: f64,
    spread: Spread,
}

impl Measured {
    async fn turn(&mut self, load: impl Future<Output = Result<Done>>) -> Result<()> {
        let cpu = cpu_time();
        self.done.add(load.await?);
        self.cpu += cpu_time().saturating_sub(cpu);
        Ok(())
    }

    fn figures(self) -> Figures {
        let count = self.done.latencies.len().max(1) as f64;
        Figures {
            per_s: self.done.per_second(),
            cpu_ms: self.cpu.as_secs_f64() * 1e3 / count,
            spread: Spread::of(self.done.latencies),
        }
    }
}

/// Rates over what is under way at one time; of one store.
pub(crate) fn chart(sagas: &[Saga]) -> Chart {
    let line = |rate: fn(&Saga) -> Option<f64>| {
        sagas.iter().filter_map(|saga| Some((saga.in_flight as f64, rate(saga)?))).collect::<Vec<_>>()
    };
    let lines =
        [("runtime", line(|saga| Some(saga.workflows_per_s))), ("bare orchestrator", line(|saga| saga.ceiling_per_s))];
    Chart {
        across: "in flight",
        upwards: "workflows per second",
        step: 4.0,
        names_at: NamesAt::LowerRight,
        lines: lines.into_iter().filter(|(_, points)| !points.is_empty()).collect(),
    }
}
