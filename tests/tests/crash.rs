//! The crash matrix: the runtime is killed with SIGKILL before and after every append and every send, and must end as
//! if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Bank, Request, Runtime, RuntimeOptions, client, durable_ops, journal, recorded_ops, scenario};
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Executor as _};

struct Case {
    name: &'static str,
    settings: &'static [&'static str],
    books: Books,
    begun_by: Beginner,
    workflow: &'static str,
    input: Value,
    accounts: &'static [(&'static str, i64)],
    fault: Option<Value>,
    phase: &'static str,
}

/// Where the bank keeps its books. The runtime works on them as well, as the database `bank`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Books {
    Sqlite,
    Postgres,
    MariaDb,
}

/// Who begins an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginner {
    Client,
    /// The bank, with a message that belongs to a local transaction: 1 from alice.
    Bank,
}

/// Its workflow has the same name.
const GUEST: &str = "scenario-guest";
/// Its input names the gid.
const TRANSFERS: &str = "transfers-guest";

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
        books: Books::Sqlite,
        begun_by: Beginner::Client,
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
        Case {
            begun_by: Beginner::Bank,
            ..case("message is delivered", GUEST, &scenario("deliver"), two, None, "succeeded")
        },
    ]
}

/// Transfers by statements on the bank's own database, alone and with calls of the bank.
fn cases_on_databases() -> Vec<Case> {
    [
        ("SQL rolls back", Books::Sqlite, ["sql", "sql"], true),
        ("SQL succeeds", Books::Postgres, ["sql", "sql"], false),
        ("SQL and a TCC roll back", Books::Postgres, ["sql", "tcc"], true),
        ("XA succeeds", Books::MariaDb, ["xa", "xa"], false),
        ("XA rolls back", Books::MariaDb, ["xa", "xa"], true),
        ("XA and a call succeed", Books::Postgres, ["xa", "http"], false),
        ("XA rolls back", Books::Postgres, ["xa", "xa"], true),
    ]
    .into_iter()
    .map(|(name, books, [out, into], gives_up)| {
        let placeholders = if books == Books::Postgres { "numbers" } else { "questions" };
        let step = |mode, direction, account| {
            json!({
                "bank": "bank", "mode": mode, "direction": direction, "account": account, "amount": 1,
                "placeholders": placeholders,
            })
        };
        Case {
            name,
            settings: &[],
            books,
            begun_by: Beginner::Client,
            workflow: TRANSFERS,
            input: json!({ "steps": [step(out, "out", "alice"), step(into, "in", "bob")], "gives_up": gives_up }),
            accounts: &[("alice", 10_000), ("bob", 0)],
            fault: None,
            phase: if gives_up { "failed" } else { "succeeded" },
        }
    })
    .collect()
}

impl Case {
    /// Another one in each case: barriers of databases on one server may share a table.
    fn gid(&self, run: &str) -> String {
        format!("{}-{:?}-{run}", self.name.replace(' ', "-"), self.books)
    }

    fn input(&self, gid: &str) -> Value {
        let mut input = self.input.clone();
        if self.workflow == TRANSFERS {
            input["gid"] = gid.into();
        }
        input
    }

    /// Begins an execution, and waits for its end if that is how it is begun. Safe to repeat.
    async fn begin(&self, bank: &Bank, runtime: &Runtime, gid: &str) -> Result<()> {
        if self.begun_by == Beginner::Client {
            return runtime.trigger(gid, self.workflow, &self.input(gid), Some("30s")).await.map(drop);
        }
        let body = json!({
            "account": "alice", "amount": 1, "runtime": runtime.url, "gid": gid, "workflow": self.workflow,
            "input": self.input(gid),
        });
        let response = client().post(format!("{}/local-transfer-out", bank.http)).json(&body).send().await?;
        ensure!(response.status().is_success(), "{}: {}", response.status(), response.text().await?);
        Ok(())
    }
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
    case.begin(bank, runtime, gid).await?;
    let status = runtime.execution(gid, Some("30s")).await?;
    // Balances in an output depend on the transfers before; the accounts are checked as a whole.
    let output = if case.workflow == "payroll" { status["output"].clone() } else { Value::Null };
    let (phase, failure) = (status["phase"].clone(), status["failure"].clone());
    Ok(End { phase, output, failure, effects: bank.effects(gid).await? })
}

/// A case on its stage.
struct Play<'a> {
    case: &'a Case,
    dir: &'a Path,
    bank: &'a Bank,
    database: &'a str,
}

impl Play<'_> {
    fn runtime(&self, env: &[(&str, &str)]) -> Result<Runtime> {
        let database = format!("databases.bank.url={}", self.database);
        let options = RuntimeOptions {
            features: vec!["crash-points"],
            env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..RuntimeOptions::set(&[self.case.settings, &[&database]].concat())
        };
        Runtime::start(self.dir, self.bank, &options)
    }
}

