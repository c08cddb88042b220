//! Executions that wait: for a time, a slow participant, a repaired one. They leave memory, survive restarts, and go on
//! where they were.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{RuntimeOptions, Stage, scenario, until};
use serde_json::{Value, json};

/// Everything that waits leaves memory nearly at once.
const EAGER: &str = "idle_ms=20";

/// The input of a path with options for both branches.
fn with_options(path: impl Into<Value>, options: Value) -> Value {
    let mut input = scenario(path);
    input["options"] = options;
    input
}

fn kinds(journal: &Value) -> Result<Vec<String>> {
    let entries = journal["entries"].as_array().context("entries")?;
    entries.iter().map(|entry| Ok(entry["kind"].as_str().context("a kind")?.to_owned())).collect()
}

/// Milliseconds between two times of a status.
async fn took_ms(stage: &Stage, gid: &str) -> Result<u128> {
    let file = stage.runtime.store_file();
    let entries = reprise_tests::journal(&file, gid).await?;
    let (first, last) = (entries.first().context("started")?.at, entries.last().context("closed")?.at);
    Ok(u128::from(last.ms_since(first)))
}

#[tokio::test]
async fn a_sleeper_leaves_memory_survives_a_restart_and_wakes() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    stage.begin("sleeper", &scenario(json!({ "sleep": 1_500 }))).await?;
    stage.begin("overslept", &scenario(json!({ "sleep": 300 }))).await?;
    let status = stage.runtime.becomes("sleeper", "parked").await?;
    ensure!(status["wake_at"].as_str() > status["updated_at"].as_str(), "{status}");
    stage.runtime.becomes("overslept", "parked").await?;
    stage.kill()?;
    // Time passes while nobody is there to see it.
    tokio::time::sleep(Duration::from_millis(400)).await;
    stage.start()?;
    for (gid, ms) in [("overslept", 300), ("sleeper", 1_500)] {
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == "succeeded" && status["note"].is_null(), "{status}");
        let journal = stage.runtime.get(&format!("/v1/executions/{gid}/journal")).await?;
        let want = [
            "started",
            "op-intended",
            "op-completed",
            "timer-fired",
            "op-intended",
            "op-completed",
            "returned",
            "closed",
        ];
        ensure!(kinds(&journal)? == want, "{journal:#}");
        ensure!(stage.bank.log_of(gid).await? == ["/transfer-out done", "/transfer-in done"], "sent again");
        let took = took_ms(&stage, gid).await?;
        ensure!((ms..ms + 5_000).contains(&took), "{gid} took {took} ms");
    }
    stage.has_moved(2).await
}

#[tokio::test]
async fn a_call_is_raced_with_a_timer() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    let delay = |gid: &str, ms: u64| json!({ "path": "/transfer-in", "gid": gid, "kind": "delay", "delay_ms": ms });
    // Both wait longer than an instance is kept.
    stage.bank.fault(delay("slow", 1_000)).await?;
    stage.bank.fault(delay("quick", 100)).await?;
    stage.begin("slow", &scenario(json!({ "race": 200 }))).await?;
    stage.begin("quick", &scenario(json!({ "race": 20_000 }))).await?;

    let status = stage.runtime.finished("quick").await?;
    ensure!(status["phase"] == "succeeded", "{status}");
    let status = stage.runtime.finished("slow").await?;
    ensure!(status["phase"] == "failed" && status["failure"]["message"] == "out of patience", "{status}");
    // The call was given up, so nobody knows whether it took effect: it is undone with the other one, latest first.
    let log = stage.bank.log_of("slow").await?;
    let want = ["/transfer-out done", "/transfer-in done", "/transfer-in/revert done", "/transfer-out/revert done"];
    ensure!(log == want, "{log:?}");
    stage.has_moved(1).await
}

#[tokio::test]
async fn a_participant_that_is_still_at_it_is_asked_again_and_again() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "kind": "ongoing", "times": 10 })).await?;
    // Shorter and longer than it takes to leave memory.
    for (gid, ongoing_ms, times) in [("short", 5, 5), ("long", 100, 5)] {
        let input = with_options("plain", json!({ "ongoing_ms": ongoing_ms }));
        stage.bank.clear_faults().await?;
        stage.bank.fault(json!({ "path": "/transfer-in", "kind": "ongoing", "times": times })).await?;
        stage.begin(gid, &input).await?;
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == "succeeded", "{status}");
        let action = &status["branches"][1]["ops"][1];
        ensure!(action["op"] == "action" && action["attempts"] == times + 1, "{status:#}");
        // A fixed interval: it does not grow.
        let took = took_ms(&stage, gid).await?;
        ensure!((times * ongoing_ms..times * ongoing_ms + 2_000).contains(&i32::try_from(took)?), "{gid}: {took} ms");
    }
    stage.has_moved(2).await
}

