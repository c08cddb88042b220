//! Money from one account to another as a SAGA: each step takes effect at once, and its undo is registered before it.
//!
//! Input `{"from": "alice", "to": "bob", "amount": 30}`, output `{"from_balance": 70, "to_balance": 30}`. The
//! participant `bank` is `examples/bank`, or whatever the runtime's configuration calls so. When it refuses a step (409:
//! unknown account, too little money), the workflow ends with that refusal and the runtime undoes the step before.

use reprise_guest::{Failure, Participant, Transaction};
use serde::{Deserialize, Serialize};

/// What to move.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transfer {
    /// The account that pays.
    pub from: String,
    /// The account that is paid.
    pub to: String,
    /// How much, more than zero.
    pub amount: i64,
}

/// What it led to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the account that paid has left.
    pub from_balance: i64,
    /// What the account that was paid has now.
    pub to_balance: i64,
}

/// Takes the money out, then puts it in.
#[reprise_guest::workflow]
pub async fn transfer(tx: &Transaction, order: Transfer) -> Result<Receipt, Failure> {
    let bank = Participant::named("bank");
    let taken = Posting { account: &order.from, amount: order.amount };
    let given = Posting { account: &order.to, amount: order.amount };

    let out = tx.branch().on_rollback(bank.post("/transfer-out/revert").json(&taken));
    let from: Balance = out.call(bank.post("/transfer-out").json(&taken)).await?.json()?;

    let into = tx.branch().on_rollback(bank.post("/transfer-in/revert").json(&given));
    let to: Balance = into.call(bank.post("/transfer-in").json(&given)).await?.json()?;

    Ok(Receipt { from_balance: from.balance, to_balance: to.balance })
}

/// What the bank is asked to do.
#[derive(Serialize)]
struct Posting<'a> {
    account: &'a str,
    amount: i64,
}

/// What the bank answers.
#[derive(Deserialize)]
struct Balance {
    balance: i64,
}