/// Runs a case once without a crash: how it ends, and how many points it passes.
async fn reference(play: &Play<'_>) -> Result<(End, usize)> {
    let Play { case, dir, bank, .. } = play;
    let trace = dir.join("trace");
    let runtime = play.runtime(&[("REPRISE_CRASH_TRACE", &trace.to_string_lossy())])?;
    runtime.deploy(case.workflow).await?;
    let gid = case.gid("reference");
    let end = end(bank, &runtime, case, &gid).await?;
    ensure!(end.phase == case.phase, "{}: {end:?}", case.name);
    ensure!(end.effects.values().all(|count| *count == 1), "{}: {end:?}", case.name);
    // A notification may still be under way; ask it to end properly so that its points are counted too.
    let mut runtime = runtime;
    runtime.finished(&gid).await?;
    runtime.process.terminate()?;
    Ok((end, std::fs::read_to_string(&trace)?.lines().count()))
}

/// Kills the runtime at its `point`-th point and lets another one finish. True if the point was reached.
async fn crash_at(play: &Play<'_>, point: usize, want: &End) -> Result<bool> {
    let Play { case, bank, .. } = play;
    let gid = case.gid(&format!("crash-{point}"));
    let text = point.to_string();
    let mut first = play.runtime(&[("REPRISE_CRASH_AT", &text)])?;
    // The answer is lost with the process, unless the point is past it.
    let _ = case.begin(bank, &first, &gid).await;
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
    let second = play.runtime(&[])?;
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

/// What the runtime has asked for; the local transaction of a message is the bank's own.
fn op_of(request: &Request) -> Option<(String, String)> {
    if request.op.as_deref() == Some("msg") {
        return None;
    }
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

/// A prepared transaction would keep its rows locked.
async fn nothing_is_left_locked(books: Books, database: &str) -> Result<()> {
    let lock = "SELECT account FROM accounts FOR UPDATE NOWAIT";
    let locked = match books {
        Books::Sqlite => SqliteConnection::connect(database).await?.execute("BEGIN IMMEDIATE").await.err(),
        Books::Postgres => PgConnection::connect(database).await?.execute(lock).await.err(),
        Books::MariaDb => MySqlConnection::connect(database).await?.execute(lock).await.err(),
    };
    ensure!(locked.is_none(), "something is locked for ever: {locked:?}");
    Ok(())
}

async fn run(case: &Case) -> Result<usize> {
    let dir = tempfile::tempdir()?;
    let database = match case.books {
        Books::Sqlite => format!("sqlite:{}", dir.path().join("bank.db").display()),
        Books::Postgres => reprise_test_services::postgres().await,
        Books::MariaDb => reprise_test_services::mariadb().await,
    };
    let bank = Bank::start_on(dir.path(), &database, case.accounts)?;
    let play = Play { case, dir: dir.path(), bank: &bank, database: &database };
    let total: i64 = bank.accounts().await?.values().map(|(balance, _)| balance).sum();
    if let Some(fault) = &case.fault {
        bank.fault(fault.clone()).await?;
    }
    let (want, points) = reference(&play).await?;
    let mut crashes = 0;
    for point in 1..=points {
        crashes += usize::from(crash_at(&play, point, &want).await.with_context(|| {
            let log = std::fs::read_to_string(dir.path().join("reprise.log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            format!("{} at point {point}; log, newest first:\n{}", case.name, tail.join("\n"))
        })?);
    }
    let accounts = bank.accounts().await?;
    ensure!(accounts.values().map(|(balance, _)| balance).sum::<i64>() == total, "money is lost: {accounts:?}");
    ensure!(accounts.values().all(|(_, frozen)| *frozen == 0), "money is frozen for ever: {accounts:?}");
    nothing_is_left_locked(case.books, &database).await?;
    println!("{} ({:?}): {points} points, {crashes} crashes", case.name, case.books);
    ensure!(crashes * 10 >= points * 8, "{}: only {crashes} of {points} points were reached", case.name);
    Ok(crashes)
}

#[tokio::test]
async fn every_crash_ends_as_if_there_was_none() -> Result<()> {
    all(cases()).await
}

#[tokio::test]
async fn every_crash_beside_a_database_ends_as_if_there_was_none() -> Result<()> {
    all(cases_on_databases()).await
}

async fn all(cases: Vec<Case>) -> Result<()> {
    let mut crashes = 0;
    for case in cases {
        crashes += run(&case).await.with_context(|| format!("{} on {:?}", case.name, case.books))?;
    }
    println!("crash matrix: {crashes} crashes in all");
    Ok(())
}
