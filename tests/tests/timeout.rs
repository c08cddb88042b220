//! The timeout of a whole execution: what has not ended by then is rolled back, once, whatever it waits for.

use anyhow::{Result, ensure};
use reprise_tests::{RuntimeOptions, Stage, scenario, until};
use serde_json::{Value, json};

/// Everything that waits leaves memory nearly at once.
const EAGER: &str = "idle_ms=20";

async fn begin(stage: &Stage, gid: &str, timeout: &str, path: Value) -> Result<()> {
    let url = format!("/v1/executions/{gid}?workflow=scenario&timeout={timeout}");
    let (status, answer) = stage.runtime.post(&url, &scenario(path)).await?;
    ensure!(status == 202, "{status}: {answer}");
    Ok(())
}

/// Checks that it was rolled back by its timeout and what the bank was asked.
async fn is_late(stage: &Stage, gid: &str, log: &[&str]) -> Result<()> {
    let status = stage.runtime.finished(gid).await?;
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    ensure!(status["phase"] == "failed" && message.contains("did not end within its timeout"), "{status:#}");
    let asked = stage.bank.log_of(gid).await?;
    ensure!(asked == log, "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn a_sleeper_is_rolled_back_when_its_time_is_over() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    begin(&stage, "asleep", "300ms", json!({ "sleep": 3_600_000 })).await?;
    is_late(&stage, "asleep", &["/transfer-out done", "/transfer-out/revert done"]).await?;
    // The time passes while nobody is there to see it.
    begin(&stage, "overslept", "1s", json!({ "sleep": 3_600_000 })).await?;
    let parked = stage.runtime.becomes("overslept", "parked").await?;
    ensure!(parked["wake_at"].as_str() < Some("2100"), "{parked}");
    stage.restart()?;
    is_late(&stage, "overslept", &["/transfer-out done", "/transfer-out/revert done"]).await?;
    stage.has_moved(0).await
}

#[tokio::test]
async fn what_is_in_doubt_is_undone_too() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "doubt", "kind": "drop-reply", "times": 1_000 })).await?;
    begin(&stage, "doubt", "500ms", json!("plain")).await?;
    let status = stage.runtime.finished("doubt").await?;
    ensure!(status["phase"] == "failed", "{status:#}");
    let effects = stage.bank.effects("doubt").await?;
    let count = |branch: &str, op: &str| effects.get(&(branch.to_owned(), op.to_owned())).copied();
    for branch in ["01", "02"] {
        ensure!(count(branch, "action") == Some(1) && count(branch, "rollback") == Some(1), "{effects:?}");
    }
    stage.has_moved(0).await
}

#[tokio::test]
async fn an_end_in_time_is_not_touched() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    // Phase two may take as long as it takes: the decision was in time.
    stage.bank.fault(json!({ "path": "/transfer-in/confirm", "kind": "error", "times": 3 })).await?;
    begin(&stage, "in-time", "2s", json!({ "handlers": false })).await?;
    let status = stage.runtime.finished("in-time").await?;
    ensure!(status["phase"] == "succeeded", "{status:#}");
    stage.has_moved(1).await
}

#[tokio::test]
async fn the_length_is_checked() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::default()).await?;
    for (timeout, want) in [("0s", "30s"), ("soon", "soon"), ("5", "2h")] {
        let url = format!("/v1/executions/bad?workflow=scenario&timeout={timeout}");
        let (status, answer) = stage.runtime.post(&url, &scenario("plain")).await?;
        let detail = answer["detail"].as_str().unwrap_or_default();
        ensure!(status == 400 && detail.contains(want), "{status}: {answer}");
    }
    until("nothing was admitted", async || {
        Ok(stage.runtime.get("/v1/executions").await?["executions"].as_array().filter(|all| all.is_empty()).map(drop))
    })
    .await
}
