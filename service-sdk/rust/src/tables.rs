//! The barrier's two tables: their names, their creation, and forgetting old rows.
//!
//! The barrier table is DTM's own, so a table can be shared with participants in other languages; replies live beside
//! it, in a table that DTM does not know.

use std::time::Duration;

use sqlx::Connection as _;

use crate::{BarrierDatabase, BarrierError};

/// Longest name; with what is appended for the reply table and indexes it fits PostgreSQL's 63 bytes.
const NAME_BYTES_MAX: usize = 40;

/// Which tables a barrier uses: one for places, and one named `..._reply` beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tables {
    barrier: String,
}

impl Tables {
    /// The tables named after `barrier`, with or without a schema (on MySQL a database) before a dot.
    ///
    /// # Errors
    /// [`BarrierError::TableName`]: the name goes into SQL as it is, so it is letters, digits, `_` and one dot.
    pub fn new(barrier: &str) -> Result<Self, BarrierError> {
        let word = |part: &str| {
            (1..=NAME_BYTES_MAX).contains(&part.len())
                && !part.starts_with(|first: char| first.is_ascii_digit())
                && part.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
        };
        if barrier.splitn(2, '.').all(word) {
            Ok(Self { barrier: barrier.to_owned() })
        } else {
            Err(BarrierError::TableName { name: barrier.to_owned() })
        }
    }

    /// Where DTM has them: `dtm_barrier.barrier` on PostgreSQL and MySQL, `barrier` on SQLite.
    #[must_use]
    pub fn default_of<DB: BarrierDatabase>() -> Self {
        Self { barrier: DB::DIALECT.barrier.to_owned() }
    }

    /// The name of the barrier table.
    #[must_use]
    pub fn barrier(&self) -> &str {
        &self.barrier
    }

    /// The name of the reply table.
    #[must_use]
    pub fn reply(&self) -> String {
        format!("{}_reply", self.barrier)
    }
}

/// Creates what is missing: the schema (on MySQL the database) and both tables. Call it once at start.
///
/// Several processes may do so at the same time. Where the tables exist, nothing is created and no right to create is
/// needed, so they may as well be made by an administrator, or by DTM's own script. On MySQL, creating a table commits
/// a transaction that is open on the connection.
///
/// # Errors
/// [`BarrierError::Database`]: the tables are not there; do not serve.
pub async fn create_tables<DB: BarrierDatabase>(
    connection: &mut DB::Connection,
    tables: &Tables,
) -> Result<(), BarrierError> {
    if exists::<DB>(connection, tables.barrier()).await? && exists::<DB>(connection, &tables.reply()).await? {
        return Ok(());
    }
    let Some(lock) = DB::DIALECT.create_lock else { return create::<DB>(connection, tables).await };
    let mut transaction = connection.begin().await?;
    DB::text(&mut transaction, lock.to_owned(), &[]).await?;
    create::<DB>(&mut transaction, tables).await?;
    Ok(transaction.commit().await?)
}

async fn exists<DB: BarrierDatabase>(connection: &mut DB::Connection, table: &str) -> Result<bool, sqlx::Error> {
    let (schema, name) = table.rsplit_once('.').unwrap_or(("", table));
    let sql = DB::DIALECT.render(DB::DIALECT.find_table, table);
    Ok(DB::text(connection, sql, &[schema, name]).await?.is_some())
}

async fn create<DB: BarrierDatabase>(connection: &mut DB::Connection, tables: &Tables) -> Result<(), BarrierError> {
    let dialect = DB::DIALECT;
    if let (Some(schema), Some((name, _))) = (dialect.schema, tables.barrier().rsplit_once('.')) {
        let found = DB::text(connection, dialect.render(schema.find, ""), &[name]).await?;
        if found.is_none() {
            DB::execute(connection, dialect.render(schema.create, tables.barrier()), &[]).await?;
        }
    }
    for (table, texts) in [(tables.barrier(), dialect.create_barrier), (tables.reply().as_str(), dialect.create_reply)]
    {
        if !exists::<DB>(connection, table).await? {
            for text in texts {
                DB::execute(connection, dialect.render(text, tables.barrier()), &[]).await?;
            }
        }
    }
    Ok(())
}

/// Deletes rows that are older than `older_than`, and says how many.
///
/// A few hundred rows a statement; outside of a transaction each of them commits by itself, so nobody waits long.
/// Only forget what can't be asked for any more: once the rows of an action are gone, its repeat takes effect again
/// and its rollback finds nothing to undo. So `older_than` has to exceed the longest time that an execution stays open,
/// including the time it may wait for a participant that is down. Rows without a time, which DTM's clients write
/// into a PostgreSQL table that DTM created, stay.
///
/// # Errors
/// [`BarrierError::Database`]: some may be gone already; call it again.
pub async fn forget<DB: BarrierDatabase>(
    connection: &mut DB::Connection,
    tables: &Tables,
    older_than: Duration,
) -> Result<u64, BarrierError> {
    let seconds = older_than.as_secs().to_string();
    let mut forgotten = 0;
    for table in [tables.barrier(), &tables.reply()] {
        loop {
            let sql = DB::DIALECT.render(DB::DIALECT.forget, table);
            match DB::execute(connection, sql, &[&seconds]).await? {
                0 => break,
                rows => forgotten += rows,
            }
        }
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("barrier", true)]
    #[case("dtm_barrier.barrier", true)]
    #[case("", false)]
    #[case("a.b.c", false)]
    #[case(".b", false)]
    #[case("1a", false)]
    #[case("a2345678901234567890123456789012345678901", false)]
    #[case("b; DROP TABLE b", false)]
    #[case("b`", false)]
    fn names_are_checked(#[case] name: &str, #[case] good: bool) {
        assert_eq!(Tables::new(name).is_ok(), good);
    }
}
