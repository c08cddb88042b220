//! The books in an SQL database: one text per verb, and a small dialect for what differs.
//!
//! Owns all SQL of the bank outside the barrier.

use std::fmt;

use async_trait::async_trait;
use futures::future::BoxFuture;
use reprise_barrier::{
    Barrier, BarrierDatabase, Branch, Business, Called, Message, Prepared, Tables, begin, create_tables, message::Sent,
};
use sqlx::Pool;

use super::{Account, Effect, Ledger, Step};
use crate::{
    bank::BankError,
    reply::{Balance, Refusal},
};

/// The barrier's table. It is in the bank's own database, so that banks on one server don't share it.
const BARRIER: &str = "barrier";

const FIND: &str = "SELECT account, balance, frozen FROM accounts WHERE account = ?";

const LIST: &str = "SELECT account, balance, frozen FROM accounts ORDER BY account";

const CHANGE: &str = "UPDATE accounts SET balance = balance + ?, frozen = frozen + ? WHERE account = ?";

const RECORD: &str = "
INSERT INTO effects (gid, branch_id, op, account, delta_balance, delta_frozen) VALUES (?, ?, ?, ?, ?, ?)";

const EFFECTS: &str = "
SELECT gid, branch_id, op, min(account) AS account, count(*) AS count,
       CAST(sum(delta_balance) AS {integer}) AS delta_balance, CAST(sum(delta_frozen) AS {integer}) AS delta_frozen
FROM effects {where} GROUP BY gid, branch_id, op ORDER BY min(id)";

/// What differs between the databases.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Creates both tables where they are missing.
    pub(crate) create: &'static [&'static str],
    /// Creates or sets an account; parameters: name, balance.
    pub(crate) put: &'static str,
    /// Makes a read keep the row until the end of the transaction.
    pub(crate) lock: &'static str,
    /// The type to cast a 64-bit integer to.
    pub(crate) integer: &'static str,
    /// Whether parameters are numbered (`$1`) rather than marked (`?`).
    pub(crate) numbered: bool,
}

impl Dialect {
    fn render(&self, sql: &str) -> String {
        let mut parts = sql.split('?');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.enumerate().fold(first, |sql, (index, part)| match self.numbered {
            true => format!("{sql}${}{part}", index + 1),
            false => format!("{sql}?{part}"),
        })
    }
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
}

/// A database that books can be in; the verbs are [`verbs`].
pub(crate) trait LedgerDatabase: BarrierDatabase {
    /// Its SQL.
    const SQL: Dialect;

