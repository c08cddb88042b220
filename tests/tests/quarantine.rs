//! What can't go on is kept and shown, sends nothing, and goes on once it is repaired; nobody else notices.

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{RuntimeOptions, Stage, guest_with, journal, replace_data, scenario, until};
use serde_json::{Value, json};

fn text(value: &Value) -> Result<&str> {
    value.as_str().with_context(|| format!("{value} is no text"))
}

/// Waits until an execution is quarantined for `reason`: the message.
async fn quarantined(stage: &Stage, gid: &str, reason: &str) -> Result<String> {
    let status = until(&format!("{gid} to be quarantined as {reason}"), async || {
        let status = stage.runtime.execution(gid, None).await?;
        Ok((status["activity"] == "quarantined" && status["note"]["reason"] == reason).then_some(status))
    })
    .await?;
    Ok(text(&status["note"]["message"])?.to_owned())
}

fn contains(message: &str, parts: &[&str]) -> Result<()> {
    let missing = parts.iter().find(|part| !message.contains(**part));
    ensure!(missing.is_none(), "{missing:?} is not in: {message}");
    Ok(())
}

#[tokio::test]
async fn a_changed_workflow_waits_for_a_version_that_fits() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&["trap_retries=0"])).await?;
    stage.begin("a", &scenario("panic")).await?;
    let message = quarantined(&stage, "a", "trap").await?;
    contains(&message, &["no price for bob"])?;
    let file = stage.runtime.store_file();
    let before = journal(&file, "a").await?;

    stage.runtime.deploy_as("scenario", &guest_with("scenario-guest", &["diverged"])?).await?;
    let message = quarantined(&stage, "a", "diverged").await?;
    contains(&message, &["entry 1", "POST bank/transfer-out", "POST bank/transfer-in"])?;
    stage.restart()?;
    quarantined(&stage, "a", "diverged").await?;
    ensure!(stage.bank.log_of("a").await? == ["/transfer-out done"], "{:?}", stage.bank.log_of("a").await?);
    ensure!(journal(&file, "a").await? == before, "a version that does not fit left something in the journal");

    let fixed = stage.runtime.deploy_as("scenario", &guest_with("scenario-guest", &["fixed"])?).await?;
    let status = stage.runtime.finished("a").await?;
    ensure!(status["phase"] == "succeeded" && status["note"].is_null(), "{status}");
    ensure!(status["digest"] == fixed["digest"], "{status}\n{fixed}");
    ensure!(stage.bank.log_of("a").await? == ["/transfer-out done", "/transfer-in done"], "no call is sent again");
    let after = journal(&file, "a").await?;
    ensure!(after.starts_with(&before), "what was recorded has changed");
    let entries = stage.runtime.get("/v1/executions/a/journal").await?;
    let upgraded = entries["entries"].as_array().context("entries")?.iter().find(|entry| entry["kind"] == "upgraded");
    ensure!(
        upgraded.is_some_and(|entry| entry.to_string().contains(text(&fixed["digest"]).unwrap_or("?"))),
        "{entries}"
    );
    stage.has_moved(1).await
}

#[tokio::test]
async fn a_trap_is_tried_again_then_quarantined_or_rolled_back() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::set(&["trap_retries=2"])).await?;
    stage.begin("kept", &scenario("panic")).await?;
    let message = quarantined(&stage, "kept", "trap").await?;
    contains(&message, &["no price for bob", "panicked"])?;
    let (log, status) = (stage.log()?, stage.runtime.execution("kept", None).await?);
    let runs = log.matches("the guest failed").count();
    ensure!(runs == 3, "it ran {runs} times:\n{log}");
    // The log tells it once: what the guest said, and where it was.
    let stack = text(&status["note"]["backtrace"])?;
    let own = stack.lines().find(|line| line.contains("::")).with_context(|| stack.to_owned())?;
    for said in ["no price for bob", own] {
        ensure!(message.matches(said).count() + stack.matches(said).count() == 1, "{message}\n{stack}");
        ensure!(log.matches(said).count() == 1, "{said:?} is not there once:\n{log}");
    }
    ensure!(stage.bank.log_of("kept").await? == ["/transfer-out done"], "each run sent it again");

    let path = "/v1/executions/undone?workflow=scenario&on_trap=rollback&wait=30s";
    let (code, status) = stage.runtime.post(path, &scenario("panic")).await?;
    ensure!(code == 200 && status["phase"] == "failed", "{status}");
    contains(text(&status["failure"]["message"])?, &["trap", "no price for bob"])?;
    ensure!(stage.bank.log_of("undone").await? == ["/transfer-out done", "/transfer-out/revert done"]);
    // The one that is kept has its step done.
    let accounts = stage.bank.accounts().await?;
    ensure!(accounts["alice"].0 + 1 == 100_000 && accounts["bob"].0 == 0, "{accounts:?}");
    Ok(())
}

