//! Giving up is final: attempts used up or a deadline passed are one recorded decision, the branch in doubt is rolled
//! back with the others, and what arrives after its rollback, or twice, has no effect.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Passing, Proxy, RuntimeOptions, Stage, Treatment, scenario};
use serde_json::{Value, json};

/// The op in doubt.
const DOUBT: (&str, &str) = ("/transfer-in", "action");
/// Its rollback.
const UNDO: (&str, &str) = ("/transfer-in/revert", "rollback");

/// Ways to give up: after two attempts of 300 ms each, or after 500 ms in all, which one attempt takes up.
fn ways() -> [(&'static str, Value, usize); 2] {
    [
        ("exhausted", json!({ "attempts": 2, "timeout_ms": 300, "pause_ms": 10 }), 2),
        ("deadline", json!({ "deadline_ms": 500, "pause_ms": 10 }), 1),
    ]
}

async fn open() -> Result<(Stage, Proxy)> {
    Stage::open_behind_proxy(RuntimeOptions::set(&["idle_ms=20"])).await
}

/// Treats requests to these places so, and lets all others pass.
fn treat(proxy: &Proxy, places: &'static [(&'static str, &'static str)], treatment: Treatment) {
    proxy.treat(
        move |request: &Passing| {
            if places.contains(&(&request.path, &request.op)) { treatment } else { Treatment::Pass }
        },
    );
}

fn transfer(options: &Value) -> Value {
    let mut input = scenario("plain");
    input["options"] = options.clone();
    input
}

/// The kinds of entries in the journal.
async fn kinds(stage: &Stage, gid: &str) -> Result<Vec<String>> {
    let journal = stage.runtime.get(&format!("/v1/executions/{gid}/journal")).await?;
    let entries = journal["entries"].as_array().context("entries")?.iter();
    entries.map(|entry| Ok(entry["kind"].as_str().context("a kind")?.to_owned())).collect()
}

/// Checks that an execution gave up in this way, by one decision, and undid everything in reverse order.
async fn gave_up(stage: &Stage, gid: &str, state: &str) -> Result<Vec<String>> {
    let status = stage.runtime.finished(gid).await?;
    ensure!(status["phase"] == "failed", "{status:#}");
    let (undo, action) = (&status["branches"][1]["ops"][0], &status["branches"][1]["ops"][1]);
    ensure!(action["op"] == "action" && action["state"] == state, "{status:#}");
    ensure!(undo["op"] == "rollback" && undo["state"] == "success", "the branch in doubt is undone too: {status:#}");
    let kinds = kinds(stage, gid).await?;
    let want = [
        "started",
        "op-intended",
        "op-completed",
        "op-intended",
        "op-completed",
        "returned",
        "phase-two-done",
        "phase-two-done",
        "closed",
    ];
    ensure!(kinds == want, "one decision, then its consequences: {kinds:?}");
    Ok(kinds)
}

/// Delivers what the proxy has kept, which has to be refused, and checks that nothing follows from it.
async fn arrives_too_late(
    stage: &Stage,
    proxy: &Proxy,
    gid: &str,
    copies: usize,
    kinds_before: &[String],
) -> Result<()> {
    let log = stage.bank.log_of(gid).await?;
    let want = ["/transfer-out done", "/transfer-in/revert empty", "/transfer-out/revert done"];
    ensure!(log == want, "nothing of the held action has arrived yet: {log:?}");
    let delivered = proxy.release().await?;
    ensure!(delivered.len() == copies, "{delivered:?}");
    for (request, status) in &delivered {
        ensure!((request.path.as_str(), request.op.as_str()) == DOUBT && *status == 409, "{delivered:?}");
    }
    let log = stage.bank.log_of(gid).await?;
    ensure!(log[want.len()..] == vec!["/transfer-in late"; copies], "the barrier should refuse it: {log:?}");
    let effects = stage.bank.effects(gid).await?;
    ensure!(effects.keys().all(|(branch, _)| branch == "01") && effects.len() == 2, "{effects:?}");
    ensure!(kinds(stage, gid).await? == kinds_before, "the journal of an execution that is closed has grown");
    stage.has_moved(0).await
}

#[tokio::test]
async fn an_action_that_arrives_after_its_rollback_is_refused() -> Result<()> {
    let (mut stage, proxy) = open().await?;
    treat(&proxy, &[DOUBT], Treatment::Hold);
    for (state, options, copies) in ways() {
        stage.begin(state, &transfer(&options)).await?;
        let kinds = gave_up(&stage, state, state).await?;
        arrives_too_late(&stage, &proxy, state, copies, &kinds).await?;
        // The decision holds: who asks again hears of it, also after a restart.
        stage.restart()?;
        let again = stage.runtime.trigger(state, "scenario", &transfer(&options), Some("30s")).await?;
        ensure!(again["phase"] == "failed" && again["failure"]["message"].is_string(), "{again}");
    }
    stage.has_moved(0).await
}

#[tokio::test]
async fn a_kill_before_the_decision_changes_nothing() -> Result<()> {
    let (mut stage, proxy) = open().await?;
    treat(&proxy, &[DOUBT], Treatment::Hold);
    for (state, options, copies) in ways() {
        stage.begin(state, &transfer(&options)).await?;
        proxy.holds(1).await?;
        stage.restart()?;
        let kinds = gave_up(&stage, state, state).await?;
        // The deadline counts from the intent, so a process that comes back after it makes no attempt.
        let delivered = proxy.release().await?;
        ensure!((copies..=copies + 1).contains(&delivered.len()), "{delivered:?}");
        ensure!(delivered.iter().all(|(_, status)| *status == 409), "{delivered:?}");
        let effects = stage.bank.effects(state).await?;
        ensure!(effects.len() == 2 && effects.values().all(|count| *count == 1), "{effects:?}");
        ensure!(kinds.iter().filter(|kind| *kind == "returned").count() == 1, "{kinds:?}");
        stage.has_moved(0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_kill_after_the_decision_changes_nothing() -> Result<()> {
    let (mut stage, proxy) = open().await?;
    for (state, options, copies) in ways() {
        treat(&proxy, &[DOUBT, UNDO], Treatment::Hold);
        stage.begin(state, &transfer(&options)).await?;
        // All attempts and the first one to undo them: it is decided.
        proxy.holds(copies + 1).await?;
        let decided = kinds(&stage, state).await?;
        ensure!(decided.last().is_some_and(|kind| kind == "returned"), "{decided:?}");
        stage.kill()?;
        treat(&proxy, &[DOUBT], Treatment::Hold);
        stage.start()?;
        let kinds = gave_up(&stage, state, state).await?;
        ensure!(kinds.starts_with(&decided), "{decided:?} has become {kinds:?}");
        // Now the late action and a second copy of its rollback arrive together, in whatever order.
        let delivered = proxy.release().await?;
        ensure!(delivered.len() == copies + 1, "{delivered:?}");
        for (request, status) in &delivered {
            let want = if request.op == "rollback" { 200 } else { 409 };
            ensure!(*status == want, "{delivered:?}");
        }
        let effects = stage.bank.effects(state).await?;
        ensure!(effects.len() == 2 && effects.values().all(|count| *count == 1), "{effects:?}");
        stage.has_moved(0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_action_and_its_rollback_that_arrive_together_leave_nothing() -> Result<()> {
    let (stage, proxy) = open().await?;
    for round in 0..6 {
        let gid = format!("together-{round}");
        treat(&proxy, &[DOUBT, UNDO], Treatment::Hold);
        let (_, options, copies) = ways()[round % 2].clone();
        stage.begin(&gid, &transfer(&options)).await?;
        proxy.holds(copies + 1).await?;
        treat(&proxy, &[], Treatment::Pass);
        proxy.release().await?;
        let status = stage.runtime.finished(&gid).await?;
        ensure!(status["phase"] == "failed", "{status:#}");
        let effects = stage.bank.effects(&gid).await?;
        let count = |op: &str| effects.get(&("02".to_owned(), op.to_owned())).copied().unwrap_or(0);
        ensure!(count("action") == count("rollback") && count("action") <= 1, "{effects:?}");
        stage.has_moved(0).await?;
    }
    Ok(())
}

/// Everything that a transfer which succeeds or fails after both steps sends.
const EVERYTHING: &[(&str, &str)] = &[
    ("/transfer-out", "action"),
    ("/transfer-in", "action"),
    ("/transfer-out/revert", "rollback"),
    ("/transfer-in/revert", "rollback"),
    ("/transfer-out/try", "action"),
    ("/transfer-in/try", "action"),
    ("/transfer-out/confirm", "commit"),
    ("/transfer-in/confirm", "commit"),
    ("/transfer-out/cancel", "rollback"),
    ("/transfer-in/cancel", "rollback"),
];

/// Runs a transfer of each kind to both ends: a SAGA and a TCC that succeed, a SAGA that is refused in its second step,
/// a TCC that gives up after both. Gives the gids and how much has moved.
async fn transfers(stage: &Stage, name: &str) -> Result<Vec<String>> {
    let fail = json!({ "path": "/transfer-in", "gid": format!("{name}-saga-failed"), "kind": "fail" });
    stage.bank.fault(fail).await?;
    let mut gids = Vec::new();
    for (kind, path) in [
        ("saga-succeeded", json!("plain")),
        ("saga-failed", json!("plain")),
        ("tcc-succeeded", json!({ "handlers": false })),
        ("tcc-failed", json!({ "handlers": true })),
    ] {
        let gid = format!("{name}-{kind}");
        let mut input = scenario(path);
        input["options"] = json!({ "pause_ms": 10 });
        stage.begin(&gid, &input).await?;
        gids.push(gid);
    }
    for gid in &gids {
        let status = stage.runtime.finished(gid).await?;
        let want = if gid.ends_with("succeeded") { "succeeded" } else { "failed" };
        ensure!(status["phase"] == want, "{status:#}");
        let kinds = kinds(stage, gid).await?;
        ensure!(kinds.iter().filter(|kind| *kind == "returned").count() == 1, "{gid}: {kinds:?}");
    }
    Ok(gids)
}

/// Checks that no op of `gid` took effect more than once.
async fn once(stage: &Stage, gid: &str) -> Result<()> {
    let effects = stage.bank.effects(gid).await?;
    ensure!(!effects.is_empty() && effects.values().all(|count| *count == 1), "{gid}: {effects:?}");
    Ok(())
}

#[tokio::test]
async fn whatever_arrives_twice_takes_effect_once() -> Result<()> {
    let (mut stage, proxy) = open().await?;
    treat(&proxy, EVERYTHING, Treatment::Double);
    for gid in transfers(&stage, "at-once").await? {
        once(&stage, &gid).await?;
        let log = stage.bank.log_of(&gid).await?;
        // Of two copies of a refused action neither takes effect, so neither is a repeat of an effect.
        let firsts = log.iter().filter(|line| line.ends_with(" done")).count();
        let repeats = log.iter().filter(|line| line.ends_with(" repeat")).count();
        ensure!(firsts > 0 && repeats > 0, "{log:?}");
    }
    stage.has_moved(2).await?;

    treat(&proxy, EVERYTHING, Treatment::Echo);
    let gids = transfers(&stage, "later").await?;
    stage.has_moved(4).await?;
    // A process that knows nothing of them, and copies of everything out of the past.
    stage.restart()?;
    let delivered = proxy.release().await?;
    ensure!(delivered.len() > 10, "{delivered:?}");
    for gid in gids {
        once(&stage, &gid).await?;
    }
    stage.has_moved(4).await
}

#[tokio::test]
async fn a_refusal_stays_one_for_copies_that_arrive_later() -> Result<()> {
    let (stage, proxy) = open().await?;
    treat(&proxy, EVERYTHING, Treatment::Echo);
    let mut input = scenario("plain");
    input["amount"] = 200_000.into();
    stage.begin("poor", &input).await?;
    let status = stage.runtime.finished("poor").await?;
    ensure!(status["phase"] == "failed" && stage.bank.log_of("poor").await? == ["/transfer-out refused"], "{status:#}");
    // By now there is enough, but the execution has failed and nobody would undo it.
    stage.bank.set_account("alice", 300_000).await?;
    let delivered = proxy.release().await?;
    ensure!(delivered.len() == 1 && delivered[0].1 == 409, "{delivered:?}");
    ensure!(stage.bank.log_of("poor").await?[1..] == ["/transfer-out repeat"]);
    let accounts = stage.bank.accounts().await?;
    ensure!(accounts["alice"] == (300_000, 0), "{accounts:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() -> Result<()> {
    let (stage, proxy) = open().await?;
    // The first copy of everything; the second one is answered.
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    proxy.treat(move |request| {
        let first = seen.lock().expect("nobody panics with it").insert(format!("{request:?}"));
        if first { Treatment::Lose } else { Treatment::Pass }
    });
    for gid in transfers(&stage, "lost").await? {
        once(&stage, &gid).await?;
        let log = stage.bank.log_of(&gid).await?;
        ensure!(log.iter().any(|line| line.ends_with(" repeat")), "{log:?}");
    }
    stage.has_moved(2).await
}

#[tokio::test]
async fn a_slow_network_is_no_deadline() -> Result<()> {
    let (stage, proxy) = open().await?;
    treat(&proxy, EVERYTHING, Treatment::Delay(Duration::from_millis(80)));
    // Longer than an instance is kept, shorter than the deadline.
    stage.begin("slow", &transfer(&json!({ "deadline_ms": 20_000 }))).await?;
    let status = stage.runtime.finished("slow").await?;
    ensure!(status["phase"] == "succeeded", "{status:#}");
    ensure!(stage.bank.log_of("slow").await? == ["/transfer-out done", "/transfer-in done"], "sent again");
    stage.has_moved(1).await
}
