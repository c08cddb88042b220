//! Payday: a company pays employees at two banks, over HTTP and gRPC mixed. Whatever goes wrong, either everybody has the
//! salary or everything is as it was; and the company is told.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Bank, Request, Runtime, RuntimeOptions, until};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the company has.
const MONEY: i64 = 1_000;
/// Whom it pays: account, salary, what the bank speaks, and which participant it is.
const EMPLOYEES: [(&str, i64, &str, &str); 4] = [
    ("e1", 10, "http", "bank"),
    ("e2", 20, "grpc", "bank-grpc"),
    ("n1", 30, "http", "north"),
    ("n2", 40, "grpc", "north-grpc"),
];

/// More attempts than any test takes.
const PATIENT: u32 = 100_000;

/// The one URL of a payment.
const PAYMENT: &str = "/transfer-in/{gid}/{branch_id}";
const GRPC_PAYMENT: &str = "/bank.v1.Bank/TransferIn";

/// The company's bank, another one, and a runtime that knows both.
struct Payday {
    dir: TempDir,
    office: Bank,
    north: Bank,
    runtime: Runtime,
}

impl Payday {
    async fn open() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let bank = |name: &str, accounts: &[(&str, i64)]| {
            let own = dir.path().join(name);
            std::fs::create_dir(&own)?;
            Bank::start(&own, accounts)
        };
        let office = bank("office", &[("acme", MONEY), ("e1", 0), ("e2", 0)])?;
        let north = bank("north", &[("n1", 0), ("n2", 0)])?;
        let runtime = start(&dir, &office, &north)?;
        runtime.deploy("payroll").await?;
        Ok(Self { dir, office, north, runtime })
    }

    /// Kills the runtime and starts it again.
    fn restart(&mut self) -> Result<()> {
        self.runtime.process.kill()?;
        self.runtime = start(&self.dir, &self.office, &self.north)?;
        Ok(())
    }

    async fn pay(&self, gid: &str, query: &str, input: &Value) -> Result<()> {
        let url = format!("/v1/executions/{gid}?workflow=payroll{query}");
        let (status, answer) = self.runtime.post(&url, input).await?;
        ensure!(status == 202, "{status}: {answer}");
        Ok(())
    }

    /// Waits until an op of a branch is in a state.
    async fn op_is(&self, gid: &str, branch: &str, op: &str, state: &str) -> Result<Value> {
        until(&format!("{op} of {branch} to be {state}"), async || {
            let status = self.runtime.execution(gid, None).await?;
            Ok((op_of(&status, branch, op)["state"] == state).then_some(status))
        })
        .await
    }

    async fn balances(&self) -> Result<BTreeMap<String, (i64, i64)>> {
        let mut all = self.office.accounts().await?;
        all.append(&mut self.north.accounts().await?);
        Ok(all)
    }

    /// Checks that each has been paid that often, and that the company has the rest.
    async fn all_are_paid(&self, times: i64) -> Result<()> {
        let mut want = BTreeMap::from([("acme".to_owned(), (MONEY - 100 * times, 0))]);
        want.extend(EMPLOYEES.iter().map(|(account, salary, ..)| ((*account).to_owned(), (salary * times, 0))));
        let balances = self.balances().await?;
        ensure!(balances == want, "everybody should have been paid {times} times: {balances:?}");
        Ok(())
    }
}

fn start(dir: &TempDir, office: &Bank, north: &Bank) -> Result<Runtime> {
    let participants = [
        ("bank", office.http.as_str()),
        ("bank-grpc", office.grpc.as_str()),
        ("north", north.http.as_str()),
        ("north-grpc", north.grpc.as_str()),
    ];
    // Everything that waits leaves memory nearly at once, and nobody waits long.
    let pauses = participants.iter().flat_map(|(name, _)| {
        [format!("participants.{name}.retry.max_ms=100"), format!("participants.{name}.ongoing_ms=50")]
    });
    let settings: Vec<String> = pauses.chain(["idle_ms=20".to_owned()]).collect();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    Runtime::start_for(dir.path(), &participants, &RuntimeOptions::set(&settings))
}

/// Everybody's salary; each bank is asked so many times at most.
fn salaries(attempts: u32) -> Value {
    let employees = EMPLOYEES.iter().map(|(account, salary, protocol, bank)| {
        json!({ "account": account, "salary": salary, "protocol": protocol, "bank": bank })
    });
    json!({ "company": "acme", "employees": employees.collect::<Value>(), "attempts": attempts })
}

/// What the status says of one op.
fn op_of<'a>(status: &'a Value, branch: &str, op: &str) -> &'a Value {
    let branches = status["branches"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ops = branches.iter().find(|each| each["id"] == branch).and_then(|branch| branch["ops"].as_array());
    ops.and_then(|ops| ops.iter().find(|each| each["op"] == op)).unwrap_or(&Value::Null)
}

