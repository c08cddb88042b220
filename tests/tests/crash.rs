//! The crash matrix: the runtime is killed with SIGKILL before and after every append and every send, and must end as
//! if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Bank, Request, Runtime, RuntimeOptions, durable_ops, journal, recorded_ops, scenario};
use serde_json::{Value, json};

struct Case {
    name: &'static str,
    settings: &'static [&'static str],
    workflow: &'static str,
    input: Value,
    accounts: &'static [(&'static str, i64)],
    fault: Option<Value>,
    phase: &'static str,
}

/// Its workflow has the same name.
const GUEST: &str = "scenario-guest";

fn cases() -> Vec<Case> {
    let transfer = json!({ "from": "alice", "to": "bob", "amount": 1 });
    let employee = |account: &str, protocol: &str| json!({ "account": account, "salary": 1, "protocol": protocol });
    let employees = [employee("e1", "http"), employee("e2", "grpc"), employee("e3", "http")];
    let payroll = json!({ "company": "acme", "employees": employees, "attempts": 3, "notify": "bank/notify" });
    let two: &[(&str, i64)] = &[("alice", 10_000), ("bob", 0)];
    let many: &[(&str, i64)] = &[("acme", 10_000), ("e1", 0), ("e2", 0), ("e3", 0)];
    let case = |name, workflow, input: &Value, accounts, fault, phase| Case {
        name,
        settings: &[],
        workflow,
        input: input.clone(),
        accounts,
        fault,
        phase,
    };
    let refuse = |path: &str| Some(json!({ "path": path, "kind": "fail" }));
    vec![
        case("saga succeeds", "transfer-saga", &transfer, two, None, "succeeded"),
        case("saga rolls back", "transfer-saga", &transfer, two, refuse("/transfer-in"), "failed"),
        case("tcc succeeds", "transfer-tcc", &transfer, two, None, "succeeded"),
        case("tcc rolls back", "transfer-tcc", &transfer, two, refuse("/transfer-in/try"), "failed"),
        case("payroll succeeds", "payroll", &payroll, many, None, "succeeded"),
        case(
            "payroll rolls back",
            "payroll",
            &payroll,
            many,
            Some(json!({ "path": "/transfer-in", "account": "e3", "kind": "fail" })),
            "failed",
        ),
        case("handlers succeed", GUEST, &scenario(json!({ "handlers": false })), two, None, "succeeded"),
        case("handlers roll back", GUEST, &scenario(json!({ "handlers": true })), two, None, "failed"),
        Case {
            settings: &["idle_ms=5"],
            ..case("sleeper succeeds", GUEST, &scenario(json!({ "sleep": 50 })), two, None, "succeeded")
        },
    ]
}

/// What must be the same whether or not there was a crash.
#[derive(Debug, PartialEq)]
struct End {
    phase: Value,
    output: Value,
    failure: Value,
    effects: BTreeMap<(String, String), u64>,
}

async fn end(bank: &Bank, runtime: &Runtime, case: &Case, gid: &str) -> Result<End> {
    let status = runtime.trigger(gid, case.workflow, &case.input, Some("30s")).await?;
    // Balances in an output depend on the transfers before; the accounts are checked as a whole.
    let output = if case.workflow == "payroll" { status["output"].clone() } else { Value::Null };
    let (phase, failure) = (status["phase"].clone(), status["failure"].clone());
    Ok(End { phase, output, failure, effects: bank.effects(gid).await? })
}

fn options(case: &Case, env: &[(&str, &str)]) -> RuntimeOptions {
    RuntimeOptions {
        features: vec!["crash-points"],
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..RuntimeOptions::set(case.settings)
    }
}

/// Runs a case once without a crash: how it ends, and how many points it passes.
async fn reference(dir: &Path, bank: &Bank, case: &Case) -> Result<(End, usize)> {
    let trace = dir.join("trace");
    let runtime = Runtime::start(dir, bank, &options(case, &[("REPRISE_CRASH_TRACE", &trace.to_string_lossy())]))?;
    runtime.deploy(case.workflow).await?;
    let end = end(bank, &runtime, case, "reference").await?;
    ensure!(end.phase == case.phase, "{}: {end:?}", case.name);
    ensure!(end.effects.values().all(|count| *count == 1), "{}: {end:?}", case.name);
    // A notification may still be under way; ask it to end properly so that its points are counted too.
    let mut runtime = runtime;
    runtime.finished("reference").await?;
    runtime.process.terminate()?;
    Ok((end, std::fs::read_to_string(&trace)?.lines().count()))
}

