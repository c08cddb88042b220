//! Policies of participants in the whole: calls that wait for their participant, across parking and restarts.

use anyhow::{Result, ensure};
use reprise_tests::{RuntimeOptions, Stage, scenario, until};
use serde_json::{Value, json};

/// Everything that waits leaves memory nearly at once.
const EAGER: &str = "idle_ms=20";

/// The first call of an execution that waits for something at its participant.
async fn waits_for(stage: &Stage, gid: &str, what: &str) -> Result<Value> {
    until(&format!("{gid} to wait for {what}"), async || {
        let status = stage.runtime.execution(gid, None).await?;
        let call = status["calls"][0].clone();
        Ok((call["waiting_for"] == what).then_some(call))
    })
    .await
}

async fn set(stage: &Stage, verb: &str) -> Result<Value> {
    let (status, body) = stage.runtime.post(&format!("/v1/participants/bank/{verb}"), &Value::Null).await?;
    ensure!(status == 200 && body["name"] == "bank", "{status} {body}");
    Ok(body)
}

#[tokio::test]
async fn a_paused_participant_is_sent_nothing_not_even_after_a_restart() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    for _ in 0..2 {
        ensure!(set(&stage, "pause").await?["paused"] == true);
    }
    stage.begin("a", &scenario("plain")).await?;
    let call = waits_for(&stage, "a", "paused").await?;
    ensure!(call["attempts"] == 0 && call["next_attempt_at"].is_null(), "{call}");
    stage.restart()?;
    waits_for(&stage, "a", "paused").await?;
    let participants = stage.runtime.get("/v1/participants").await?;
    let bank = &participants["participants"][0];
    ensure!(bank["name"] == "bank" && bank["paused"] == true && bank["waiting"] == 1, "{participants}");
    ensure!(stage.bank.log_of("a").await? == [""; 0], "nothing may be sent");
    for _ in 0..2 {
        ensure!(set(&stage, "resume").await?["paused"] == false);
    }
    let status = stage.runtime.finished("a").await?;
    ensure!(status["phase"] == "succeeded", "{status}");
    ensure!(stage.bank.log_of("a").await? == ["/transfer-out done", "/transfer-in done"], "sent once each");
    stage.restart()?;
    ensure!(stage.runtime.get("/v1/participants/bank").await?["paused"] == false, "resumed for good");
    let (status, problem) = stage.runtime.post("/v1/participants/stock/pause", &Value::Null).await?;
    let detail = problem["detail"].as_str().unwrap_or_default();
    ensure!(status == 404 && problem["type"] == "/problems/unknown-participant", "{problem}");
    ensure!(detail.contains("`stock`") && detail.contains("bank, bank-grpc"), "{problem}");
    stage.has_moved(1).await
}

#[tokio::test]
async fn behind_an_open_breaker_executions_leave_memory_and_come_back() -> Result<()> {
    let breaker = ["participants.bank.breaker.failures=2", "participants.bank.breaker.open_ms=1500"];
    let stage = Stage::open(RuntimeOptions::set(&[EAGER, breaker[0], breaker[1]])).await?;
    stage.bank.fault(json!({ "path": "/transfer-out", "kind": "error", "times": 2 })).await?;
    let mut input = scenario("plain");
    input["options"] = json!({ "pause_ms": 10 });
    stage.begin("first", &input).await?;
    let status = stage.runtime.becomes("first", "parked").await?;
    let call = &status["note"]["calls"][0];
    ensure!(call["waiting_for"] == "breaker" && call["attempts"] == 2, "{status}");
    ensure!(status["wake_at"] == call["next_attempt_at"], "{status}");
    // Another one, which has not sent anything yet.
    stage.begin("second", &input).await?;
    let status = stage.runtime.becomes("second", "parked").await?;
    let call = &status["note"]["calls"][0];
    ensure!(call["waiting_for"] == "breaker" && call["attempts"] == 0, "{status}");
    ensure!(stage.bank.log_of("second").await? == [""; 0], "nothing may be sent");
    for (gid, attempts) in [("first", 3), ("second", 1)] {
        let status = stage.runtime.finished(gid).await?;
        let ops = status["branches"][0]["ops"].as_array().cloned().unwrap_or_default();
        let action = ops.iter().find(|op| op["op"] == "action").cloned().unwrap_or_default();
        ensure!(status["phase"] == "succeeded" && action["attempts"] == attempts, "{status:#}");
    }
    let bank = stage.runtime.get("/v1/participants/bank").await?;
    ensure!(bank["breaker"]["state"] == "closed", "{bank}");
    ensure!(bank["outcomes"] == json!({ "success": 4, "failure": 0, "ongoing": 0, "unknown": 2 }), "{bank}");
    stage.has_moved(2).await
}

#[tokio::test]
async fn what_was_never_sent_needs_no_rollback() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER, "participants.bank.deadline_ms=300"])).await?;
    set(&stage, "pause").await?;
    stage.begin("a", &scenario("plain")).await?;
    // It ends though the participant stays paused.
    let status = stage.runtime.finished("a").await?;
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    ensure!(status["phase"] == "failed" && message.contains("nothing was sent"), "{status:#}");
    let ops = status["branches"][0]["ops"].as_array().cloned().unwrap_or_default();
    for (op, state) in [("action", "deadline"), ("rollback", "not-needed")] {
        ensure!(ops.iter().any(|seen| seen["op"] == op && seen["state"] == state), "{op} {state}: {status:#}");
    }
    ensure!(stage.bank.log_of("a").await? == [""; 0], "nothing may be sent");
    stage.has_moved(0).await
}

#[tokio::test]
async fn a_rollback_waits_for_a_paused_participant() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    let mut input = scenario(json!({ "sleep": 2_000 }));
    input["options"] = json!({ "deadline_ms": 1_500 });
    stage.begin("a", &input).await?;
    stage.bank.asked("a", "/transfer-out", 1).await?;
    set(&stage, "pause").await?;
    let call = until("the rollback to wait", async || {
        let status = stage.runtime.execution("a", None).await?;
        let call = status["calls"][0].clone();
        Ok((call["op"] == "rollback" && call["waiting_for"] == "paused").then_some(call))
    })
    .await?;
    ensure!(call["attempts"] == 0 && call["stuck"] == false, "{call}");
    set(&stage, "resume").await?;
    let status = stage.runtime.finished("a").await?;
    ensure!(status["phase"] == "failed", "{status}");
    // The second step was never sent, so the first alone is undone.
    let log = stage.bank.log_of("a").await?;
    ensure!(log == ["/transfer-out done", "/transfer-out/revert done"], "{log:?}");
    stage.has_moved(0).await
}