/// The requests of one branch of `gid`, oldest first: path, op, answer.
async fn asked(bank: &Bank, gid: &str, branch: &str) -> Result<Vec<String>> {
    let own = |request: &Request| request.gid.as_deref() == Some(gid) && request.branch_id.as_deref() == Some(branch);
    let line = |request: Request| format!("{} {} {}", request.path, request.op.unwrap_or_default(), request.answer);
    Ok(bank.requests().await?.into_iter().filter(own).map(line).collect())
}

#[tokio::test]
async fn everybody_is_paid_over_what_their_bank_speaks() -> Result<()> {
    let payday = Payday::open().await?;
    let status = payday.runtime.trigger("may", "payroll", &salaries(2), Some("30s")).await?;
    ensure!(status["phase"] == "succeeded" && status["output"] == json!({ "paid": 4, "total": 100 }), "{status:#}");
    payday.all_are_paid(1).await?;
    ensure!(asked(&payday.office, "may", "02").await? == [format!("{PAYMENT} action done")]);
    ensure!(asked(&payday.north, "may", "05").await? == [format!("{GRPC_PAYMENT} action done")]);
    // The same gid is the same payday.
    let again = payday.runtime.trigger("may", "payroll", &salaries(2), Some("30s")).await?;
    ensure!(again["output"] == status["output"], "{again:#}");
    payday.all_are_paid(1).await
}

#[tokio::test]
async fn a_refusal_undoes_every_payment_on_its_own_url_until_that_succeeds() -> Result<()> {
    let payday = Payday::open().await?;
    let mut input = salaries(PATIENT);
    input["employees"][3]["account"] = "nobody".into();
    // Held back until the others have their salary.
    payday.north.fault(json!({ "path": GRPC_PAYMENT, "account": "nobody", "kind": "ongoing" })).await?;
    payday.office.fault(json!({ "path": PAYMENT, "op": "compensate", "kind": "error", "times": 2 })).await?;
    payday.pay("may", "", &input).await?;
    for branch in ["02", "03", "04"] {
        payday.op_is("may", branch, "action", "success").await?;
    }
    payday.north.clear_faults().await?;
    let status = payday.runtime.finished("may").await?;
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    ensure!(status["phase"] == "failed" && message.contains("no account `nobody`"), "{status:#}");
    let undone = |answer: &str| format!("{PAYMENT} compensate {answer}");
    let log = asked(&payday.office, "may", "02").await?;
    let want = [format!("{PAYMENT} action done"), undone("fault:error"), undone("fault:error"), undone("done")];
    ensure!(log == want, "{log:?}");
    payday.all_are_paid(0).await
}

#[tokio::test]
async fn the_retry_limit_rolls_back_what_may_have_happened_too() -> Result<()> {
    let payday = Payday::open().await?;
    // The salary is paid, and nobody hears of it.
    payday.north.fault(json!({ "path": GRPC_PAYMENT, "kind": "drop-reply" })).await?;
    payday.pay("may", "", &salaries(2)).await?;
    let status = payday.runtime.finished("may").await?;
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    ensure!(
        status["phase"] == "failed" && message.starts_with("n2: no success within the allowed attempts"),
        "{status:#}"
    );
    let action = op_of(&status, "05", "action");
    ensure!(action["state"] == "exhausted" && action["attempts"] == 2, "{action}");
    let log = asked(&payday.north, "may", "05").await?;
    let lost = format!("{GRPC_PAYMENT} action fault:drop-reply");
    ensure!(log == [lost.as_str(), &lost, "/bank.v1.Bank/TransferInRevert rollback done"], "{log:?}");
    payday.all_are_paid(0).await
}

#[tokio::test]
async fn a_bank_that_comes_back_within_its_attempts_is_no_failure() -> Result<()> {
    let payday = Payday::open().await?;
    payday.north.fault(json!({ "path": PAYMENT, "kind": "drop-reply", "times": 1 })).await?;
    payday.north.fault(json!({ "path": GRPC_PAYMENT, "kind": "error", "times": 1 })).await?;
    let status = payday.runtime.trigger("may", "payroll", &salaries(2), Some("30s")).await?;
    ensure!(status["phase"] == "succeeded", "{status:#}");
    let log = asked(&payday.north, "may", "04").await?;
    ensure!(log == [format!("{PAYMENT} action fault:drop-reply"), format!("{PAYMENT} action repeat")], "{log:?}");
    payday.all_are_paid(1).await
}

