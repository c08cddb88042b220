//! A workflow that moves money between banks as its input says: each step in a mode of its own, one after the other or
//! all at once. For the bank invariant of the tests of the whole.
//!
//! The participants `NAME` (HTTP) and `NAME-grpc` and the database `NAME` of the runtime's configuration are one bank of
//! `examples/bank`. Steps on the database leave a row in the bank's `effects` as the bank's own operations do.

use std::time::Duration;

use reprise_guest::{Branch, Failure, Op, Options, Participant, Sql, Statement, Transaction};
use serde::{Deserialize, Serialize};

/// What to do.
#[derive(Debug, Clone, Deserialize)]
pub struct Plan {
    /// Of this execution.
    gid: String,
    steps: Vec<Step>,
    /// All steps at once rather than one after the other.
    #[serde(default)]
    at_once: bool,
    /// Give up when all steps are done.
    #[serde(default)]
    gives_up: bool,
    /// Most attempts of an action.
    #[serde(default)]
    attempts: Option<u32>,
    /// Longest time of all attempts of an action together.
    #[serde(default)]
    deadline_ms: Option<u64>,
}

/// One branch.
#[derive(Debug, Clone, Deserialize)]
struct Step {
    bank: String,
    mode: Mode,
    direction: Direction,
    account: String,
    amount: i64,
    /// How the bank's database wants parameters in statements.
    #[serde(default)]
    placeholders: Placeholders,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// A SAGA over HTTP.
    Http,
    /// A SAGA over gRPC.
    Grpc,
    /// A TCC over HTTP.
    Tcc,
    /// A local transaction of the runtime on the bank's database, undone by another one.
    Sql,
    /// The same statements as an XA branch.
    Xa,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Out,
    In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Placeholders {
    /// `?`
    #[default]
    Questions,
    /// `$1`
    Numbers,
}

/// What a bank is asked to do, as JSON or as the message `bank.v1.Transfer`.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
struct Posting {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(int64, tag = "2")]
    amount: i64,
}

#[reprise_guest::workflow]
async fn transfers(tx: &Transaction, plan: Plan) -> Result<usize, Failure> {
    if plan.at_once {
        tx.try_join_all(plan.steps.iter().map(|step| take(tx, &plan, step))).await?;
    } else {
        for step in &plan.steps {
            take(tx, &plan, step).await?;
        }
    }
    if plan.gives_up {
        return Err(Failure::new("given up as planned"));
    }
    Ok(plan.steps.len())
}

async fn take(tx: &Transaction, plan: &Plan, step: &Step) -> Result<(), Failure> {
    let branch = tx.branch().options(plan.options());
    let called = match step.mode {
        Mode::Http => saga(branch, step),
        Mode::Grpc => saga_over_grpc(branch, step),
        Mode::Tcc => tcc(branch, step),
        Mode::Sql => branch.on_rollback(step.undo(plan, branch)).call(step.action(plan, branch)),
        Mode::Xa => branch.call(step.action(plan, branch).xa()),
    };
    called.await.map(drop).map_err(|error| Failure::from(error).about(&step.bank))
}

fn saga(branch: Branch, step: &Step) -> reprise_guest::Call {
    let bank = Participant::named(&step.bank);
    let op = |path: &str| bank.post(&format!("/transfer-{}{path}", step.direction.word())).json(&step.posting());
    branch.on_rollback(op("/revert")).call(op(""))
}

fn saga_over_grpc(branch: Branch, step: &Step) -> reprise_guest::Call {
    let bank = Participant::named(format!("{}-grpc", step.bank));
    let direction = match step.direction {
        Direction::Out => "Out",
        Direction::In => "In",
    };
    let op = |end: &str| -> Op {
        bank.grpc(&format!("bank.v1.Bank/Transfer{direction}{end}")).encode(&step.posting()).into()
    };
    branch.on_rollback(op("Revert")).call(op(""))
}

fn tcc(branch: Branch, step: &Step) -> reprise_guest::Call {
    let bank = Participant::named(&step.bank);
    let op = |part: &str| bank.post(&format!("/transfer-{}/{part}", step.direction.word())).json(&step.posting());
    branch.on_commit(op("confirm")).on_rollback(op("cancel")).call(op("try"))
}

impl Plan {
    /// Pauses are short, so that an outage costs little more than its own length.
    fn options(&self) -> Options {
        let (first, longest) = (Duration::from_millis(30), Duration::from_millis(400));
        let mut options = Options::new().backoff(first, 2.0, longest).ongoing_interval(first);
        options = options.timeout(Duration::from_secs(2));
        if let Some(attempts) = self.attempts {
            options = options.attempts(attempts);
        }
        if let Some(ms) = self.deadline_ms {
            options = options.deadline(Duration::from_millis(ms));
        }
        options
    }
}

impl Step {
    fn posting(&self) -> Posting {
        Posting { account: self.account.clone(), amount: self.amount }
    }

    /// Moves the money; too little of it is a refusal.
    fn action(&self, plan: &Plan, branch: Branch) -> Sql {
        let change = match self.direction {
            Direction::Out => {
                let take = "UPDATE accounts SET balance = balance - ? WHERE account = ? AND balance - frozen >= ?";
                self.statement(take).bind(self.amount).bind(&self.account).bind(self.amount)
            }
            Direction::In => self.add(self.amount),
        };
        Sql::on(&self.bank).statement(change.affected(1)).statement(self.effect(plan, branch, "action", self.change()))
    }

    /// Moves it back, whatever is there by now.
    fn undo(&self, plan: &Plan, branch: Branch) -> Sql {
        let back = self.add(-self.change()).affected(1);
        Sql::on(&self.bank).statement(back).statement(self.effect(plan, branch, "rollback", -self.change()))
    }

    /// What the action adds to the account.
    fn change(&self) -> i64 {
        match self.direction {
            Direction::Out => -self.amount,
            Direction::In => self.amount,
        }
    }

    fn add(&self, amount: i64) -> Statement {
        self.statement("UPDATE accounts SET balance = balance + ? WHERE account = ?").bind(amount).bind(&self.account)
    }

    fn effect(&self, plan: &Plan, branch: Branch, op: &str, change: i64) -> Statement {
        let record = "INSERT INTO effects (gid, branch_id, op, account, delta_balance, delta_frozen) \
                      VALUES (?, ?, ?, ?, ?, 0)";
        let branch_id = format!("{:02}", branch.id());
        self.statement(record).bind(&plan.gid).bind(branch_id).bind(op).bind(&self.account).bind(change)
    }

    /// A statement written with `?`.
    fn statement(&self, sql: &str) -> Statement {
        match self.placeholders {
            Placeholders::Questions => Statement::new(sql),
            Placeholders::Numbers => {
                let mut parts = sql.split('?');
                let first = parts.next().unwrap_or_default().to_owned();
                Statement::new(parts.zip(1..).fold(first, |text, (part, number)| format!("{text}${number}{part}")))
            }
        }
    }
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}
