//! Money from one account to another as a TCC: both banks try at once, then both confirm or both cancel.
//!
//! Input `{"from": "alice", "to": "bob", "amount": 30}`, output the balances that the tries saw, before the money
//! moves: `{"from_balance": 100, "to_balance": 0}`. The
//! participant `bank` is `examples/bank`, or whatever the runtime's configuration calls so. A try reserves the money, so
//! nobody can spend it before all is settled; when a try is refused (409), the runtime cancels the other one.

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

/// Tries both halves at once; confirming and cancelling is left to the runtime.
#[reprise_guest::workflow]
pub async fn transfer(tx: &Transaction, order: Transfer) -> Result<Receipt, Failure> {
    let bank = Participant::named("bank");
    let taken = Posting { account: &order.from, amount: order.amount };
    let given = Posting { account: &order.to, amount: order.amount };

    let out = tx
        .branch()
        .on_commit(bank.post("/transfer-out/confirm").json(&taken))
        .on_rollback(bank.post("/transfer-out/cancel").json(&taken));
    let into = tx
        .branch()
        .on_commit(bank.post("/transfer-in/confirm").json(&given))
        .on_rollback(bank.post("/transfer-in/cancel").json(&given));
    let (from, to) = tx
        .join(
            out.call(bank.post("/transfer-out/try").json(&taken)),
            into.call(bank.post("/transfer-in/try").json(&given)),
        )
        .await;
    let (from, to): (Balance, Balance) = (from?.json()?, to?.json()?);

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