#[tokio::test]
async fn a_bank_that_is_away_holds_up_its_own_undo_only() -> Result<()> {
    let mut payday = Payday::open().await?;
    let port = |url: &str| url.rsplit(':').next().and_then(|port| port.parse().ok()).context("a port");
    let ports: [u16; 2] = [port(&payday.north.http)?, port(&payday.north.grpc)?];
    payday.north.process.kill()?;
    payday.pay("may", "", &salaries(2)).await?;
    until("the rollback", async || {
        Ok((payday.runtime.execution("may", None).await?["phase"] == "rolling-back").then_some(()))
    })
    .await?;
    payday.restart()?;
    let dir = payday.dir.path().join("north");
    payday.north = Bank::start_at(&dir, "north", &dir.join("bank.db").to_string_lossy(), ports)?;
    let status = payday.runtime.finished("may").await?;
    ensure!(status["phase"] == "failed", "{status:#}");
    // What never arrived has nothing to undo.
    let log = payday.north.log_of("may").await?;
    ensure!(!log.is_empty() && log.iter().all(|line| line.ends_with(" empty")), "{log:?}");
    payday.all_are_paid(0).await
}

#[tokio::test]
async fn a_payday_that_takes_too_long_expires() -> Result<()> {
    let mut payday = Payday::open().await?;
    payday.north.fault(json!({ "path": PAYMENT, "op": "action", "kind": "ongoing" })).await?;
    payday.pay("may", "&timeout=5s", &salaries(PATIENT)).await?;
    for branch in ["02", "03", "05"] {
        payday.op_is("may", branch, "action", "success").await?;
    }
    // The time goes on while nobody is there.
    payday.restart()?;
    let status = payday.runtime.finished("may").await?;
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    ensure!(status["phase"] == "failed" && message.contains("did not end within its timeout"), "{status:#}");
    let log = asked(&payday.north, "may", "04").await?;
    ensure!(log.last() == Some(&format!("{PAYMENT} compensate empty")), "{log:?}");
    payday.all_are_paid(0).await
}

#[tokio::test]
async fn the_company_is_told_until_it_acknowledges() -> Result<()> {
    let mut payday = Payday::open().await?;
    let mut input = salaries(2);
    input["notify"] = "bank/notify".into();
    for (gid, refused, phase) in [("may", false, "succeeded"), ("june", true, "failed")] {
        if refused {
            payday.north.fault(json!({ "path": GRPC_PAYMENT, "kind": "fail" })).await?;
        }
        payday.office.fault(json!({ "path": "/notify", "kind": "error", "times": 3 })).await?;
        payday.pay(gid, "", &input).await?;
        payday.office.asked(gid, "/notify", 1).await?;
        // It is decided before anybody is told, and that nobody hears of it changes nothing.
        let status = payday.runtime.execution(gid, None).await?;
        ensure!(status["phase"] == phase, "{status:#}");
        payday.restart()?;
        let status = payday.runtime.finished(gid).await?;
        ensure!(status["phase"] == phase && op_of(&status, "00", "finish")["state"] == "success", "{status:#}");
        let requests = payday.office.requests().await?;
        let told: Vec<&Request> =
            requests.iter().filter(|r| r.path == "/notify" && r.gid.as_deref() == Some(gid)).collect();
        let answers: Vec<&str> = told.iter().map(|request| request.answer.as_str()).collect();
        ensure!(answers == ["fault:error", "fault:error", "fault:error", "done"], "{answers:?}");
        let outcome = format!("outcome={phase}");
        let says = |request: &&Request| request.query.as_deref().is_some_and(|query| query.contains(&outcome));
        ensure!(told.iter().all(says), "{told:?}");
    }
    payday.all_are_paid(1).await
}

#[tokio::test]
async fn its_state_can_be_asked_for_at_any_time() -> Result<()> {
    let payday = Payday::open().await?;
    payday.north.fault(json!({ "path": PAYMENT, "kind": "ongoing" })).await?;
    payday.pay("may", "", &salaries(PATIENT)).await?;
    for branch in ["01", "02", "03", "05"] {
        payday.op_is("may", branch, "action", "success").await?;
    }
    let status = payday.runtime.execution("may", None).await?;
    ensure!(status["phase"] == "running" && status["output"].is_null(), "{status:#}");
    let (action, undo) = (op_of(&status, "04", "action"), op_of(&status, "04", "rollback"));
    ensure!(action["state"] == "in-flight" && action["call"] == format!("POST north{PAYMENT}"), "{action}");
    ensure!(undo["state"] == "registered" && undo["call"] == format!("DELETE north{PAYMENT}"), "{undo}");
    let unfinished = payday.runtime.get("/v1/executions?phase=running&workflow=payroll").await?;
    ensure!(unfinished["executions"][0]["gid"] == "may", "{unfinished:#}");

    payday.north.clear_faults().await?;
    let status = payday.runtime.finished("may").await?;
    ensure!(status["phase"] == "succeeded" && status["output"]["paid"] == 4, "{status:#}");
    for branch in ["01", "02", "03", "04", "05"] {
        ensure!(op_of(&status, branch, "action")["state"] == "success", "{status:#}");
        ensure!(op_of(&status, branch, "rollback")["state"] == "not-needed", "{status:#}");
    }
    payday.all_are_paid(1).await
}
