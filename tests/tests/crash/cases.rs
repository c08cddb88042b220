//! What is crashed: workflows, where their participants keep their books, and how they end.

use reprise_tests::{Books, scenario};
use serde_json::{Value, json};

use Books::{MariaDb, Postgres, Sqlite};

/// A workflow that is run, and crashed at each point.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) settings: &'static [&'static str],
    /// A bank each, and the runtime works on their books too: the first is the database `bank-a`; the last is the database
    /// `bank-b`, the participant `bank` and the database `bank`.
    pub(crate) books: &'static [Books],
    pub(crate) begun_by: Beginner,
    pub(crate) workflow: &'static str,
    input: Value,
    /// Of each bank, before each run.
    pub(crate) accounts: &'static [(&'static str, i64)],
    /// Of the participant; each run has its own.
    pub(crate) fault: Option<Value>,
    pub(crate) phase: &'static str,
}

/// Who begins an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginner {
    Client,
    /// The bank, with a message that belongs to a local transaction: 1 from alice.
    Bank,
    /// A sender that prepares a message and is heard of no more.
    LostSender(LocalTransaction),
}

/// What a sender that was lost has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalTransaction {
    Committed,
    Missing,
}

/// Its workflow has the same name.
const SCENARIO: &str = "scenario-guest";
/// Its input names the gid.
const TRANSFERS: &str = "transfers-guest";
/// Its input names the bank's URL.
const ORDINARY_CLIENT: &str = "ordinary-client-guest";

const TWO: &[(&str, i64)] = &[("alice", 10_000), ("bob", 0)];
const WITH_FEES: &[(&str, i64)] = &[("alice", 10_000), ("bob", 0), ("fees", 0)];
const MANY: &[(&str, i64)] = &[("acme", 10_000), ("e1", 0), ("e2", 0), ("e3", 0)];

const SUCCEEDED: &str = "succeeded";
const FAILED: &str = "failed";

impl Case {
    /// Triggered by a client on SQLite; nothing is refused.
    fn new(name: &'static str, workflow: &'static str, input: Value, phase: &'static str) -> Self {
        Self {
            name,
            settings: &[],
            books: &[Sqlite],
            begun_by: Beginner::Client,
            workflow,
            input,
            accounts: TWO,
            fault: None,
            phase,
        }
    }

    fn on(self, books: &'static [Books]) -> Self {
        Self { books, ..self }
    }

    /// The bank refuses requests to `path`.
    fn refused_at(self, path: &str) -> Self {
        Self { fault: Some(json!({ "path": path, "kind": "fail" })), ..self }
    }

    fn begun_by(self, begun_by: Beginner) -> Self {
        Self { begun_by, ..self }
    }

    /// Unlike those of any other case.
    pub(crate) fn gids(&self) -> String {
        let books: Vec<&str> = self.books.iter().map(|books| books.dialect()).collect();
        format!("{}-{}-", self.name.replace(' ', "-"), books.join("-"))
    }

    /// For the execution `gid`, where the participant is at `bank`.
    pub(crate) fn input(&self, gid: &str, bank: &str) -> Value {
        let mut input = self.input.clone();
        match self.workflow {
            TRANSFERS => input["gid"] = gid.into(),
            ORDINARY_CLIENT => input["url"] = bank.into(),
            _ => {}
        }
        input
    }
}

/// 1 from alice to `to`.
fn transfer_to(to: &str) -> Value {
    json!({ "from": "alice", "to": to, "amount": 1 })
}

/// Calls of a participant.
pub(crate) fn calls() -> Vec<Case> {
    let employee = |account: &str, protocol: &str| json!({ "account": account, "salary": 1, "protocol": protocol });
    let employees = [employee("e1", "http"), employee("e2", "grpc"), employee("e3", "http")];
    let payroll = json!({ "company": "acme", "employees": employees, "attempts": 3, "notify": "bank/notify" });
    let payroll = |name, phase| Case { accounts: MANY, ..Case::new(name, "payroll", payroll.clone(), phase) };
    vec![
        Case::new("saga succeeds", "transfer-saga", transfer_to("bob"), SUCCEEDED),
        Case::new("saga rolls back", "transfer-saga", transfer_to("bob"), FAILED).refused_at("/transfer-in"),
        Case::new("tcc succeeds", "transfer-tcc", transfer_to("bob"), SUCCEEDED),
        Case::new("tcc rolls back", "transfer-tcc", transfer_to("bob"), FAILED).refused_at("/transfer-in/try"),
        payroll("payroll succeeds", SUCCEEDED),
        Case {
            fault: Some(
                json!({ "path": "/transfer-in/{gid}/{branch_id}", "op": "action", "account": "e3", "kind": "fail" }),
            ),
            ..payroll("payroll rolls back", FAILED)
        },
    ]
}

