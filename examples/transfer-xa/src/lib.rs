//! Money from one database to another with XA: both changes are prepared, then the runtime commits both or none.
//!
//! Input `{"from": {"account": "alice", "dialect": "postgres"}, "to": {"account": "bob", "dialect": "mysql"},
//! "amount": 30}`, output `{"from_balance": 70, "to_balance": 30}`. The databases `bank-a` (pays) and `bank-b` (is paid)
//! are named in the runtime's configuration; both have a table `accounts(account, balance, frozen)`. XA needs PostgreSQL,
//! MySQL or MariaDB.
//!
//! Nobody else sees the changes before they are committed, and nothing has to be undone: a prepared change that is not
//! committed never was. What it costs is that the rows stay locked until then.

use reprise_guest::{Call, Failure, Sql, Statement, Transaction};
use serde::{Deserialize, Serialize};

/// What to move.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transfer {
    /// Who pays, at `bank-a`.
    pub from: Account,
    /// Who is paid, at `bank-b`.
    pub to: Account,
    /// How much, more than zero.
    pub amount: i64,
}

/// An account in a database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub account: String,
    /// How the database's statements are written.
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
}

/// What it led to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the account that paid has left.
    pub from_balance: i64,
    /// What the account that was paid has now.
    pub to_balance: i64,
}

/// Prepares both changes at once; committing and rolling back is left to the runtime.
#[reprise_guest::workflow]
pub async fn transfer(tx: &Transaction, order: Transfer) -> Result<Receipt, Failure> {
    let out = change(tx, "bank-a", &order.from, -order.amount);
    let into = change(tx, "bank-b", &order.to, order.amount);
    let (from, to) = tx.join(out, into).await;
    let (from, to) = (from?.rows::<Balance>(1)?, to?.rows::<Balance>(1)?);
    Ok(Receipt { from_balance: from[0].balance, to_balance: to[0].balance })
}

/// Adds an amount to an account and reads what it has then. An unknown account or too little money changes no row, which
/// is a refusal.
fn change(tx: &Transaction, database: &str, Account { account, dialect }: &Account, amount: i64) -> Call {
    let (update, select) = match dialect {
        Dialect::Postgres => (
            "UPDATE accounts SET balance = balance + $1 WHERE account = $2 AND balance - frozen + $3 >= 0",
            "SELECT balance FROM accounts WHERE account = $1",
        ),
        Dialect::Mysql => (
            "UPDATE accounts SET balance = balance + ? WHERE account = ? AND balance - frozen + ? >= 0",
            "SELECT balance FROM accounts WHERE account = ?",
        ),
    };
    let update = Statement::new(update).bind(amount).bind(account).bind(amount).affected(1);
    let select = Statement::new(select).bind(account);
    tx.branch().call(Sql::on(database).statement(update).statement(select).xa())
}

/// A row.
#[derive(Deserialize)]
struct Balance {
    balance: i64,
}
