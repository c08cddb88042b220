//! SQL statements that the runtime performs, exactly once or as an XA branch.

use super::Op;
use crate::bindings::reprise::workflow::types::{self, Operation, SqlOp};

/// Statements that run in one local transaction of a configured database, exactly once: a barrier row is in the same
/// transaction. Or, by [`Self::xa`], prepared now and committed or rolled back with the whole transaction.
/// [`Reply::rows`](crate::Reply::rows) and [`Reply::affected`](crate::Reply::affected) read what they came to.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use reprise_guest::{Failure, Sql, Statement, Transaction};
/// # async fn example(tx: &Transaction) -> Result<(), Failure> {
/// let take = Statement::new("UPDATE account SET balance = balance - ? WHERE id = ? AND balance >= ?")
///     .bind(30)
///     .bind("alice")
///     .bind(30)
///     .affected(1);
/// let select = Statement::new("SELECT balance FROM account WHERE id = ?").bind("alice");
/// let reply = tx.branch().call(Sql::on("bank").statement(take).statement(select).xa()).await?;
/// let balances: Vec<BTreeMap<String, i64>> = reply.rows(1)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "statements do nothing until a branch calls or registers them"]
pub struct Sql(SqlOp);

impl Sql {
    /// Statements for a database of the runtime's configuration.
    pub fn on(database: impl Into<String>) -> Self {
        Self(SqlOp { database: database.into(), statements: Vec::new() })
    }

    /// Adds the next statement: a [`Statement`], or text without parameters.
    pub fn statement(mut self, statement: impl Into<Statement>) -> Self {
        self.0.statements.push(statement.into().0);
        self
    }

    /// Prepared now, committed or rolled back by the runtime in phase two.
    #[must_use]
    pub fn xa(self) -> Op {
        Op(Ok(Operation::Xa(self.0)))
    }
}

impl From<Sql> for Op {
    fn from(sql: Sql) -> Self {
        Self(Ok(Operation::Sql(sql.0)))
    }
}

/// One SQL statement with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement(types::Statement);

impl Statement {
    /// A statement with the database's own placeholders.
    pub fn new(sql: impl Into<String>) -> Self {
        Self(types::Statement { sql: sql.into(), parameters: Vec::new(), affected: None })
    }

    /// Adds the next parameter.
    #[must_use]
    pub fn bind(mut self, value: impl Into<SqlValue>) -> Self {
        self.0.parameters.push(value.into().0);
        self
    }

    /// Another number of affected rows is a business failure.
    #[must_use]
    pub fn affected(mut self, rows: u32) -> Self {
        self.0.affected = Some(rows);
        self
    }
}

impl From<&str> for Statement {
    fn from(sql: &str) -> Self {
        Self::new(sql)
    }
}

impl From<String> for Statement {
    fn from(sql: String) -> Self {
        Self::new(sql)
    }
}

/// A value of a SQL statement.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlValue(types::SqlValue);

impl SqlValue {
    /// `NULL`.
    pub const NULL: Self = Self(types::SqlValue::Null);
}

impl<T: Into<SqlValue>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NULL, Into::into)
    }
}

/// Each line: the Rust type, the value's name, the WIT value.
macro_rules! values {
    ($($from:ty, $value:ident => $variant:ident($to:expr);)*) => {
        $(impl From<$from> for SqlValue {
            fn from($value: $from) -> Self {
                Self(types::SqlValue::$variant($to))
            }
        })*
    };
}

values! {
    bool, value => Boolean(value);
    i32, value => Integer(value.to_string());
    i64, value => Integer(value.to_string());
    u32, value => Integer(value.to_string());
    u64, value => Integer(value.to_string());
    f64, value => Real(value);
    &str, value => Text(value.to_owned());
    &String, value => Text(value.clone());
    String, value => Text(value);
    &[u8], value => Bytes(value.to_vec());
    Vec<u8>, value => Bytes(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_order_and_type() {
        let statement = Statement::new("?").bind(i64::MAX).bind(None::<bool>).bind("x").affected(1);
        assert_eq!(
            statement.0.parameters,
            [
                types::SqlValue::Integer("9223372036854775807".to_owned()),
                types::SqlValue::Null,
                types::SqlValue::Text("x".to_owned()),
            ]
        );
    }
}
