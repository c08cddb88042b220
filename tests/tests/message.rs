//! Two-phase messages and pivots: what can't be undone, and what must therefore be driven to its end.

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{RuntimeOptions, Stage, guest_with, scenario};
use serde_json::{Value, json};

/// Everything that waits leaves memory nearly at once.
const EAGER: &str = "idle_ms=20";

async fn prepare(stage: &Stage, gid: &str, check_after: &str) -> Result<(u16, Value)> {
    let url = format!("/v1/executions/{gid}?workflow=scenario&prepare=bank/query-prepared&check_after={check_after}");
    stage.runtime.post(&url, &scenario("deliver")).await
}

async fn decide(stage: &Stage, gid: &str, verdict: &str) -> Result<(u16, Value)> {
    stage.runtime.post(&format!("/v1/executions/{gid}/{verdict}"), &json!({})).await
}

/// What the bank was asked for a gid, the polling of the tests left out.
async fn log(stage: &Stage, gid: &str) -> Result<Vec<String>> {
    stage.bank.log_of(gid).await
}

#[tokio::test]
async fn a_prepared_message_waits_for_its_sender() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    let (status, answer) = prepare(&stage, "m", "1h").await?;
    ensure!(status == 202, "{status}: {answer}");
    let parked = stage.runtime.becomes("m", "parked").await?;
    ensure!(parked["note"]["kind"] == "prepared" && parked["phase"] == "running", "{parked}");
    // It waits through a restart, and submitting it brings it back from there.
    stage.restart()?;
    ensure!(log(&stage, "m").await?.is_empty(), "nothing may be done before it is submitted");
    for _ in 0..2 {
        let (status, answer) = decide(&stage, "m", "submit").await?;
        ensure!([200, 202].contains(&status), "{status}: {answer}");
    }
    let status = stage.runtime.finished("m").await?;
    ensure!(status["phase"] == "succeeded" && status["note"].is_null(), "{status:#}");
    ensure!(log(&stage, "m").await? == ["/transfer-in done"]);
    let (status, answer) = decide(&stage, "m", "abort").await?;
    ensure!(status == 409 && answer["type"] == "/problems/decided" && answer["decided"] == "submitted", "{answer}");
    Ok(())
}

#[tokio::test]
async fn an_aborted_message_never_runs() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    prepare(&stage, "m", "1h").await?;
    for _ in 0..2 {
        let (status, answer) = decide(&stage, "m", "abort").await?;
        ensure!(status == 200 && answer["phase"] == "failed", "{status}: {answer}");
    }
    let (status, answer) = decide(&stage, "m", "submit").await?;
    ensure!(status == 409 && answer["decided"] == "aborted", "{status}: {answer}");
    ensure!(log(&stage, "m").await?.is_empty());

    let (status, answer) = decide(&stage, "nobody", "submit").await?;
    ensure!(status == 404 && answer["type"] == "/problems/unknown-execution", "{status}: {answer}");
    stage.begin("plain", &scenario("plain")).await?;
    let (status, answer) = decide(&stage, "plain", "abort").await?;
    ensure!(status == 409 && answer["type"] == "/problems/not-prepared", "{status}: {answer}");
    Ok(())
}

#[tokio::test]
async fn a_verdict_finds_a_message_that_runs() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "kind": "delay", "delay_ms": 1_500 })).await?;
    prepare(&stage, "m", "1h").await?;
    let (status, answer) = decide(&stage, "m", "submit").await?;
    ensure!(status == 202, "{status}: {answer}");
    stage.bank.asked("m", "/transfer-in", 1).await?;
    // It is in memory, in the middle of a call.
    let (status, answer) = decide(&stage, "m", "submit").await?;
    ensure!(status == 202, "{status}: {answer}");
    let (status, answer) = decide(&stage, "m", "abort").await?;
    ensure!(status == 409 && answer["decided"] == "submitted", "{status}: {answer}");
    let status = stage.runtime.finished("m").await?;
    ensure!(status["phase"] == "succeeded", "{status:#}");
    Ok(())
}