    /// Runs one statement.
    fn change(
        connection: &mut Self::Connection,
        sql: String,
        values: &[Value<'_>],
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Reads accounts.
    fn accounts(
        connection: &mut Self::Connection,
        sql: String,
        values: &[Value<'_>],
    ) -> impl Future<Output = sqlx::Result<Vec<Account>>> + Send;

    /// Reads effects.
    fn effects(
        connection: &mut Self::Connection,
        sql: String,
        values: &[Value<'_>],
    ) -> impl Future<Output = sqlx::Result<Vec<Effect>>> + Send;
}

/// The verbs are the same text for each database, but sqlx's bounds can't be written once for all.
macro_rules! verbs {
    () => {
        async fn change(
            connection: &mut Self::Connection,
            sql: String,
            values: &[crate::ledger::sql::Value<'_>],
        ) -> sqlx::Result<()> {
            let query = sqlx::query::<Self>(sqlx::AssertSqlSafe(sql));
            crate::ledger::sql::bind!(query, values).execute(connection).await?;
            Ok(())
        }

        async fn accounts(
            connection: &mut Self::Connection,
            sql: String,
            values: &[crate::ledger::sql::Value<'_>],
        ) -> sqlx::Result<Vec<crate::ledger::Account>> {
            let query = sqlx::query_as::<Self, crate::ledger::Account>(sqlx::AssertSqlSafe(sql));
            crate::ledger::sql::bind!(query, values).fetch_all(connection).await
        }

        async fn effects(
            connection: &mut Self::Connection,
            sql: String,
            values: &[crate::ledger::sql::Value<'_>],
        ) -> sqlx::Result<Vec<crate::ledger::Effect>> {
            let query = sqlx::query_as::<Self, crate::ledger::Effect>(sqlx::AssertSqlSafe(sql));
            crate::ledger::sql::bind!(query, values).fetch_all(connection).await
        }
    };
}

/// Gives `query` its parameters.
macro_rules! bind {
    ($query:expr, $values:expr) => {
        $values.iter().fold($query, |query, value| match value {
            crate::ledger::sql::Value::Text(text) => query.bind((*text).to_owned()),
            crate::ledger::sql::Value::Integer(number) => query.bind(*number),
        })
    };
}

pub(crate) use {bind, verbs};

/// The books in a database of sqlx.
#[derive(Debug)]
pub(crate) struct SqlLedger<DB: LedgerDatabase> {
    pool: Pool<DB>,
    tables: Tables,
}

impl<DB: LedgerDatabase> SqlLedger<DB> {
    /// Creates the tables where they are missing.
    pub(crate) async fn open(pool: Pool<DB>) -> Result<Self, BankError> {
        let tables = Tables::new(BARRIER)?;
        let mut connection = pool.acquire().await?;
        create_tables::<DB>(&mut connection, &tables).await?;
        for create in DB::SQL.create {
            DB::change(&mut connection, (*create).to_owned(), &[]).await?;
        }
        drop(connection);
        Ok(Self { pool, tables })
    }
}

#[async_trait]
impl<DB: LedgerDatabase> Ledger for SqlLedger<DB>
where
    Pool<DB>: fmt::Debug,
{
    async fn put(&self, account: &str, balance: i64) -> Result<(), BankError> {
        let values = [Value::Text(account), Value::Integer(balance)];
        Ok(DB::change(&mut *self.pool.acquire().await?, DB::SQL.render(DB::SQL.put), &values).await?)
    }

    async fn find(&self, account: &str) -> Result<Option<Account>, BankError> {
        let values = [Value::Text(account)];
        Ok(DB::accounts(&mut *self.pool.acquire().await?, DB::SQL.render(FIND), &values).await?.pop())
    }

    async fn list(&self) -> Result<Vec<Account>, BankError> {
        Ok(DB::accounts(&mut *self.pool.acquire().await?, DB::SQL.render(LIST), &[]).await?)
    }

    async fn effects(&self, gid: Option<&str>) -> Result<Vec<Effect>, BankError> {
        let (only, values) = gid.map_or(("", vec![]), |gid| ("WHERE gid = ?", vec![Value::Text(gid)]));
        let sql = EFFECTS.replace("{where}", only).replace("{integer}", DB::SQL.integer);
        Ok(DB::effects(&mut *self.pool.acquire().await?, DB::SQL.render(&sql), &values).await?)
    }

    async fn apply(&self, step: &Step) -> Result<Called<Balance, Refusal>, BankError> {
        let mut transaction = begin(&self.pool).await?;
        let mut barrier = Barrier::new(step.branch.clone()).tables(self.tables.clone());
        let called = barrier.call(&mut transaction, business::<DB>(step)).await?;
        transaction.commit().await?;
        Ok(called)
    }

    async fn apply_and_submit(&self, message: &Message, step: &Step) -> Result<Sent<Balance, Refusal>, BankError> {
        message.clone().tables(self.tables.clone()).do_and_submit(&self.pool, business::<DB>(step)).await
    }

    async fn query_prepared(&self, branch: &Branch) -> Result<Prepared, BankError> {
        let mut transaction = begin(&self.pool).await?;
        let barrier = Barrier::new(branch.clone()).tables(self.tables.clone());
        let prepared = barrier.query_prepared(&mut transaction).await?;
        transaction.commit().await?;
        Ok(prepared)
    }
}

/// What the barrier is to run.
fn business<DB: LedgerDatabase>(
    step: &Step,
) -> impl for<'c> FnOnce(&'c mut DB::Connection) -> BoxFuture<'c, Result<Business<Balance, Refusal>, BankError>> + use<DB>
{
    let step = step.clone();
    move |connection| Box::pin(async move { Ok(apply::<DB>(connection, &step).await?) })
}

/// Does `step` and records its effect; the caller's transaction makes both one.
async fn apply<DB: LedgerDatabase>(
    connection: &mut DB::Connection,
    step: &Step,
) -> sqlx::Result<Business<Balance, Refusal>> {
    let Step { branch, operation, transfer } = step;
    let find = DB::SQL.render(&format!("{FIND} {}", DB::SQL.lock));
    let Some(account) = DB::accounts(connection, find, &[Value::Text(&transfer.account)]).await?.pop() else {
        return Ok(Err(Refusal::no_account(&transfer.account)));
    };
    let change = match operation.change(&account, transfer.amount) {
        Ok(change) => change,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (balance, frozen, name) =
        (Value::Integer(change.balance), Value::Integer(change.frozen), Value::Text(&account.account));
    DB::change(connection, DB::SQL.render(CHANGE), &[balance, frozen, name]).await?;
    let [gid, branch_id, op] = [branch.gid(), branch.branch_id(), branch.op()].map(Value::Text);
    DB::change(connection, DB::SQL.render(RECORD), &[gid, branch_id, op, name, balance, frozen]).await?;
    let balance = account.balance + change.balance;
    Ok(Ok(Balance { account: account.account, balance }))
}
