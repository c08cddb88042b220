//! Two-branch sagas per second through the whole runtime, and through the bare orchestrator, in turns.
//!
//! Everything is in one process: client, runtime (or orchestrator) and participants share the processors, as they do
//! on a small machine; the ratio of the two rates is what says something about the runtime.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::Method;
use reprise::config::{Config, StoreKind};
use reprise::serve::Server;
use reprise_outbound::{OutboundConfig, Participant};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::database::Database;
use crate::load::{self, Connection, Done};
use crate::machine::cpu_time;
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
    /// The component of `transfer-saga`.
    pub component: Bytes,
    /// An existing folder on the disk that is to be measured.
    pub dir: PathBuf,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Saga {
    /// `sqlite`, `postgres`, `mysql` or `memory`.
    pub store: &'static str,
    /// Transfers under way at one time.
    pub in_flight: usize,
    /// Whole transactions, answered `succeeded`.
    pub workflows_per_s: f64,
    /// Median latency of a transaction as its client sees it.
    pub p50_ms: f64,
    /// Its 99th percentile.
    pub p99_ms: f64,
    /// Database transactions, where they can be counted from outside.
    pub commits_per_s: Option<f64>,
    /// Transactions that shared a database transaction, each of them taking part in three.
    pub workflows_per_commit: Option<f64>,
    /// Processor time per transaction: client, runtime and participants.
    pub cpu_ms_per_workflow: f64,
    /// The same rate of the bare orchestrator.
    pub ceiling_per_s: f64,
    /// Its median latency.
    pub ceiling_p50_ms: f64,
    /// Its processor time: client, orchestrator and participants.
    pub ceiling_cpu_ms: f64,
    /// `workflows_per_s / ceiling_per_s`.
    pub ratio: f64,
}

/// Measures. Takes a little over twice `seconds`.
///
/// # Errors
/// A server that does not start, or an answer that is not `succeeded`.
pub async fn measure(options: &SagaOptions) -> Result<Saga> {
    let data = tempfile::Builder::new().prefix("reprise-bench-").tempdir_in(&options.dir)?;
    let url = format!("http://{}", participant::start().await?);
    let participants = BTreeMap::from([("bank".to_owned(), Participant::at(url))]);
    let bare =
        orchestrator::start(OutboundConfig { participants: participants.clone(), ..OutboundConfig::default() }).await?;
    let config = Config {
        listen: "127.0.0.1:0".into(),
        data_dir: data.path().join("data"),
        store: options.store,
        participants,
        ..Config::default()
    };
    let database = Database::start(options.store, data.path()).await?;
    let store_url = database.as_ref().map(|database| database.url.clone().into());
    let config = Config { store_url, ..config };
    let wal_index = config.data_dir.join("reprise.db-shm");
    let server = Server::start(&config).await.context("the runtime does not start")?;
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let (status, body) = Connection::open(address)
        .await?
        .send(Method::PUT, "/v1/workflows/transfer", "application/wasm", options.component.clone())
        .await?;
    ensure!(status.is_success(), "the upload was answered {status}: {}", String::from_utf8_lossy(&body));

    let turn = Duration::from_secs_f64(options.seconds / f64::from(TURNS));
    load::run(bare, options.in_flight, WARM_UP).await?;
    load::run(address, options.in_flight, WARM_UP).await?;
    let (mut ceiling, mut runtime) = (Measured::default(), Measured::default());
    for _ in 0..TURNS {
        ceiling.turn(load::run(bare, options.in_flight, turn), &wal_index).await?;
        runtime.turn(load::run(address, options.in_flight, turn), &wal_index).await?;
    }
    drop(stop);
    server.await??;
    Ok(summary(options, runtime, ceiling))
}

fn summary(options: &SagaOptions, runtime: Measured, ceiling: Measured) -> Saga {
    let (rate, bare_rate) = (runtime.done.per_second(), ceiling.done.per_second());
    let per = |cpu: Duration, count: usize| cpu.as_secs_f64() * 1e3 / count.max(1) as f64;
    let count = runtime.done.latencies.len();
    let (store, commits) = match options.store {
        StoreKind::Sqlite => ("sqlite", Some(f64::from(runtime.commits)).filter(|commits| *commits > 0.0)),
        StoreKind::Postgres => ("postgres", None),
        StoreKind::Mysql => ("mysql", None),
        StoreKind::Memory => ("memory", None),
    };
    let seconds = runtime.done.elapsed.as_secs_f64();
    let (cpu_ms_per_workflow, ceiling_cpu_ms) =
        (per(runtime.cpu, count), per(ceiling.cpu, ceiling.done.latencies.len()));
    let (spread, bare_spread) = (Spread::of(runtime.done.latencies), Spread::of(ceiling.done.latencies));
    Saga {
        store,
        in_flight: options.in_flight,
        workflows_per_s: rate,
        p50_ms: spread.p50_us / 1e3,
        p99_ms: spread.p99_us / 1e3,
        commits_per_s: commits.map(|commits| commits / seconds),
        workflows_per_commit: commits.map(|commits| count as f64 / commits),
        cpu_ms_per_workflow,
        ceiling_per_s: bare_rate,
        ceiling_p50_ms: bare_spread.p50_us / 1e3,
        ceiling_cpu_ms,
        ratio: rate / bare_rate,
    }
}

/// All turns of one of the two.
#[derive(Default)]
struct Measured {
    done: Done,
    cpu: Duration,
    commits: u32,
}

impl Measured {
    async fn turn(&mut self, load: impl Future<Output = Result<Done>>, wal_index: &Path) -> Result<()> {
        let (cpu, commits) = (cpu_time(), commits(wal_index));
        self.done.add(load.await?);
        self.cpu += cpu_time().saturating_sub(cpu);
        if let (Some(before), Some(after)) = (commits, self::commits(wal_index)) {
            self.commits += after.wrapping_sub(before);
        }
        Ok(())
    }
}

/// SQLite counts its write transactions in the header of the log's index: `iChange`, the third word.
/// <https://www.sqlite.org/walformat.html#the_wal_index_header>
fn commits(wal_index: &Path) -> Option<u32> {
    let header = fs::read(wal_index).ok()?;
    let word: [u8; 4] = header.get(8..12)?.try_into().ok()?;
    Some(u32::from_ne_bytes(word))
}