#[tokio::test]
async fn attempts_are_counted_across_parking_and_restarts() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "kind": "error" })).await?;
    for (gid, pause_ms, restart) in [("short", 5, false), ("long", 150, false), ("killed", 400, true)] {
        stage.begin(gid, &with_options("plain", json!({ "attempts": 4, "pause_ms": pause_ms }))).await?;
        if restart {
            stage.bank.asked(gid, "/transfer-in", 2).await?;
            let status = stage.runtime.becomes(gid, "parked").await?;
            ensure!(status["note"]["calls"][0]["attempts"].as_u64() >= Some(2), "{status}");
            stage.restart()?;
        }
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == "failed", "{status}");
        let message = status["failure"]["message"].as_str().unwrap_or_default();
        ensure!(message.contains("500"), "the last error should be in: {message}");
        let log = stage.bank.log_of(gid).await?;
        let want = [
            "/transfer-out done",
            "/transfer-in fault:error",
            "/transfer-in/revert empty",
            "/transfer-out/revert done",
        ];
        let mut seen = log.clone();
        seen.dedup();
        ensure!(
            seen == want && log.len() == 7,
            "{gid}: 4 attempts, then the branch in doubt is rolled back too: {log:?}"
        );
        let action = &status["branches"][1]["ops"][1];
        ensure!(action["state"] == "exhausted" && action["attempts"] == 4, "{status:#}");
    }
    stage.has_moved(0).await
}

#[tokio::test]
async fn a_deadline_ends_waiting_whatever_is_waited_for() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    for (gid, kind) in [("broken", "error"), ("busy", "ongoing"), ("silent", "hang")] {
        stage.bank.fault(json!({ "path": "/transfer-in", "gid": gid, "kind": kind })).await?;
        let options = json!({ "deadline_ms": 400, "pause_ms": 50, "ongoing_ms": 50 });
        stage.begin(gid, &with_options("plain", options)).await?;
    }
    for gid in ["broken", "busy", "silent"] {
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == "failed", "{status}");
        let action = &status["branches"][1]["ops"][1];
        ensure!(action["state"] == "deadline", "{status:#}");
        let took = took_ms(&stage, gid).await?;
        ensure!(took < 3_000, "{gid} took {took} ms");
    }
    stage.has_moved(0).await
}

#[tokio::test]
async fn a_graceful_stop_in_the_middle_of_a_call_loses_nothing() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&["call_timeout_ms=1500"])).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "slow", "kind": "delay", "delay_ms": 400 })).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "silent", "kind": "hang", "times": 1 })).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "pausing", "kind": "error" })).await?;
    stage.begin("slow", &scenario("plain")).await?;
    stage.begin("silent", &scenario("plain")).await?;
    stage.begin("pausing", &with_options("plain", json!({ "attempts": 4, "pause_ms": 300 }))).await?;
    stage.begin("asleep", &scenario(json!({ "sleep": 100 }))).await?;
    for (gid, times) in [("slow", 1), ("silent", 1), ("pausing", 2)] {
        stage.bank.asked(gid, "/transfer-in", times).await?;
    }
    let status = stage.runtime.process.terminate()?;
    ensure!(status.success(), "{status}\n{}", stage.log()?);
    // The attempt under way was waited for and its result is kept.
    ensure!(stage.bank.log_of("slow").await? == ["/transfer-out done", "/transfer-in done"]);
    stage.start()?;
    for gid in ["slow", "silent", "asleep"] {
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == "succeeded", "{status}");
        let effects = stage.bank.effects(gid).await?;
        ensure!(effects.len() == 2 && effects.values().all(|count| *count == 1), "{gid}: {effects:?}");
    }
    ensure!(stage.bank.log_of("slow").await?.len() == 2, "what was answered is not sent again");
    // Attempts are counted across a stop.
    let status = stage.runtime.finished("pausing").await?;
    ensure!(status["phase"] == "failed" && status["branches"][1]["ops"][1]["attempts"] == 4, "{status:#}");
    let log = stage.bank.log_of("pausing").await?;
    ensure!(log.iter().filter(|line| line.starts_with("/transfer-in ")).count() == 4, "{log:?}");
    stage.has_moved(3).await
}

#[tokio::test]
async fn who_waits_for_a_slow_participant_gives_its_instance_up() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER, "limits.instances=1"])).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "slow", "kind": "delay", "delay_ms": 1_500 })).await?;
    stage.begin("slow", &scenario("plain")).await?;
    stage.bank.asked("slow", "/transfer-in", 1).await?;
    let status = stage.runtime.trigger("other", "scenario", &scenario("plain"), Some("30s")).await?;
    ensure!(status["phase"] == "succeeded", "{status}");
    let status = stage.runtime.execution("slow", None).await?;
    ensure!(status["phase"] == "running", "the other one did not get the only instance meanwhile: {status}");
    let status = stage.runtime.finished("slow").await?;
    ensure!(status["phase"] == "succeeded", "{status}");
    ensure!(stage.bank.log_of("slow").await? == ["/transfer-out done", "/transfer-in done"], "sent again");
    stage.has_moved(2).await
}