/// Phase two by code, timers, and requests that are intercepted.
pub(crate) fn handlers_and_clients() -> Vec<Case> {
    vec![
        Case::new("handlers succeed", SCENARIO, scenario(json!({ "handlers": false })), SUCCEEDED),
        Case::new("handlers roll back", SCENARIO, scenario(json!({ "handlers": true })), FAILED),
        Case {
            settings: &["idle_ms=5"],
            ..Case::new("sleeper succeeds", SCENARIO, scenario(json!({ "sleep": 50 })), SUCCEEDED)
        },
        Case::new("client succeeds", ORDINARY_CLIENT, transfer_to("bob"), SUCCEEDED),
        Case::new("client rolls back", ORDINARY_CLIENT, transfer_to("bob"), FAILED).refused_at("/transfer-in"),
    ]
}

/// What can't be undone, and is driven to its end.
pub(crate) fn messages() -> Vec<Case> {
    let deliver = |name, phase| Case::new(name, SCENARIO, scenario("deliver"), phase);
    let refused_once =
        |case: Case| Case { fault: Some(json!({ "path": "/transfer-in", "kind": "fail", "times": 1 })), ..case };
    let message = json!({ "from": "alice", "to": "bob", "amount": 1, "dialect": "postgres" });
    vec![
        deliver("message is delivered", SUCCEEDED).begun_by(Beginner::Bank),
        deliver("message is found committed", SUCCEEDED).begun_by(Beginner::LostSender(LocalTransaction::Committed)),
        deliver("message is found missing", FAILED).begun_by(Beginner::LostSender(LocalTransaction::Missing)),
        refused_once(Case::new("pivot goes forward", SCENARIO, scenario(json!({ "pivot": false })), SUCCEEDED)),
        Case::new("pivot is refused", SCENARIO, scenario(json!({ "pivot": false })), FAILED).refused_at("/notify"),
        refused_once(Case::new("message by statement succeeds", "transfer-message", message.clone(), SUCCEEDED))
            .on(&[Postgres, Sqlite]),
        Case {
            accounts: &[("bob", 0)],
            ..Case::new("message by statement is refused", "transfer-message", message, FAILED).on(&[Postgres])
        },
    ]
}

/// Local transactions on databases, alone and beside calls.
pub(crate) fn statements() -> Vec<Case> {
    let transfer = |to| between(Postgres, Sqlite, to);
    let mixed = |to| json!({ "from": "alice", "to": to, "amount": 2, "fee": 1, "dialect": "mysql" });
    let mixed = |name, to, phase| Case { accounts: WITH_FEES, ..Case::new(name, "transfer-mixed", mixed(to), phase) };
    vec![
        Case::new("transfer by SQL succeeds", "transfer-sql", transfer("bob"), SUCCEEDED).on(&[Postgres, Sqlite]),
        Case::new("transfer by SQL rolls back", "transfer-sql", transfer("nobody"), FAILED).on(&[Postgres, Sqlite]),
        mixed("mixed transfer succeeds", "bob", SUCCEEDED).on(&[MariaDb, Sqlite]),
        steps("SQL rolls back", Sqlite, ["sql", "sql"], FAILED).on(&[Sqlite]),
        steps("SQL succeeds", MariaDb, ["sql", "sql"], SUCCEEDED).on(&[MariaDb]),
        steps("SQL and a TCC roll back", Postgres, ["sql", "tcc"], FAILED).on(&[Postgres]),
    ]
}

/// Changes that are prepared.
pub(crate) fn xa() -> Vec<Case> {
    let transfer = |to| between(Postgres, MariaDb, to);
    vec![
        Case::new("transfer by XA succeeds", "transfer-xa", transfer("bob"), SUCCEEDED).on(&[Postgres, MariaDb]),
        Case::new("transfer by XA rolls back", "transfer-xa", transfer("nobody"), FAILED).on(&[Postgres, MariaDb]),
        steps("XA succeeds", MariaDb, ["xa", "xa"], SUCCEEDED).on(&[MariaDb]),
        steps("XA rolls back", MariaDb, ["xa", "xa"], FAILED).on(&[MariaDb]),
        steps("XA and a call succeed", Postgres, ["xa", "http"], SUCCEEDED).on(&[Postgres]),
        steps("XA rolls back", Postgres, ["xa", "xa"], FAILED).on(&[Postgres]),
    ]
}

/// 1 from alice in one database to `to` in another.
fn between(from: Books, into: Books, to: &str) -> Value {
    let account = |account: &str, books: Books| json!({ "account": account, "dialect": books.dialect() });
    json!({ "from": account("alice", from), "to": account(to, into), "amount": 1 })
}

/// 1 from alice to bob in two modes, both steps done; one that is to fail gives up then.
fn steps(name: &'static str, books: Books, [out, into]: [&str; 2], phase: &'static str) -> Case {
    let placeholders = if books == Postgres { "numbers" } else { "questions" };
    let step = |mode, direction, account| {
        json!({
            "bank": "bank", "mode": mode, "direction": direction, "account": account, "amount": 1,
            "placeholders": placeholders,
        })
    };
    let steps = [step(out, "out", "alice"), step(into, "in", "bob")];
    Case::new(name, TRANSFERS, json!({ "steps": steps, "gives_up": phase == FAILED }), phase)
}
