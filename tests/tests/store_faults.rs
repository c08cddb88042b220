//! A disk that is full, files that can't be written: a clear error, and nothing that was acknowledged is lost.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{RuntimeOptions, Stage, program, scenario, until};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

/// Files of the runtime can't grow beyond so many KiB: for it, the disk is full there.
const DISK_KIB: u32 = 1_024;

fn on_a_small_disk() -> RuntimeOptions {
    let script = format!("trap '' XFSZ; ulimit -S -f {DISK_KIB}; exec \"$@\"");
    RuntimeOptions { under: ["bash", "-c", &script, "bash"].map(str::to_owned).into(), ..RuntimeOptions::default() }
}

/// Triggers until one is refused: those that were acknowledged, and the refusal.
async fn fill(stage: &Stage) -> Result<(Vec<String>, String, Value)> {
    let mut acknowledged = Vec::new();
    for number in 0..5_000 {
        let gid = format!("fills-{number}");
        let path = format!("/v1/executions/{gid}?workflow=scenario");
        let (code, answer) = stage.runtime.post(&path, &scenario("plain")).await?;
        match code {
            202 => acknowledged.push(gid),
            503 => return Ok((acknowledged, gid, answer)),
            _ => anyhow::bail!("{code}: {answer}"),
        }
    }
    anyhow::bail!("the disk is never full")
}

/// Frees the disk of a runtime that runs.
fn free(stage: &Stage) -> Result<()> {
    let pid = i32::try_from(stage.runtime.process.id())?;
    let pid = Pid::from_raw(pid).context("a process id is more than 0")?;
    // The soft limit was lowered, the hard one was not.
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: None, maximum: None })?;
    Ok(())
}

enum Repair {
    FreeSpace,
    Restart,
}

async fn fills_and_goes_on(repair: Repair) -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::default()).await?;
    stage.runtime.process.terminate()?;
    stage.start_with(on_a_small_disk())?;
    // In the middle of a call when the disk is full: its result comes, and can't be written.
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "middle", "kind": "delay", "delay_ms": 1_500 })).await?;
    stage.begin("middle", &scenario("plain")).await?;
    stage.bank.asked("middle", "/transfer-in", 1).await?;

    let (acknowledged, refused, problem) = fill(&stage).await?;
    println!("{} were acknowledged, then: {problem}", acknowledged.len());
    ensure!(!acknowledged.is_empty() && problem["type"] == "/problems/store-unavailable", "{problem}");
    let detail = problem["detail"].as_str().context("a detail")?;
    ensure!(detail.contains("disk") && detail.contains("same gid"), "what happened, what to do: {detail}");
    ensure!(detail.matches("the store is unavailable").count() == 1, "said twice: {detail}");
    ensure!(stage.runtime.get("/health").await?["status"] == "ok", "reading goes on");
    let list = stage.runtime.get("/v1/executions?limit=500").await?;
    ensure!(list["executions"].as_array().is_some_and(|all| all.len() > acknowledged.len()), "{list}");
    ensure!(stage.log()?.contains("the store does not take writes"), "nothing in the log");
    until("the call in the middle to be answered", async || {
        Ok(stage.bank.log_of("middle").await?.contains(&"/transfer-in done".to_owned()).then_some(()))
    })
    .await?;
    let status = stage.runtime.execution("middle", None).await?;
    ensure!(status["phase"] == "running", "it says more than is durable: {status}");

    match repair {
        Repair::FreeSpace => free(&stage)?,
        Repair::Restart => {
            stage.kill()?;
            stage.start_with(RuntimeOptions::default())?;
        }
    }
    for gid in acknowledged.iter().map(String::as_str).chain(["middle"]) {
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == "succeeded", "{status}");
    }
    let answer = stage.runtime.trigger(&refused, "scenario", &scenario("plain"), Some("30s")).await?;
    ensure!(answer["phase"] == "succeeded", "the refused one, repeated: {answer}");
    for gid in acknowledged.iter().map(String::as_str).chain(["middle", &refused]) {
        let effects = stage.bank.effects(gid).await?;
        ensure!(effects.len() == 2 && effects.values().all(|count| *count == 1), "{gid}: {effects:?}");
    }
    stage.has_moved(i64::try_from(acknowledged.len())? + 2).await
}

#[tokio::test]
async fn a_full_disk_refuses_new_work_and_goes_on_when_there_is_space() -> Result<()> {
    fills_and_goes_on(Repair::FreeSpace).await
}

#[tokio::test]
async fn a_full_disk_loses_nothing_over_a_crash() -> Result<()> {
    fills_and_goes_on(Repair::Restart).await
}

fn chmod(path: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("{} keeps its mode", path.display()))
}

/// Root may write everywhere, so the runtime runs as nobody.
fn as_nobody() -> RuntimeOptions {
    let words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    RuntimeOptions { under: words.map(str::to_owned).into(), ..RuntimeOptions::default() }
}

/// Whether this user may become nobody, and nobody may run the program.
fn can_be_nobody() -> Result<bool> {
    let under = as_nobody().under;
    let tried = Command::new(&under[0]).args(&under[1..]).arg(program("reprise", &[])?).arg("--version").output();
    Ok(tried.is_ok_and(|output| output.status.success()))
}

#[tokio::test]
async fn files_that_can_only_be_read_are_refused_at_the_start() -> Result<()> {
    if !can_be_nobody()? {
        println!("skipped: needs root, setpriv and a program that everybody may run");
        return Ok(());
    }
    let mut stage = Stage::open(RuntimeOptions::default()).await?;
    stage.runtime.trigger("before", "scenario", &scenario("plain"), Some("30s")).await?;
    stage.runtime.process.terminate()?;
    let data = stage.dir.path().join("reprise");
    let file = stage.runtime.store_file();
    let lock = data.join("reprise.db.lock");
    chmod(stage.dir.path(), 0o755)?;

    // The directory, then the file alone.
    for (mode, removes_lock, parts) in
        [(0o755, false, ["reprise.db", "writable"]), (0o777, true, ["reprise.db", "writable"])]
    {
        chmod(&data, mode)?;
        chmod(&file, 0o444)?;
        if removes_lock {
            std::fs::remove_file(&lock)?;
        }
        let error = stage.start_with(as_nobody()).err().context("it starts on files that it can't write")?;
        let text = format!("{error:#}");
        println!("{text}");
        for part in parts {
            ensure!(text.contains(part), "{part} is not in: {text}");
        }
    }
    if lock.exists() {
        std::fs::remove_file(&lock)?;
    }
    chmod(&file, 0o644)?;
    stage.start_with(RuntimeOptions::default())?;
    ensure!(stage.runtime.execution("before", None).await?["phase"] == "succeeded", "it lost something");
    stage.has_moved(1).await
}
