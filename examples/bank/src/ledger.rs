//! The bank's books: accounts, and one row for each effect that was applied to one.
//!
//! Owns what the bank asks of a database. Three of them speak SQL ([`sql`]), one is Redis ([`redis`]). An effect is
//! written in the transaction that changes the account, behind the barrier.

mod mysql;
mod postgres;
mod redis;
mod sql;
mod sqlite;

use std::fmt;

use async_trait::async_trait;
use reprise_barrier::{Branch, Called, Message, Prepared, message::Sent};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use self::{redis::RedisLedger, sql::SqlLedger};
use crate::{
    bank::BankError,
    operation::{Operation, Transfer},
    reply::{Balance, Refusal},
};

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

/// One operation of one branch, with its body.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) branch: Branch,
    pub(crate) operation: Operation,
    pub(crate) transfer: Transfer,
}

/// What the bank asks of a database. Each verb is one transaction.
#[async_trait]
pub(crate) trait Ledger: fmt::Debug + Send + Sync {
    /// Creates an account, or sets its balance and frees what is frozen.
    async fn put(&self, account: &str, balance: i64) -> Result<(), BankError>;

    /// One account, if there is one by that name.
    async fn find(&self, account: &str) -> Result<Option<Account>, BankError>;

    /// All accounts, by name.
    async fn list(&self) -> Result<Vec<Account>, BankError>;

    /// What was applied, per operation in order of its first time; of one transaction if `gid` is given.
    async fn effects(&self, gid: Option<&str>) -> Result<Vec<Effect>, BankError>;

    /// Does `step` behind the barrier and records its effect.
    async fn apply(&self, step: &Step) -> Result<Called<Balance, Refusal>, BankError>;

    /// Does `step` as the local transaction of `message`.
    async fn apply_and_submit(&self, message: &Message, step: &Step) -> Result<Sent<Balance, Refusal>, BankError>;

    /// Whether the local transaction of the message that `branch` asks for has committed.
    async fn query_prepared(&self, branch: &Branch) -> Result<Prepared, BankError>;
}

/// Opens the books in the database at `url`, creating what is missing. What is no URL is a file for SQLite.
pub(crate) async fn open(url: &str) -> Result<Box<dyn Ledger>, BankError> {
    Ok(match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "postgres" | "postgresql" => Box::new(SqlLedger::open(postgres::pool(url).await?).await?),
        "mysql" | "mariadb" => Box::new(SqlLedger::open(mysql::pool(url).await?).await?),
        "redis" | "rediss" | "redis+unix" => Box::new(RedisLedger::open(url).await?),
        other if other != "sqlite" && url.contains("://") => {
            return Err(BankError::Scheme { scheme: other.to_owned() });
        }
        _ => Box::new(SqlLedger::open(sqlite::pool(url).await?).await?),
    })
}