#[tokio::test]
async fn limits_are_named_and_hurt_nobody_else() -> Result<()> {
    let settings = [
        "trap_retries=0",
        "limits.compute_ms=200",
        "limits.memory_bytes=16777216",
        "limits.journal_entries=12",
        "limits.payload_bytes=10000",
    ];
    let stage = Stage::open(RuntimeOptions::set(&settings)).await?;
    let cases = [
        ("endless", json!("endless"), "fuel", "limits.compute_ms"),
        ("hog", json!("hog"), "memory", "limits.memory_bytes"),
        ("chatter", json!("chatter"), "limit", "limits.journal_entries"),
        ("large", json!({ "large": 20_000 }), "limit", "limits.payload_bytes"),
    ];
    for (gid, path, ..) in &cases {
        stage.begin(gid, &scenario(path.clone())).await?;
    }
    let other = stage.runtime.trigger("other", "scenario", &scenario("plain"), Some("30s")).await?;
    ensure!(other["phase"] == "succeeded", "{other}");
    for (gid, _, reason, setting) in &cases {
        let message = quarantined(&stage, gid, reason).await?;
        contains(&message, &[setting]).with_context(|| (*gid).to_owned())?;
        println!("{gid}: {message}");
    }
    let other = stage.runtime.trigger("another", "scenario", &scenario("plain"), Some("30s")).await?;
    ensure!(other["phase"] == "succeeded", "{other}");
    Ok(())
}

#[tokio::test]
async fn a_broken_journal_row_is_reported_and_touches_nothing_else() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::default()).await?;
    stage.bank.fault(json!({ "path": "/transfer-in", "kind": "hang" })).await?;
    let gids = ["first", "broken", "last"];
    for gid in gids {
        stage.begin(gid, &scenario("plain")).await?;
        stage.bank.asked(gid, "/transfer-in", 1).await?;
    }
    stage.kill()?;
    let file = stage.runtime.store_file();
    let good = replace_data(&file, "broken", 2, b"\x01not what was written").await?;
    let asked = stage.bank.log_of("broken").await?;
    stage.bank.clear_faults().await?;
    stage.start()?;

    let message = quarantined(&stage, "broken", "journal").await?;
    contains(&message, &["entry 2"])?;
    println!("broken: {message}");
    for gid in ["first", "last"] {
        let status = stage.runtime.execution(gid, Some("30s")).await?;
        ensure!(status["phase"] == "succeeded", "{status}");
    }
    let status = stage.runtime.trigger("new", "scenario", &scenario("plain"), Some("30s")).await?;
    ensure!(status["phase"] == "succeeded", "{status}");
    let status = stage.runtime.execution("broken", None).await?;
    contains(text(&status["journal_error"])?, &["entry 2"])?;
    let list = stage.runtime.get("/v1/executions?activity=quarantined").await?;
    ensure!(list["executions"][0]["gid"] == "broken", "{list}");
    ensure!(stage.bank.log_of("broken").await? == asked, "something was sent from a broken journal");

    // Repaired, as from a backup, it goes on with the next deployment.
    stage.kill()?;
    replace_data(&file, "broken", 2, &good).await?;
    stage.start()?;
    stage.runtime.deploy_as("scenario", &guest_with("scenario-guest", &[])?).await?;
    let status = stage.runtime.finished("broken").await?;
    ensure!(status["phase"] == "succeeded", "{status}");
    ensure!(stage.bank.effects("broken").await?.values().all(|count| *count == 1), "once");
    stage.has_moved(4).await
}
