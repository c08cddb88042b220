//! The bank's tables: accounts, and one row for each effect that was applied to one.
//!
//! Owns all SQL of the bank outside the barrier. An effect is written in the transaction that changes the account.

use reprise_barrier::Branch;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqliteConnection};

use crate::{
    operation::{Operation, Transfer},
    reply::{Balance, Refusal},
};

const CREATE: &str = "
CREATE TABLE IF NOT EXISTS accounts (
    account TEXT PRIMARY KEY,
    balance INTEGER NOT NULL,
    frozen INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS effects (
    id INTEGER PRIMARY KEY,
    gid TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    op TEXT NOT NULL,
    account TEXT NOT NULL,
    delta_balance INTEGER NOT NULL,
    delta_frozen INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS effects_by_branch ON effects (gid, branch_id, op);";

const PUT: &str = "
INSERT INTO accounts (account, balance, frozen) VALUES (?, ?, 0)
ON CONFLICT (account) DO UPDATE SET balance = excluded.balance, frozen = 0";

const FIND: &str = "SELECT account, balance, frozen FROM accounts WHERE account = ?";

const LIST: &str = "SELECT account, balance, frozen FROM accounts ORDER BY account";

const CHANGE: &str =
    "UPDATE accounts SET balance = balance + ?, frozen = frozen + ? WHERE account = ? RETURNING balance";

const RECORD: &str = "
INSERT INTO effects (gid, branch_id, op, account, delta_balance, delta_frozen) VALUES (?, ?, ?, ?, ?, ?)";

const EFFECTS: &str = "
SELECT gid, branch_id, op, min(account) AS account, count(*) AS count,
       sum(delta_balance) AS delta_balance, sum(delta_frozen) AS delta_frozen
FROM effects WHERE ?1 IS NULL OR gid = ?1
GROUP BY gid, branch_id, op ORDER BY min(id)";

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
pub struct Account {
    /// Its name.
    pub account: String,
    /// All the money in it.
    pub balance: i64,
    /// The part of it that a try has set aside.
    pub frozen: i64,
}

/// What one operation of one branch did to an account, summed up; exactly once means a `count` of 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
pub struct Effect {
    /// The global transaction.
    pub gid: String,
    /// Its branch.
    pub branch_id: String,
    /// The operation of the branch.
    pub op: String,
    /// The account it changed.
    pub account: String,
    /// How many times it was applied.
    pub count: i64,
    /// What it added to the balance in all.
    pub delta_balance: i64,
    /// What it added to the frozen part in all.
    pub delta_frozen: i64,
}

/// Creates the tables where they are missing.
pub(crate) async fn create_tables(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(CREATE).execute(connection).await?;
    Ok(())
}

/// Creates an account, or sets its balance and frees what is frozen.
pub(crate) async fn put(connection: &mut SqliteConnection, account: &str, balance: i64) -> sqlx::Result<()> {
    sqlx::query(PUT).bind(account).bind(balance).execute(connection).await?;
    Ok(())
}

/// One account, if there is one by that name.
pub(crate) async fn find(connection: &mut SqliteConnection, account: &str) -> sqlx::Result<Option<Account>> {
    sqlx::query_as(FIND).bind(account).fetch_optional(connection).await
}

/// All accounts, by name.
pub(crate) async fn list(connection: &mut SqliteConnection) -> sqlx::Result<Vec<Account>> {
    sqlx::query_as(LIST).fetch_all(connection).await
}

/// What was applied, per operation in order of its first time; of one transaction if `gid` is given.
pub(crate) async fn effects(connection: &mut SqliteConnection, gid: Option<&str>) -> sqlx::Result<Vec<Effect>> {
    sqlx::query_as(EFFECTS).bind(gid).fetch_all(connection).await
}

/// Does `operation` and records its effect; the caller's transaction makes both one.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    branch: &Branch,
    operation: Operation,
    transfer: &Transfer,
) -> sqlx::Result<Result<Balance, Refusal>> {
    let Some(account) = find(connection, &transfer.account).await? else {
        return Ok(Err(Refusal::new(format!("there is no account `{}`", transfer.account))));
    };
    let change = match operation.change(&account, transfer.amount) {
        Ok(change) => change,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (balance,) = sqlx::query_as(CHANGE)
        .bind(change.balance)
        .bind(change.frozen)
        .bind(&account.account)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query(RECORD)
        .bind(branch.gid())
        .bind(branch.branch_id())
        .bind(branch.op())
        .bind(&account.account)
        .bind(change.balance)
        .bind(change.frozen)
        .execute(connection)
        .await?;
    Ok(Ok(Balance { account: account.account, balance }))
}
