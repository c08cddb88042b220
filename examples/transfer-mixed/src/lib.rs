//! Money from one account to another with a fee, in one transaction of three kinds: a TCC over HTTP, a SAGA over gRPC with
//! a generated client, and a SQL statement.
//!
//! Input `{"from": "alice", "to": "bob", "amount": 30, "fee": 1, "dialect": "postgres"}`, output `{"to_balance": 29}`. Who
//! pays is at the participant `bank`, who is paid at `bank-grpc` (both are `examples/bank`), and the fee goes to the
//! account `fees` of the database `bank-a` with its table `accounts(account, balance, frozen)`.
//!
//! Each branch says how it ends; when one refuses, the runtime undoes the others in reverse order.

use reprise_guest::{Failure, Participant, Sql, Statement, Transaction};
use serde::{Deserialize, Serialize};

use self::pb::bank_client::BankClient;

/// What `bank.proto` says, as Rust: messages and a client.
#[allow(missing_docs, unreachable_pub, clippy::wildcard_enum_match_arm, reason = "generated code")]
pub mod pb {
    tonic::include_proto!("bank.v1");
}

/// What to move.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transfer {
    /// The account that pays.
    pub from: String,
    /// The account that is paid.
    pub to: String,
    /// How much is paid, more than the fee.
    pub amount: i64,
    /// How much of it is the fee.
    pub fee: i64,
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

/// Reserves the money, passes it on, takes the fee.
#[reprise_guest::workflow]
pub async fn transfer(tx: &Transaction, order: Transfer) -> Result<Receipt, Failure> {
    let bank = Participant::named("bank");
    let taken = Posting { account: &order.from, amount: order.amount };
    let out = tx
        .branch()
        .on_commit(bank.post("/transfer-out/confirm").json(&taken))
        .on_rollback(bank.post("/transfer-out/cancel").json(&taken));
    out.call(bank.post("/transfer-out/try").json(&taken)).await?;

    let given = pb::Transfer { account: order.to, amount: order.amount - order.fee };
    let undo = given.clone();
    let into =
        tx.branch().on_rollback_grpc("bank-grpc", async |bank| BankClient::new(bank).transfer_in_revert(undo).await);
    let to = BankClient::new(into.grpc("bank-grpc")).transfer_in(given).await?.into_inner();

    let fee = |amount| Sql::on("bank-a").statement(add(order.dialect, "fees", amount));
    tx.branch().on_rollback(fee(-order.fee)).call(fee(order.fee)).await?;

    Ok(Receipt { to_balance: to.balance })
}

/// Adds to an account, which has to be there.
fn add(dialect: Dialect, account: &str, amount: i64) -> Statement {
    let sql = match dialect {
        Dialect::Postgres => "UPDATE accounts SET balance = balance + $1 WHERE account = $2",
        Dialect::Mysql | Dialect::Sqlite => "UPDATE accounts SET balance = balance + ? WHERE account = ?",
    };
    Statement::new(sql).bind(amount).bind(account).affected(1)
}

/// What the bank is asked to do over HTTP.
#[derive(Serialize)]
struct Posting<'a> {
    account: &'a str,
    amount: i64,
}
