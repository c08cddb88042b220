//! The demo: a bank and a runtime as real processes, a transfer that succeeds, one that rolls back, and one that
//! survives `kill -9`. Every claim it prints is checked; it ends with an error if one is not so.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use reprise_tests::{Bank, Request, Runtime, RuntimeOptions, guest, program, until};
use serde_json::{Value, json};

const ALICE: i64 = 100;

#[tokio::main]
async fn main() -> Result<()> {
    say("Building the runtime, the bank and the workflow `transfer-saga` (Rust to a Wasm component) ...");
    program("reprise", &[])?;
    program("bank", &[])?;
    guest("transfer-saga")?;

    let dir = tempfile::tempdir()?;
    let bank = Bank::start(dir.path(), &[("alice", ALICE), ("bob", 0)])?;
    let runtime = Runtime::start(dir.path(), &bank, &RuntimeOptions::default())?;
    say(&format!("A bank listens on {}, the runtime on {}, its store is one SQLite file.", bank.http, runtime.url));
    let deployed = runtime.deploy("transfer-saga").await?;
    say(&format!("Uploaded the workflow: version {} of {}.", deployed["version"], deployed["workflow"]));

    success(&bank, &runtime).await?;
    rollback(&bank, &runtime).await?;
    crash(dir.path(), &bank, runtime).await?;

    println!("\nAll of this was checked. Try it yourself: README.md.");
    Ok(())
}

async fn success(bank: &Bank, runtime: &Runtime) -> Result<()> {
    chapter("1. A transfer that succeeds");
    let status = runtime.trigger("order-1", "transfer-saga", &transfer(30), Some("30s")).await?;
    say(&format!("order-1: alice sends 30 to bob: {} with output {}", status["phase"], status["output"]));
    ensure!(status["phase"] == "succeeded", "it should succeed: {status}");
    let again = runtime.trigger("order-1", "transfer-saga", &transfer(30), Some("30s")).await?;
    ensure!(again["output"] == status["output"], "the same gid gives the same answer");
    say("order-1 triggered once more: the same answer, and no money moves.");
    balances(bank, ALICE - 30, 30).await
}

async fn rollback(bank: &Bank, runtime: &Runtime) -> Result<()> {
    chapter("2. A business failure that rolls back");
    let to_nobody = json!({ "from": "alice", "to": "nobody", "amount": 20 });
    let status = runtime.trigger("order-2", "transfer-saga", &to_nobody, Some("30s")).await?;
    say(&format!("order-2: alice sends 20 to an account that does not exist: {}", status["phase"]));
    ensure!(status["phase"] == "failed", "it should roll back: {status}");
    print_requests(&requests_of(bank, "order-2").await?);
    balances(bank, ALICE - 30, 30).await
}

async fn crash(dir: &std::path::Path, bank: &Bank, mut runtime: Runtime) -> Result<()> {
    chapter("3. kill -9 in the middle");
    // Bob's bank hangs, so that the transfer stands in its second step when the runtime dies.
    bank.fault(json!({ "path": "/transfer-in", "gid": "order-3", "kind": "hang" })).await?;
    runtime.trigger("order-3", "transfer-saga", &transfer(25), None).await?;
    let before = until("the bank to see /transfer-in", async || {
        let requests = requests_of(bank, "order-3").await?;
        Ok(requests.iter().any(|request| request.path == "/transfer-in").then_some(requests))
    })
    .await?;
    say("order-3: alice's 25 are taken, bob's bank does not answer. This is what the bank has seen:");
    print_requests(&before);
    let pid = runtime.process.id();
    runtime.process.kill()?;
    drop(runtime);
    say(&format!("The runtime (process {pid}) is killed with SIGKILL. Alice's money is under way."));

    bank.clear_faults().await?;
    let runtime = Runtime::start(dir, bank, &RuntimeOptions::default())?;
    say("A new runtime starts on the same file, replays the workflow from its journal and goes on:");
    let status = runtime.execution("order-3", Some("30s")).await?;
    ensure!(status["phase"] == "succeeded", "it should finish after the restart: {status}");
    let after = requests_of(bank, "order-3").await?;
    let after = &after[before.len()..];
    print_requests(after);
    let paths: BTreeSet<&str> = after.iter().map(|request| request.path.as_str()).collect();
    ensure!(paths == BTreeSet::from(["/transfer-in"]), "only the unanswered call may be sent again: {paths:?}");
    say("/transfer-out had its answer in the journal and was not sent again; only the unanswered call was.");
    let effects = bank.effects("order-3").await?;
    ensure!(effects.values().all(|count| *count == 1), "each effect exactly once: {effects:?}");
    balances(bank, ALICE - 55, 55).await
}

fn transfer(amount: i64) -> Value {
    json!({ "from": "alice", "to": "bob", "amount": amount })
}

async fn requests_of(bank: &Bank, gid: &str) -> Result<Vec<Request>> {
    Ok(bank.requests().await?.into_iter().filter(|request| request.gid.as_deref() == Some(gid)).collect())
}

fn print_requests(requests: &[Request]) {
    for request in requests {
        let (branch, op) = (request.branch_id.as_deref().unwrap_or("-"), request.op.as_deref().unwrap_or("-"));
        println!("     bank: branch {branch} {op:<8} {:<22} {}", request.path, request.answer);
    }
}

async fn balances(bank: &Bank, alice: i64, bob: i64) -> Result<()> {
    let accounts = bank.accounts().await?;
    let balance = |name: &str| accounts.get(name).map(|(balance, _)| *balance);
    ensure!(balance("alice") == Some(alice) && balance("bob") == Some(bob), "wrong balances: {accounts:?}");
    ensure!(alice + bob == ALICE, "money is conserved");
    say(&format!("Balances: alice {alice}, bob {bob}; the sum is still {ALICE}."));
    Ok(())
}

fn chapter(title: &str) {
    println!("\n{title}");
}

fn say(text: &str) {
    println!("   {text}");
}
