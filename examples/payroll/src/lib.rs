//! A company pays its employees: the sum leaves its account first, then all are paid at once, over HTTP and gRPC mixed.
//!
//! Input `{"company": "acme", "employees": [{"account": "e1", "salary": 10, "protocol": "http", "bank": "north"}, ...],
//! "attempts": 3, "notify": "office/notify"}` (`bank`, `attempts` and `notify` may be left out), output
//! `{"paid": 1, "total": 10}`. The company's account is at the participant `bank`; an employee's is at `bank` over HTTP and
//! at `bank-grpc` over gRPC, unless it says otherwise. All of them are `examples/bank`.
//!
//! Over HTTP a payment is one URL that names transaction and branch: `POST` commits it, `DELETE` undoes it. A bank that
//! can't be reached is asked again, at most `attempts` times. Then, or when one refuses, or when the execution has outlived
//! its timeout, everything is undone: who was paid or may have been pays back, and the company gets the sum back last.

use reprise_guest::{Failure, Options, Participant, Transaction};
use serde::{Deserialize, Serialize};

/// Whom to pay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payroll {
    /// The company's account.
    pub company: String,
    /// The employees.
    pub employees: Vec<Employee>,
    /// How often each bank is asked; 3 if not given.
    #[serde(default = "three")]
    pub attempts: u32,
    /// `participant/path` that is told when all is done, again and again until it acknowledges.
    #[serde(default)]
    pub notify: Option<String>,
}

/// Somebody to pay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Employee {
    /// The account.
    pub account: String,
    /// How much, more than zero.
    pub salary: u32,
    /// What the employee's bank speaks.
    pub protocol: Protocol,
    /// The participant, if it is another one than `bank` or `bank-grpc`.
    #[serde(default)]
    pub bank: Option<String>,
}

/// What a bank speaks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// JSON over HTTP.
    Http,
    /// gRPC.
    Grpc,
}

/// What was paid.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Paid {
    /// How many employees.
    pub paid: usize,
    /// How much in all.
    pub total: i64,
}

/// What a bank is asked to do, as JSON or as the message `bank.v1.Transfer`.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Transfer {
    /// The account.
    #[prost(string, tag = "1")]
    pub account: String,
    /// How much.
    #[prost(int64, tag = "2")]
    pub amount: i64,
}

/// Where money leaves an account; the runtime fills in whose branch it is.
const OUT: &str = "/transfer-out/{gid}/{branch_id}";
/// Where it enters one.
const IN: &str = "/transfer-in/{gid}/{branch_id}";

/// Takes the sum from the company, then pays everybody at once.
#[reprise_guest::workflow]
pub async fn payroll(tx: &Transaction, payroll: Payroll) -> Result<Paid, Failure> {
    if let Some(target) = payroll.notify {
        tx.on_finish(Participant::named(target).post(""));
    }
    let total = payroll.employees.iter().map(|employee| i64::from(employee.salary)).sum();
    let bank = Participant::named("bank");
    let sum = Transfer { account: payroll.company, amount: total };
    let company = tx.branch().on_rollback(bank.delete(OUT).json(&sum));
    company.call(bank.post(OUT).json(&sum)).await?;

    let paid =
        tx.try_join_all(payroll.employees.into_iter().map(|employee| pay(tx, employee, payroll.attempts))).await?;
    Ok(Paid { paid: paid.len(), total })
}

/// Pays one employee over what the employee's bank speaks.
async fn pay(tx: &Transaction, employee: Employee, attempts: u32) -> Result<(), Failure> {
    let Employee { account, salary, protocol, bank } = employee;
    let branch = tx.branch().options(Options::new().attempts(attempts));
    let salary = Transfer { account, amount: salary.into() };
    let call = match protocol {
        Protocol::Http => {
            let bank = Participant::named(bank.unwrap_or_else(|| "bank".to_owned()));
            branch.on_rollback(bank.delete(IN).json(&salary)).call(bank.post(IN).json(&salary))
        }
        Protocol::Grpc => {
            let bank = Participant::named(bank.unwrap_or_else(|| "bank-grpc".to_owned()));
            branch
                .on_rollback(bank.grpc("bank.v1.Bank/TransferInRevert").encode(&salary))
                .call(bank.grpc("bank.v1.Bank/TransferIn").encode(&salary))
        }
    };
    call.await.map(|_| ()).map_err(|error| Failure::from(error).about(&salary.account))
}

fn three() -> u32 {
    3
}
