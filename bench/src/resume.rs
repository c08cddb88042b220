//! A runtime in a process of its own, on a store that another process has filled: this program calls itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use clap::Args;
use http::Method;
use reprise::config::{Config, Secret, StoreKind};
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use crate::load::Connection;
use crate::machine::resident_mib;
use crate::participant::{self, Arrival};
use crate::runtime::{Running, bank};

/// Name of the subcommand that is the child.
pub(crate) const COMMAND: &str = "resume";
/// Variable with the URL of the database: it may carry a password, so it is no argument.
const URL: &str = "REPRISE_BENCH_STORE_URL";
/// After the start, before the memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);
/// Between two looks at whether all are finished, once their last calls have come.
const LOOK: Duration = Duration::from_millis(5);
/// The longest time without a call while calls are awaited.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the child is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct ResumeArgs {
    #[arg(long, value_enum)]
    store: StoreKind,
    #[arg(long)]
    data_dir: PathBuf,
    /// Calls to wait for.
    #[arg(long)]
    calls: u64,
}

/// What the child tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Resumed {
    /// From the call that starts the runtime to the first answer that needs the store.
    pub(crate) start_ms: f64,
    /// When that was, UTC.
    pub(crate) ready_at_ms: f64,
    /// Memory of the process before the runtime starts.
    pub(crate) resident_before_mib: f64,
    /// And a while after.
    pub(crate) resident_mib: f64,
    /// From the call that starts the runtime until no execution is active any more; none if no calls were awaited.
    pub(crate) finished_ms: Option<f64>,
    /// The calls: of which execution, and when they came, UTC.
    pub(crate) arrivals: Vec<(String, f64)>,
}

/// Starts the child on the store of `config`, lets it wait for that many calls, and returns when it has ended.
pub(crate) async fn in_a_child(config: &Config, calls: u64) -> Result<Resumed> {
    let mut command = Command::new(std::env::current_exe()?);
    let store = crate::database::name(config.store);
    command.args([COMMAND, "--store", store, "--calls", &calls.to_string(), "--data-dir"]).arg(&config.data_dir);
    command.stdout(Stdio::piped()).kill_on_drop(true);
    if let Some(url) = &config.store_url {
        command.env(URL, url.reveal());
    }
    let output = command.spawn()?.wait_with_output().await?;
    ensure!(output.status.success(), "the runtime's process ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("what the runtime's process says")
}

/// The child.
pub(crate) async fn run(args: ResumeArgs) -> Result<Resumed> {
    let resident_before_mib = resident_mib();
    let (tell, mut calls) = unbounded_channel();
    let config = Config {
        listen: "127.0.0.1:0".into(),
        data_dir: args.data_dir,
        store: args.store,
        store_url: std::env::var(URL).ok().map(Secret::from),
        participants: bank(participant::start_telling(tell).await?),
        ..Config::default()
    };
    let clock = Clock::set();
    let began = Instant::now();
    let running = Running::start(&config).await?;
    let mut connection = Connection::open(running.address).await?;
    get(&mut connection, "/v1/executions?limit=1").await?;
    let ready = Instant::now();
    // What is due at once is not waited for: then the memory is that of a runtime at work.
    let (resident_mib, finished) =
        tokio::join!(resident_after(SETTLE), finish(&mut calls, args.calls, running.address));
    let (arrivals, finished) = finished?;
    running.stop().await?;
    Ok(Resumed {
        start_ms: (ready - began).as_secs_f64() * 1e3,
        ready_at_ms: clock.utc_ms(ready),
        resident_before_mib,
        resident_mib,
        finished_ms: finished.map(|at| (at - began).as_secs_f64() * 1e3),
        arrivals: arrivals.into_iter().map(|Arrival { gid, at }| (gid, clock.utc_ms(at))).collect(),
    })
}

async fn resident_after(time: Duration) -> f64 {
    tokio::time::sleep(time).await;
    resident_mib()
}
/// Waits for that many calls, then until no execution is active; the calls, and when that was.
async fn finish(
    calls: &mut UnboundedReceiver<Arrival>,
    count: u64,
    address: SocketAddr,
) -> Result<(Vec<Arrival>, Option<Instant>)> {
    let mut arrivals = Vec::new();
    if count == 0 {
        return Ok((arrivals, None));
    }
    while (arrivals.len() as u64) < count {
        let call = tokio::time::timeout(PATIENCE, calls.recv()).await;
        let call = call.with_context(|| format!("after {} of {count} calls no more come", arrivals.len()))?;
        arrivals.push(call.context("the participants have ended")?);
    }
    let mut connection = Connection::open(address).await?;
    while !is_empty(&get(&mut connection, "/v1/executions?activity=active&limit=1").await?)? {
        tokio::time::sleep(LOOK).await;
    }
    let finished = Instant::now();
    let quarantined = get(&mut connection, "/v1/executions?activity=quarantined&limit=1").await?;
    ensure!(is_empty(&quarantined)?, "an execution is quarantined: {}", String::from_utf8_lossy(&quarantined));
    Ok((arrivals, Some(finished)))
}

async fn get(connection: &mut Connection, path: &str) -> Result<Bytes> {
    let (status, body) = connection.send(Method::GET, path, "application/json", Bytes::new()).await?;
    ensure!(status.is_success(), "{path} was answered {status}: {}", String::from_utf8_lossy(&body));
    Ok(body)
}

/// Whether a list of executions is.
fn is_empty(list: &[u8]) -> Result<bool> {
    let list: serde_json::Value = serde_json::from_slice(list)?;
    Ok(list["executions"].as_array().context("a list of executions")?.is_empty())
}

/// The wall clock, finer than its milliseconds.
struct Clock {
    at: Instant,
    utc_ms: f64,
}

impl Clock {
    /// Set when the next millisecond begins.
    fn set() -> Self {
        let before = reprise_coordinator::now();
        loop {
            let now = reprise_coordinator::now();
            if now != before {
                return Self { at: Instant::now(), utc_ms: now.0 as f64 };
            }
        }
    }

    fn utc_ms(&self, later: Instant) -> f64 {
        self.utc_ms + (later - self.at).as_secs_f64() * 1e3
    }
}
