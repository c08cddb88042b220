//! The command line: which figures, and how they are printed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use reprise::config::StoreKind;
use tokio::runtime::Runtime;

use crate::guest::{self, Probe};
use crate::machine::Machine;
use crate::report::Report;
use crate::saga::{self, SagaOptions};
use crate::{append, fsync};

/// In flight, as `all` measures it.
const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
/// Of each saga of `all`.
const SAGA_SECONDS: f64 = 8.0;
/// Of each small figure.
const SMALL: Duration = Duration::from_millis(1_000);

/// Measures Reprise; docs/performance.md explains the figures. Use a release build on a quiet machine.
#[derive(Debug, Parser)]
#[command(name = "reprise-bench")]
pub struct Cli {
    /// Prints one JSON object instead of lines.
    #[arg(long, global = true)]
    json: bool,
    /// Folder on the disk that is measured [default: bench in cargo's target folder].
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// Two-branch sagas per second through the whole runtime, against a bare orchestrator.
    Saga {
        /// Where executions are kept.
        #[arg(long, value_enum, default_value = "sqlite")]
        store: StoreKind,
        /// Transfers under way at one time.
        #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        concurrency: u16,
        /// How long the runtime is measured; the orchestrator takes as long again.
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
    /// A fresh instance, a run that does nothing, and its end.
    Start,
    /// Host calls of a guest whose results are recorded.
    Call,
    /// Recorded results replayed per second.
    Replay,
    /// Entries made durable per second by batch size.
    Append {
        /// Where they are kept.
        #[arg(long, value_enum, default_value = "sqlite")]
        store: StoreKind,
    },
    /// Latency of the disk.
    Fsync,
    /// Everything, each for a short time.
    All,
}

impl Cli {
    /// Measures and prints.
    ///
    /// # Errors
    /// Something could not be measured.
    pub fn run(self) -> Result<()> {
        let dir = self.dir.unwrap_or_else(default_dir);
        std::fs::create_dir_all(&dir).with_context(|| format!("the folder {}", dir.display()))?;
        let mut report = Report::new(Machine::look(&dir));
        let runtime = Runtime::new()?;
        match self.figure {
            Figure::Saga { store, concurrency, seconds } => {
                sagas(&runtime, &mut report, &dir, seconds, &[(store, usize::from(concurrency))])?;
            }
            Figure::Start => start(&runtime, &mut report)?,
            Figure::Call => call(&runtime, &mut report)?,
            Figure::Replay => replay(&runtime, &mut report, &dir)?,
            Figure::Append { store } => report.append = runtime.block_on(append::measure(store, &dir, 2 * SMALL))?,
            Figure::Fsync => report.fsync = Some(fsync::measure(&dir, 2 * SMALL)?),
            Figure::All => {
                report.fsync = Some(fsync::measure(&dir, 2 * SMALL)?);
                start(&runtime, &mut report)?;
                call(&runtime, &mut report)?;
                replay(&runtime, &mut report, &dir)?;
                report.append = runtime.block_on(append::measure(StoreKind::Sqlite, &dir, 2 * SMALL))?;
                let mut cases: Vec<_> = IN_FLIGHT.map(|in_flight| (StoreKind::Sqlite, in_flight)).into();
                // What the disk has to do with it.
                cases.push((StoreKind::Memory, 64));
                sagas(&runtime, &mut report, &dir, SAGA_SECONDS, &cases)?;
            }
        }
        if self.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            print!("{report}");
        }
        Ok(())
    }
}

/// A folder for temporary files may be in memory, where a sync costs nothing.
fn default_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("bench")
}

fn start(runtime: &Runtime, report: &mut Report) -> Result<()> {
    runtime.block_on(async {
        let probe = Probe::prepare().await?;
        report.start = Some(guest::start(&probe, 2 * SMALL).await?);
        Ok(())
    })
}

fn call(runtime: &Runtime, report: &mut Report) -> Result<()> {
    runtime.block_on(async {
        let probe = Probe::prepare().await?;
        report.call = Some(guest::call(&probe, SMALL).await?);
        Ok(())
    })
}

fn replay(runtime: &Runtime, report: &mut Report, dir: &Path) -> Result<()> {
    runtime.block_on(async {
        let probe = Probe::prepare().await?;
        report.replay = guest::replay(&probe, dir, SMALL).await?;
        Ok(())
    })
}

fn sagas(runtime: &Runtime, report: &mut Report, dir: &Path, seconds: f64, cases: &[(StoreKind, usize)]) -> Result<()> {
    let component = bytes::Bytes::from(std::fs::read(reprise_tests::guest("transfer-saga")?)?);
    for (store, in_flight) in cases {
        eprintln!("saga: {store:?}, {in_flight} in flight ...");
        let options = SagaOptions {
            store: *store,
            in_flight: *in_flight,
            seconds,
            component: component.clone(),
            dir: dir.to_owned(),
        };
        report.saga.push(runtime.block_on(saga::measure(&options))?);
    }
    Ok(())
}