#[tokio::test]
async fn the_end_is_told_until_somebody_listens() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    stage.bank.fault(json!({ "path": "/notify", "kind": "error", "times": 2 })).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "gid": "fails", "kind": "fail" })).await?;
    for (gid, phase) in [("succeeds", "succeeded"), ("fails", "failed")] {
        let mut input = scenario("plain");
        input["notify"] = true.into();
        let status = stage.runtime.trigger(gid, "scenario", &input, Some("30s")).await?;
        ensure!(status["phase"] == phase, "who waits does not wait for the notification: {status}");
        if gid == "succeeds" {
            // It is over, and still on its way: parked until the next attempt.
            stage.runtime.becomes(gid, "parked").await?;
            stage.restart()?;
        }
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == phase && status["activity"] == "finished", "{status}");
        let requests = stage.bank.requests().await?;
        let told: Vec<_> = requests.iter().filter(|r| r.gid.as_deref() == Some(gid) && r.path == "/notify").collect();
        let answers: Vec<&str> = told.iter().map(|request| request.answer.as_str()).collect();
        let want: &[&str] = if gid == "succeeds" { &["fault:error", "fault:error", "done"] } else { &["done"] };
        ensure!(answers == want, "{answers:?}");
        let query = told[0].query.clone().unwrap_or_default();
        ensure!(query.contains("op=finish") && query.contains(&format!("outcome={phase}")), "{query}");
    }
    stage.has_moved(1).await
}

#[tokio::test]
async fn phase_two_is_repeated_until_it_succeeds_and_shown_when_stuck() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&[EAGER, "stuck_attempts=3"])).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "kind": "fail" })).await?;
    // A refusal of a rollback is no answer: it is repeated like a breakdown.
    for (gid, kind) in [("breaks", "error"), ("refuses", "fail"), ("busy", "ongoing"), ("drops", "drop-reply")] {
        stage.bank.fault(json!({ "path": "/transfer-out/revert", "gid": gid, "kind": kind, "times": 4 })).await?;
        let input = with_options("plain", json!({ "pause_ms": 30, "ongoing_ms": 30 }));
        stage.begin(gid, &input).await?;
    }
    for gid in ["breaks", "refuses", "busy", "drops"] {
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == "failed", "{status}");
        let undo = &status["branches"][0]["ops"][0];
        ensure!(undo["op"] == "rollback" && undo["attempts"] == 5, "{status:#}");
        let effects = stage.bank.effects(gid).await?;
        ensure!(effects.len() == 2 && effects.values().all(|count| *count == 1), "{gid}: {effects:?}");
    }
    stage.bank.fault(json!({ "path": "/transfer-out/revert", "gid": "stuck", "kind": "error" })).await?;
    stage.begin("stuck", &with_options("plain", json!({ "pause_ms": 15 }))).await?;
    until("the rollback to be shown as stuck", async || {
        let status = stage.runtime.execution("stuck", None).await?;
        let call = &status["calls"][0];
        ensure!(status["phase"] == "rolling-back" || status["phase"] == "running", "{status}");
        Ok((call["stuck"] == true && call["attempts"].as_u64() >= Some(3)).then_some(()))
    })
    .await?;
    ensure!(stage.log()?.contains("stuck: it is repeated until it succeeds"), "nobody is told");
    stage.bank.clear_faults().await?;
    let status = stage.runtime.finished("stuck").await?;
    ensure!(status["phase"] == "failed", "{status}");
    stage.has_moved(0).await
}

#[tokio::test]
async fn code_of_phase_two_runs_again_until_it_succeeds() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&[EAGER])).await?;
    for (gid, gives_up, phase, paths) in [
        ("done", false, "succeeded", ["/transfer-in/confirm", "/transfer-out/confirm"]),
        ("undone", true, "failed", ["/transfer-in/cancel", "/transfer-out/cancel"]),
    ] {
        for path in paths.into_iter().chain(["/notify"]) {
            stage.bank.fault(json!({ "path": path, "gid": gid, "kind": "error", "times": 2 })).await?;
        }
        stage.begin(gid, &with_options(json!({ "handlers": gives_up }), json!({ "pause_ms": 100 }))).await?;
        // In the middle of the last thing the handler does.
        stage.bank.asked(gid, "/notify", 1).await?;
        stage.restart()?;
        let status = stage.runtime.finished(gid).await?;
        ensure!(status["phase"] == phase, "{status}");
        let log = stage.bank.log_of(gid).await?;
        for path in paths {
            let calls = log.iter().filter(|line| line.starts_with(&format!("{path} "))).count();
            ensure!(calls == 3, "{path}: {log:?}");
        }
        let effects = stage.bank.effects(gid).await?;
        ensure!(effects.values().all(|count| *count == 1), "{gid}: {effects:?}");
    }
    stage.has_moved(1).await
}
