//! Money from one account to another as a two-phase message: a local transaction takes it, and from then on the message
//! to the other bank is driven forward until it has arrived.
//!
//! Input `{"from": "alice", "to": "bob", "amount": 30, "dialect": "postgres"}`, output `{"to_balance": 30}`. The database
//! `bank-a` with its table `accounts(account, balance, frozen)` and the participant `bank` (`examples/bank`) are named in
//! the runtime's configuration.
//!
//! The local transaction is the pivot: refused, nothing has happened; done, there is no way back. So the call after it
//! needs no undo. Until the bank says yes it is repeated, whatever it answers.

use reprise_guest::{Failure, Participant, Sql, Statement, Transaction};
use serde::{Deserialize, Serialize};

/// What to move.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transfer {
    /// The account in the database `bank-a` that pays.
    pub from: String,
    /// The account at the participant `bank` that is paid.
    pub to: String,
    /// How much, more than zero.
    pub amount: i64,
    /// How statements of `bank-a` are written.
    pub dialect: Dialect,
}

/// How statements are written: placeholders are the database's own.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// PostgreSQL: `$1`, `$2`.
    Postgres,
    /// MySQL and MariaDB: `?`.
    Mysql,
    /// SQLite: `?`.
    Sqlite,
}

/// What it led to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the account that was paid has now.
    pub to_balance: i64,
}

/// Takes the money out; then it is put in, sooner or later.
#[reprise_guest::workflow]
pub async fn transfer(tx: &Transaction, order: Transfer) -> Result<Receipt, Failure> {
    let sql = match order.dialect {
        Dialect::Postgres => "UPDATE accounts SET balance = balance - $1 WHERE account = $2 AND balance - frozen >= $3",
        Dialect::Mysql | Dialect::Sqlite => {
            "UPDATE accounts SET balance = balance - ? WHERE account = ? AND balance - frozen >= ?"
        }
    };
    let take = Statement::new(sql).bind(order.amount).bind(&order.from).bind(order.amount).affected(1);
    tx.branch().pivot().call(Sql::on("bank-a").statement(take)).await?;

    let message = Posting { account: &order.to, amount: order.amount };
    let arrived = tx.branch().call(Participant::named("bank").post("/transfer-in").json(&message)).await?;
    let to: Balance = arrived.json()?;
    Ok(Receipt { to_balance: to.balance })
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
