//! The command line: which figures, and how they are printed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use reprise::config::StoreKind;

use crate::finished::{self, FinishedOptions};
use crate::guest::{self, Probe};
use crate::length::{self, LengthOptions};
use crate::machine::Machine;
use crate::parked::{self, ParkedOptions};
use crate::report::Report;
use crate::resume::{self, ResumeArgs};
use crate::saga::{self, SagaOptions};
use crate::{append, database, fsync};

/// In flight, as `all` measures it.
const IN_FLIGHT: [u16; 4] = [1, 16, 64, 256];
/// In flight, as `saga --plot` draws it.
const IN_FLIGHT_DRAWN: [u16; 5] = [1, 4, 16, 64, 256];
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
    Saga(SagaArgs),
    /// Executions that wait: what a start on them takes, and how fast they go on.
    Parked {
        /// Where executions are kept.
        #[arg(long, value_enum, default_value = "sqlite")]
        store: StoreKind,
        /// Executions that wait for a far time.
        #[arg(long, default_value_t = 1_000_000)]
        count: u64,
        /// Executions that are due at the start.
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
        due: u64,
    },
    /// Sagas per second on stores with finished executions, against the first of them.
    Finished {
        /// Where executions are kept.
        #[arg(long, value_enum, default_value = "sqlite")]
        store: StoreKind,
        /// Finished executions of each store.
        #[arg(long, value_delimiter = ',', default_value = "0,100000,1000000")]
        counts: Vec<u64>,
        /// Transfers under way at one time.
        #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        concurrency: u16,
        /// How long each store is measured.
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
    },
    /// What a step costs by the length of its execution, run and replayed.
    Length {
        /// Where the executions that are run are kept.
        #[arg(long, value_enum, default_value = "sqlite")]
        store: StoreKind,
        /// The longest execution, in steps.
        #[arg(long, default_value_t = 100_000)]
        most: u32,
        /// How long each figure of each length is measured, at least.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        /// Draws performance-length-STORE.svg in this folder.
        #[arg(long, value_name = "DIR")]
        plot: Option<PathBuf>,
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
    /// A part of `parked`, which calls it.
    #[command(name = resume::COMMAND, hide = true)]
    Resume(ResumeArgs),
}

/// What of a saga is measured.
#[derive(Debug, Clone, Copy)]
struct Measures {
    /// The orchestrator too.
    ceiling: bool,
    /// Through DTM's face.
    dtm: bool,
}

impl Measures {
    const BOTH: Self = Self { ceiling: true, dtm: false };
}

#[derive(Debug, Args)]
struct SagaArgs {
    /// Where executions are kept.
    #[arg(long, value_enum, default_value = "sqlite")]
    store: StoreKind,
    /// Transfers under way at one time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,
    /// How long the runtime is measured; the orchestrator takes as long again.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Clients send sagas as DTM's do (`[dtm]`), in place of triggering the workflow.
    #[arg(long, conflicts_with = "plot")]
    dtm: bool,
    /// Leaves the orchestrator out, for a profile of the runtime.
    #[arg(long)]
    without_ceiling: bool,
    /// Measures 1, 4, 16, 64 and 256 in flight, and draws performance-saga-STORE.svg in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "concurrency")]
    plot: Option<PathBuf>,
}

impl Cli {
    /// Measures and prints.
    ///
    /// # Errors
    /// Something could not be measured.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are told apart below")]
    pub fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Runtime::new()?;
        let figure = match self.figure {
            Figure::Resume(args) => {
                println!("{}", serde_json::to_string(&runtime.block_on(resume::run(args))?)?);
                return Ok(());
            }
            figure => figure,
        };
        let dir = self.dir.unwrap_or_else(default_dir);
        std::fs::create_dir_all(&dir).with_context(|| format!("the folder {}", dir.display()))?;
        let mut bench = Bench { report: Report::new(Machine::look(&dir)), dir };
        runtime.block_on(bench.measure(figure))?;
        if self.json {
            println!("{}", serde_json::to_string(&bench.report)?);
        } else {
            print!("{}", bench.report);
        }
        Ok(())
    }
}

/// A folder for temporary files may be in memory, where a sync costs nothing.
fn default_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("bench")
}

/// What is measured so far, and where.
struct Bench {
    report: Report,
    dir: PathBuf,
}

impl Bench {
    async fn measure(&mut self, figure: Figure) -> Result<()> {
        match figure {
            Figure::Saga(args) => self.sagas(args).await,
            Figure::Parked { store, count, due } => self.parked(store, count, due).await,
            Figure::Finished { store, counts, concurrency, seconds } => {
                self.finished(store, counts, concurrency, seconds).await
            }
            Figure::Length { store, most, seconds, plot } => self.length(store, most, seconds, plot.as_deref()).await,
            Figure::Start => self.start().await,
            Figure::Call => self.call().await,
            Figure::Replay => self.replay().await,
            Figure::Append { store } => self.append(store).await,
            Figure::Fsync => self.fsync(),
            Figure::All => self.all().await,
            Figure::Resume(_) => unreachable!("it prints by itself"),
        }
    }