#[tokio::test]
async fn the_sender_is_asked_when_it_says_nothing() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    // The bank knows of no local transaction under this gid: the answer is no, for ever.
    stage.bank.fault(json!({ "path": "/query-prepared", "gid": "lost", "kind": "error", "times": 2 })).await?;
    prepare(&stage, "lost", "100ms").await?;
    let status = stage.runtime.finished("lost").await?;
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    ensure!(status["phase"] == "failed" && message.contains("was not committed"), "{status:#}");
    let asked = log(&stage, "lost").await?;
    ensure!(asked.len() == 3 && asked.iter().all(|line| line.starts_with("/query-prepared ")), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn a_timeout_asks_the_sender_too() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    let url = "/v1/executions/m?workflow=scenario&prepare=bank/query-prepared&check_after=1h&timeout=100ms";
    stage.runtime.post(url, &scenario("deliver")).await?;
    let status = stage.runtime.finished("m").await?;
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    ensure!(status["phase"] == "failed" && message.contains("was not committed"), "{status:#}");
    let asked = log(&stage, "m").await?;
    ensure!(asked.len() == 1 && asked[0].starts_with("/query-prepared "), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn a_sender_that_cannot_be_asked_may_still_speak() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    for (gid, verdict, end) in [("yes", "submit", "succeeded"), ("no", "abort", "failed")] {
        let url = format!("/v1/executions/{gid}?workflow=scenario&prepare=nobody/query&check_after=10ms");
        stage.runtime.post(&url, &scenario("deliver")).await?;
        let status = stage.runtime.becomes(gid, "quarantined").await?;
        ensure!(status["note"]["reason"] == "query-back", "{status:#}");
        let (status, answer) = decide(&stage, gid, verdict).await?;
        ensure!([200, 202].contains(&status), "{status}: {answer}");
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == end, "{status:#}");
    }
    Ok(())
}

/// Has the bank take 1 from alice itself, with a message that gives it to bob.
async fn local_transfer(stage: &Stage, gid: &str, amount: i64) -> Result<u16> {
    let body = json!({
        "account": "alice", "amount": amount, "runtime": stage.runtime.url, "gid": gid, "workflow": "scenario",
        "input": scenario("deliver"),
    });
    let url = format!("{}/local-transfer-out", stage.bank.http);
    Ok(reprise_tests::client().post(url).json(&body).send().await?.status().as_u16())
}

#[tokio::test]
async fn a_local_transaction_and_the_calls_after_it_both_happen_or_neither() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    // What follows is repeated until it succeeds, though the participant refuses it at first.
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "both", "kind": "fail", "times": 2 })).await?;
    for _ in 0..2 {
        let status = local_transfer(&stage, "both", 1).await?;
        ensure!(status == 200, "{status}");
    }
    let status = stage.runtime.finished("both").await?;
    ensure!(status["phase"] == "succeeded", "{status:#}");

    let status = local_transfer(&stage, "neither", 1_000_000).await?;
    ensure!(status == 409, "{status}: too little money");
    let status = stage.runtime.finished("neither").await?;
    ensure!(status["phase"] == "failed", "{status:#}");
    stage.has_moved(1).await
}

#[tokio::test]
async fn after_a_pivot_there_is_only_forward() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "forward", "kind": "fail", "times": 2 })).await?;
    stage.begin("forward", &scenario(json!({ "pivot": false }))).await?;
    let status = stage.runtime.finished("forward").await?;
    ensure!(status["phase"] == "succeeded", "{status:#}");

    // A workflow that gives up all the same is kept, until one is deployed that goes on.
    let path = "/v1/executions/back?workflow=scenario&on_trap=rollback&timeout=1s&wait=30s";
    let (_, answer) = stage.runtime.post(path, &scenario(json!({ "pivot": true }))).await?;
    let text = answer["note"]["message"].as_str().unwrap_or_default();
    ensure!(answer["activity"] == "quarantined" && text.contains("no way back: second thoughts"), "{answer:#}");
    stage.restart()?;
    stage.runtime.deploy_as("scenario", &guest_with("scenario-guest", &["fixed"])?).await?;
    let status = stage.runtime.finished("back").await?;
    ensure!(status["phase"] == "succeeded", "{status:#}");
    stage.has_moved(2).await
}

#[tokio::test]
async fn a_refused_pivot_rolls_back() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    stage.bank.fault(json!({ "path": "/notify", "kind": "fail", "times": 1 })).await?;
    stage.begin("refused", &scenario(json!({ "pivot": false }))).await?;
    let status = stage.runtime.finished("refused").await?;
    ensure!(status["phase"] == "failed", "{status:#}");
    let asked = log(&stage, "refused").await?;
    ensure!(asked.last().context("a call")? == "/transfer-out/revert done", "{asked:?}");
    stage.has_moved(0).await
}

#[tokio::test]
async fn a_change_without_an_undo_is_refused_unless_the_runtime_is_lenient() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::default()).await?;
    stage.begin("strict", &scenario("deliver")).await?;
    let status = stage.runtime.finished("strict").await?;
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    ensure!(status["phase"] == "failed" && message.contains("nothing says how it is undone"), "{status:#}");
    ensure!(log(&stage, "strict").await?.is_empty());

    let stage = Stage::open(RuntimeOptions::set(&["completeness=lenient"])).await?;
    stage.begin("lenient", &scenario("deliver")).await?;
    let status = stage.runtime.finished("lenient").await?;
    ensure!(status["phase"] == "succeeded", "{status:#}");
    Ok(())
}
