//! Money from one database to another: two local transactions, each performed exactly once by the runtime, the first with
//! an undo.
//!
//! Input `{"from": {"account": "alice", "dialect": "postgres"}, "to": {"account": "bob", "dialect": "sqlite"},
//! "amount": 30}`, output `{"from_balance": 70, "to_balance": 30}`. The databases `bank-a` (pays) and `bank-b` (is paid)
//! are named in the runtime's configuration; both have a table `accounts(account, balance, frozen)`.
//!
//! No service is needed between the workflow and the databases. A check such as "enough money" is the number of rows that
//! a statement has to change: another number is a refusal, and the local transaction never was.

use reprise_guest::{Failure, Sql, Statement, Transaction};
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
    /// SQLite: `?`.
    Sqlite,
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
    let Transfer { from, to, amount } = order;
    let take = Sql::on("bank-a").statement(from.take(amount)).statement(from.balance());
    let give_back = Sql::on("bank-a").statement(from.give(amount));
    let taken = tx.branch().on_rollback(give_back).call(take).await?;

    let give = Sql::on("bank-b").statement(to.give(amount)).statement(to.balance());
    let take_back = Sql::on("bank-b").statement(to.give(-amount));
    let given = tx.branch().on_rollback(take_back).call(give).await?;

    let (from, to) = (taken.rows::<Balance>(1)?, given.rows::<Balance>(1)?);
    Ok(Receipt { from_balance: from[0].balance, to_balance: to[0].balance })
}

impl Account {
    /// Takes what is there and not frozen; no row changes where there is too little, or no such account.
    fn take(&self, amount: i64) -> Statement {
        let sql = match self.dialect {
            Dialect::Postgres => {
                "UPDATE accounts SET balance = balance - $1 WHERE account = $2 AND balance - frozen >= $3"
            }
            Dialect::Mysql | Dialect::Sqlite => {
                "UPDATE accounts SET balance = balance - ? WHERE account = ? AND balance - frozen >= ?"
            }
        };
        Statement::new(sql).bind(amount).bind(&self.account).bind(amount).affected(1)
    }

    /// Gives without a look at what is there: an undo has to succeed.
    fn give(&self, amount: i64) -> Statement {
        let sql = match self.dialect {
            Dialect::Postgres => "UPDATE accounts SET balance = balance + $1 WHERE account = $2",
            Dialect::Mysql | Dialect::Sqlite => "UPDATE accounts SET balance = balance + ? WHERE account = ?",
        };
        Statement::new(sql).bind(amount).bind(&self.account).affected(1)
    }

    fn balance(&self) -> Statement {
        let sql = match self.dialect {
            Dialect::Postgres => "SELECT balance FROM accounts WHERE account = $1",
            Dialect::Mysql | Dialect::Sqlite => "SELECT balance FROM accounts WHERE account = ?",
        };
        Statement::new(sql).bind(&self.account)
    }
}

/// A row.
#[derive(Deserialize)]
struct Balance {
    balance: i64,
}
