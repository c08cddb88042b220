//! Figures for `docs/languages.md`, on demand, from a release build on a quiet machine:
//! `cargo test --release --workspace --test conformance measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use reprise_engine::Rules;
use reprise_host::{Host, HostConfig, Program};
use reprise_tests::Language;
use reprise_tests::drive::{Drive, execution};
use serde_json::json;

use crate::guests::{SCENARIOS, built, config, prepared};
use crate::run::GID;
use crate::scenarios::{Scenario, Want, counting, plain};
use crate::stub;

const STARTS: usize = 200;
const LIVE: u32 = 50;
/// Enough for so many instances of components with many modules.
const INSTANCES: u32 = 400;
const CALLS: u32 = 2_000;
const REPLAYS: usize = 10;

#[tokio::test]
#[ignore = "measures"]
async fn measure() -> Result<()> {
    println!("| language | size | upload to ready | cached start | waiting instance | counts as | replayed call |");
    println!("|---|---|---|---|---|---|---|");
    for language in Language::ALL {
        if language.is_selected()? {
            println!("{}", row(language).await?);
        }
    }
    Ok(())
}

async fn row(language: Language) -> Result<String> {
    let file = built(language, SCENARIOS).await?;
    let size = std::fs::metadata(&file)?.len();
    let begun = Instant::now();
    let host = Host::new(HostConfig { instances: INSTANCES, ..config() })?;
    let program = prepared(&host, file).await?;
    let ready = begun.elapsed();
    let start = start(&program).await?;
    let memory = memory(&program).await?;
    let replay = replay(&program).await?;
    let (name, size, memory, counts) = (language.name(), bytes(size), bytes(memory), bytes(program.memory_bytes()));
    Ok(format!("| {name} | {size} | {ready:.1?} | {start:.0?} | {memory} | {counts} | {replay:.2?} |"))
}

fn bytes(bytes: u64) -> String {
    match bytes >> 10 {
        kib @ ..1_024 => format!("{kib} KiB"),
        kib => format!("{}.{} MiB", kib >> 10, ((kib & 1_023) * 10) >> 10),
    }
}

fn begin(scenario: &Scenario) -> Drive {
    let execution = execution(Rules::default(), GID, scenario.input.to_string().as_bytes());
    Drive::of(execution, scenario.script.clone())
}

/// A fresh instance of a compiled guest, a run that fails at once, and its end: the median.
async fn start(program: &Program) -> Result<Duration> {
    let nothing = Scenario { input: json!({ "scenario": "" }), ..plain("", stub::answer, Want::AnyOutput) };
    let mut spent = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let mut drive = begin(&nothing);
        let begun = Instant::now();
        drive.run(program).await?;
        spent.push(begun.elapsed());
    }
    spent.sort();
    Ok(spent[STARTS / 2])
}

/// What an instance that waits for its first answer adds to the resident memory of this process, bytes.
async fn memory(program: &Program) -> Result<u64> {
    let waits = plain("saga", stub::answer, Want::AnyOutput);
    let input = waits.input.to_string();
    let before = resident()?;
    let mut guests = Vec::new();
    for _ in 0..LIVE {
        guests.push(begin(&waits).place(program, None).await?);
    }
    let mut calls: Vec<_> = guests.iter_mut().map(|guest| Box::pin(guest.run(input.as_bytes()))).collect();
    for call in &mut calls {
        let waited = tokio::time::timeout(Duration::from_millis(20), call.as_mut()).await;
        anyhow::ensure!(waited.is_err(), "nobody answers it");
    }
    Ok((resident()?.saturating_sub(before) << 10) / u64::from(LIVE))
}

/// KiB.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("Linux tells it")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// A replayed call, the start of the instance included: the best of some.
async fn replay(program: &Program) -> Result<Duration> {
    let many = counting("many", CALLS);
    let mut live = begin(&many);
    live.run(program).await?;
    let journal = &live.journal[..=2 * CALLS as usize];
    let mut best = Duration::MAX;
    for _ in 0..REPLAYS {
        let mut replay = Drive::resume(journal, many.script.clone());
        let begun = Instant::now();
        replay.run(program).await?;
        best = best.min(begun.elapsed());
    }
    Ok(best / CALLS)
}
