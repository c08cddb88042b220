//! One gid is one execution, however many clients ask, whenever they ask.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reprise_tests::{RuntimeOptions, Stage, client, journal, scenario};
use serde_json::{Value, json};

const CLIENTS: usize = 100;

/// All clients trigger one gid at once, each over a connection of its own: their answers.
async fn all_at_once(stage: &Stage, gid: &str, input: &Value) -> Result<Vec<(u16, Value)>> {
    let url = format!("{}/v1/executions/{gid}?workflow=scenario&wait=30s", stage.runtime.url);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let request = client().post(&url).json(input);
        clients.spawn(async move {
            let response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status().as_u16(), response.json().await?))
        });
    }
    let answers = clients.join_all().await;
    answers.into_iter().map(|answer| answer.context("an answer")).collect()
}

/// All answers are the same: the one answer.
fn the_one(answers: Vec<(u16, Value)>) -> Result<Value> {
    let (code, first) = answers.first().context("nobody was answered")?.clone();
    ensure!(code == 200, "{code}: {first}");
    let other = answers.iter().find(|answer| **answer != (code, first.clone()));
    ensure!(other.is_none(), "{first}\nis not\n{other:?}");
    Ok(first)
}

/// The same again, and other requests with the same gid.
async fn is_taken(stage: &Stage, gid: &str, input: &Value, first: &Value) -> Result<()> {
    let again = stage.runtime.trigger(gid, "scenario", input, Some("30s")).await?;
    ensure!(again == *first, "{again}\nis not\n{first}");
    let path = format!("/v1/executions/{gid}?workflow=scenario&wait=30s");
    let (code, problem) = stage.runtime.post(&path, &scenario(json!({ "sleep": 1 }))).await?;
    ensure!(code == 409 && problem["type"] == "/problems/gid-in-use", "another input: {code} {problem}");
    ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains("another input")), "{problem}");
    let path = format!("/v1/executions/{gid}?workflow=transfer-saga&wait=30s");
    let (code, problem) = stage.runtime.post(&path, input).await?;
    ensure!(code == 409 && problem["type"] == "/problems/gid-in-use", "another workflow: {code} {problem}");
    let detail = problem["detail"].as_str().unwrap_or_default();
    ensure!(detail.contains("`scenario`") && detail.contains("`transfer-saga`"), "{problem}");
    Ok(())
}

#[tokio::test]
async fn a_hundred_clients_trigger_one_execution() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::default()).await?;
    stage.runtime.deploy("transfer-saga").await?;
    let input = scenario("plain");
    // Long enough under way that many clients meet the execution in memory, and again after its end.
    stage.bank.fault(json!({ "path": "/transfer-in", "kind": "delay", "delay_ms": 50, "times": 1 })).await?;
    let first = the_one(all_at_once(&stage, "once", &input).await?)?;
    ensure!(first["phase"] == "succeeded" && first["output"]["to_balance"] == 1, "{first}");
    ensure!(stage.bank.log_of("once").await? == ["/transfer-out done", "/transfer-in done"]);
    is_taken(&stage, "once", &input, &first).await?;

    let file = stage.runtime.store_file();
    let before = journal(&file, "once").await?;
    stage.restart()?;
    ensure!(the_one(all_at_once(&stage, "once", &input).await?)? == first, "another answer after a restart");
    is_taken(&stage, "once", &input, &first).await?;
    ensure!(journal(&file, "once").await? == before && before.len() == 7, "{} entries", before.len());
    let list = stage.runtime.get("/v1/executions").await?;
    ensure!(list["executions"].as_array().is_some_and(|all| all.len() == 1), "{list}");
    stage.has_moved(1).await
}

#[tokio::test]
async fn a_parked_execution_is_known() -> Result<()> {
    let mut stage = Stage::open(RuntimeOptions::set(&["idle_ms=20"])).await?;
    let input = scenario(json!({ "sleep": 1_500 }));
    stage.begin("parked", &input).await?;
    stage.runtime.becomes("parked", "parked").await?;
    let again = stage.runtime.trigger("parked", "scenario", &input, None).await?;
    ensure!(again["phase"] == "running" && again["activity"] == "parked", "{again}");
    stage.restart()?;
    let path = "/v1/executions/parked?workflow=scenario";
    let (code, problem) = stage.runtime.post(path, &scenario("plain")).await?;
    ensure!(code == 409, "{code}: {problem}");
    let first = the_one(all_at_once(&stage, "parked", &input).await?)?;
    ensure!(first["phase"] == "succeeded", "{first}");
    ensure!(stage.bank.log_of("parked").await? == ["/transfer-out done", "/transfer-in done"]);
    stage.has_moved(1).await
}

#[tokio::test]
async fn clients_that_ask_all_the_time_do_not_stop_a_wake_up() -> Result<()> {
    const EXECUTIONS: usize = 40;
    let stage = Stage::open(RuntimeOptions::set(&["idle_ms=20"])).await?;
    let gids: Vec<String> = (0..EXECUTIONS).map(|i| format!("wakes-{i}")).collect();
    for (gid, ms) in gids.iter().zip((300..).step_by(10)) {
        stage.begin(gid, &scenario(json!({ "sleep": ms }))).await?;
    }
    let mut clients = tokio::task::JoinSet::new();
    for (gid, ms) in gids.iter().zip((300..).step_by(10)) {
        let url = format!("{}/v1/executions/{gid}?workflow=scenario", stage.runtime.url);
        let input = scenario(json!({ "sleep": ms }));
        clients.spawn(async move {
            let client = client();
            loop {
                let status: Value = client.post(&url).json(&input).send().await?.error_for_status()?.json().await?;
                if status["activity"] == "finished" {
                    return Ok::<_, reqwest::Error>(status);
                }
            }
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(15), clients.join_all()).await;
    if all.is_err() {
        let open = stage.runtime.get("/v1/executions?phase=running&limit=3").await?;
        bail!("some never woke: {open:#}");
    }
    for answer in all? {
        let status = answer?;
        ensure!(status["phase"] == "succeeded", "{status}");
    }
    stage.has_moved(EXECUTIONS as i64).await
}

#[tokio::test]
async fn clients_that_come_again_after_a_crash_do_not_stop_the_recovery() -> Result<()> {
    const EXECUTIONS: usize = 100;
    let mut stage = Stage::open(RuntimeOptions::default()).await?;
    let input = scenario("plain");
    stage.bank.fault(json!({ "path": "/transfer-in", "kind": "hang" })).await?;
    let gids: Vec<String> = (0..EXECUTIONS).map(|i| format!("again-{i}")).collect();
    for gid in &gids {
        stage.begin(gid, &input).await?;
    }
    for gid in &gids {
        stage.bank.asked(gid, "/transfer-in", 1).await?;
    }
    stage.kill()?;
    stage.bank.clear_faults().await?;
    stage.start()?;
    // The clients lost their connections, so they come again at once, while the runtime takes up what it finds.
    let mut clients = tokio::task::JoinSet::new();
    for gid in &gids {
        let url = format!("{}/v1/executions/{gid}?workflow=scenario&wait=20s", stage.runtime.url);
        let request = client().post(url).json(&input);
        clients.spawn(async move { request.send().await?.error_for_status()?.json::<Value>().await });
    }
    for answer in clients.join_all().await {
        let answer = answer?;
        ensure!(answer["phase"] == "succeeded", "{answer}");
    }
    for gid in &gids {
        let effects = stage.bank.effects(gid).await?;
        ensure!(effects.len() == 2 && effects.values().all(|count| *count == 1), "{gid}: {effects:?}");
    }
    stage.has_moved(100).await
}