    async fn all(&mut self) -> Result<()> {
        self.fsync()?;
        self.start().await?;
        self.call().await?;
        self.replay().await?;
        self.append(StoreKind::Sqlite).await?;
        self.length(StoreKind::Sqlite, 1_000, 1.0, None).await?;
        self.parked(StoreKind::Sqlite, 100_000, 5_000).await?;
        self.finished(StoreKind::Sqlite, vec![0, 100_000], 64, SAGA_SECONDS).await?;
        for in_flight in IN_FLIGHT {
            self.saga(StoreKind::Sqlite, in_flight, SAGA_SECONDS, Measures::BOTH).await?;
        }
        // What the disk has to do with it.
        self.saga(StoreKind::Memory, 64, SAGA_SECONDS, Measures::BOTH).await?;
        // The same as DTM's clients ask for it.
        self.saga(StoreKind::Sqlite, 64, SAGA_SECONDS, Measures { dtm: true, ..Measures::BOTH }).await
    }

    async fn sagas(&mut self, args: SagaArgs) -> Result<()> {
        let SagaArgs { store, concurrency, seconds, dtm, without_ceiling, plot } = args;
        let measures = Measures { ceiling: !without_ceiling, dtm };
        let Some(folder) = plot else { return self.saga(store, concurrency, seconds, measures).await };
        for in_flight in IN_FLIGHT_DRAWN {
            self.saga(store, in_flight, seconds, measures).await?;
        }
        saga::chart(&self.report.saga).draw(&drawing(&folder, "saga", store)?)
    }

    async fn saga(&mut self, store: StoreKind, in_flight: u16, seconds: f64, measures: Measures) -> Result<()> {
        let Measures { ceiling, dtm } = measures;
        eprintln!("saga: {}, {in_flight} in flight ...", database::name(store));
        let component = bytes::Bytes::from(std::fs::read(reprise_tests::guest("transfer-saga")?)?);
        let (in_flight, dir) = (usize::from(in_flight), self.dir.clone());
        let options = SagaOptions { store, in_flight, seconds, ceiling, dtm, component, dir };
        self.report.saga.push(saga::measure(&options).await?);
        Ok(())
    }

    async fn parked(&mut self, store: StoreKind, count: u64, due: u64) -> Result<()> {
        let options = ParkedOptions { store, count, due, dir: self.dir.clone() };
        self.report.parked.push(parked::measure(&options).await?);
        Ok(())
    }

    async fn finished(&mut self, store: StoreKind, counts: Vec<u64>, in_flight: u16, seconds: f64) -> Result<()> {
        let (in_flight, dir) = (usize::from(in_flight), self.dir.clone());
        let options = FinishedOptions { store, counts, in_flight, seconds, dir };
        self.report.finished.extend(finished::measure(&options).await?);
        Ok(())
    }

    async fn length(&mut self, store: StoreKind, most: u32, seconds: f64, plot: Option<&Path>) -> Result<()> {
        let time = Duration::from_secs_f64(seconds);
        let rows = length::measure(&LengthOptions { store, most, time, dir: self.dir.clone() }).await?;
        if let Some(folder) = plot {
            length::chart(&rows).draw(&drawing(folder, "length", store)?)?;
        }
        self.report.length.extend(rows);
        Ok(())
    }

    async fn start(&mut self) -> Result<()> {
        self.report.start = Some(guest::start(&Probe::prepare().await?, 2 * SMALL).await?);
        Ok(())
    }

    async fn call(&mut self) -> Result<()> {
        self.report.call = Some(guest::call(&Probe::prepare().await?, SMALL).await?);
        Ok(())
    }

    async fn replay(&mut self) -> Result<()> {
        self.report.replay = guest::replay(&Probe::prepare().await?, &self.dir, SMALL).await?;
        Ok(())
    }

    async fn append(&mut self, store: StoreKind) -> Result<()> {
        self.report.append = append::measure(store, &self.dir, 2 * SMALL).await?;
        Ok(())
    }

    fn fsync(&mut self) -> Result<()> {
        self.report.fsync = Some(fsync::measure(&self.dir, 2 * SMALL)?);
        Ok(())
    }
}

/// The file of a chart; its folder is made.
fn drawing(folder: &Path, figure: &str, store: StoreKind) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("the folder {}", folder.display()))?;
    Ok(folder.join(format!("performance-{figure}-{}.svg", database::name(store))))
}