/// Kills the runtime at its `point`-th point and lets another one finish. True if the point was reached.
async fn crash_at(dir: &Path, bank: &Bank, case: &Case, point: usize, want: &End) -> Result<bool> {
    let gid = format!("crash-{point}");
    let text = point.to_string();
    let mut first = Runtime::start(dir, bank, &options(case, &[("REPRISE_CRASH_AT", &text)]))?;
    // The answer is lost with the process, unless the point is past it.
    let _ = first.trigger(&gid, case.workflow, &case.input, Some("30s")).await;
    let crashed = !finished_or_ended(&mut first, &gid).await?;
    first.process.kill()?;
    let store = first.store_file();
    drop(first);

    let before = journal(&store, &gid).await?;
    let recorded = recorded_ops(&before)?;
    let seen = bank.requests().await?;
    let sent_before = seen.len();
    let allowed = durable_ops(&before)?;
    let too_early: BTreeSet<(String, String)> =
        seen.iter().filter(|request| request.gid.as_deref() == Some(gid.as_str())).filter_map(op_of).collect();
    ensure!(
        too_early.is_subset(&allowed),
        "{} at point {point}: sent before it was durable: {:?}",
        case.name,
        too_early.difference(&allowed)
    );
    let second = Runtime::start(dir, bank, &options(case, &[]))?;
    let got = end(bank, &second, case, &gid).await?;
    second.finished(&gid).await?;
    ensure!(got == *want, "{} at point {point}: got {got:?}, want {want:?}", case.name);

    let sent_again: BTreeSet<(String, String)> = bank.requests().await?[sent_before..]
        .iter()
        .filter(|request| request.gid.as_deref() == Some(gid.as_str()))
        .filter_map(op_of)
        .filter(|op| recorded.contains(op))
        .collect();
    ensure!(sent_again.is_empty(), "{} at point {point}: recorded and sent again: {sent_again:?}", case.name);
    drop(second);
    let after = journal(&store, &gid).await?;
    ensure!(after.starts_with(&before), "{} at point {point}: the journal before the crash has changed", case.name);
    Ok(crashed)
}

fn op_of(request: &Request) -> Option<(String, String)> {
    Some((request.branch_id.clone()?, request.op.clone()?))
}

/// Whether the execution finished in this process; false if the process ended first.
async fn finished_or_ended(runtime: &mut Runtime, gid: &str) -> Result<bool> {
    match runtime.finished(gid).await {
        Ok(_) => Ok(!runtime.process.ended()?),
        Err(_) => {
            runtime.process.wait()?;
            Ok(false)
        }
    }
}

async fn run(case: &Case) -> Result<usize> {
    let dir = tempfile::tempdir()?;
    let bank = Bank::start(dir.path(), case.accounts)?;
    let total: i64 = bank.accounts().await?.values().map(|(balance, _)| balance).sum();
    if let Some(fault) = &case.fault {
        bank.fault(fault.clone()).await?;
    }
    let (want, points) = reference(dir.path(), &bank, case).await?;
    let mut crashes = 0;
    for point in 1..=points {
        crashes += usize::from(crash_at(dir.path(), &bank, case, point, &want).await.with_context(|| {
            let log = std::fs::read_to_string(dir.path().join("reprise.log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            format!("{} at point {point}; log, newest first:\n{}", case.name, tail.join("\n"))
        })?);
    }
    let accounts = bank.accounts().await?;
    ensure!(accounts.values().map(|(balance, _)| balance).sum::<i64>() == total, "money is lost: {accounts:?}");
    ensure!(accounts.values().all(|(_, frozen)| *frozen == 0), "money is frozen for ever: {accounts:?}");
    println!("{}: {points} points, {crashes} crashes", case.name);
    ensure!(crashes * 10 >= points * 8, "{}: only {crashes} of {points} points were reached", case.name);
    Ok(crashes)
}

#[tokio::test]
async fn every_crash_ends_as_if_there_was_none() -> Result<()> {
    let mut crashes = 0;
    for case in cases() {
        crashes += run(&case).await?;
    }
    println!("crash matrix: {crashes} crashes in all");
    Ok(())
}
