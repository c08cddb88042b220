//! PostgreSQL: `PREPARE TRANSACTION 'reprise:{gid}:{branch}'`. A connection sees what is prepared in its own database.

use std::time::Duration;

use sqlx::{PgConnection, Postgres};

use super::{End, Ended, Listed, Prepares, Xid};
use crate::call::SqlCall;
use crate::database::Lease;
use crate::dialect::Dialect;

const PREFIX: &str = "reprise:";

const LIST: &str = "SELECT gid, CAST(EXTRACT(EPOCH FROM now() - prepared) * 1000 AS bigint) FROM pg_prepared_xacts \
                    WHERE database = current_database() AND gid LIKE 'reprise:%'";

impl Prepares for Postgres {
    /// Gids and branch ids are short enough for the 200 bytes that PostgreSQL has.
    fn xid(gid: &str, branch: &str) -> Result<Xid, String> {
        Ok(Xid(format!("'{PREFIX}{gid}:{branch}'")))
    }

    /// Two of one branch wait for each other at its place in the barrier.
    async fn enter(_: &mut PgConnection, _: &SqlCall<'_>, _: Duration) -> Result<bool, sqlx::Error> {
        Ok(true)
    }

    async fn leave(lease: Lease<Self>, _: &SqlCall<'_>) {
        lease.give_back();
    }

    const COMMIT_IS_SURE: bool = true;

    fn start(_: &Xid, limit: Duration) -> String {
        Self::begin(limit)
    }

    async fn prepare(mut lease: Lease<Self>, xid: &Xid) -> Result<Option<Lease<Self>>, sqlx::Error> {
        // If it fails the transaction is over; the connection is not worth a doubt then.
        Self::command(&mut lease, format!("PREPARE TRANSACTION {}", xid.0)).await?;
        lease.give_back();
        Ok(None)
    }

    async fn is_detached(_: &mut PgConnection) -> Result<bool, sqlx::Error> {
        Ok(true)
    }

    async fn abandon(lease: Lease<Self>) {
        lease.roll_back().await;
    }

    async fn end(connection: &mut PgConnection, xid: &Xid, end: End) -> Result<Ended, sqlx::Error> {
        let verb = match end {
            End::Commit => "COMMIT",
            End::Rollback => "ROLLBACK",
        };
        match Self::command(connection, format!("{verb} PREPARED {}", xid.0)).await {
            Ok(()) => Ok(Ended::Done),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42704") => Ok(Ended::Unknown),
            Err(error) => Err(error),
        }
    }

    async fn list(connection: &mut PgConnection) -> Result<Vec<Listed>, sqlx::Error> {
        let rows: Vec<(String, i64)> = sqlx::query_as(LIST).fetch_all(connection).await?;
        Ok(rows.into_iter().filter_map(|(xid, age_ms)| parse(&xid, age_ms)).collect())
    }

    fn render(template: &str) -> String {
        let mut parts = template.split('?');
        let first = parts.next().unwrap_or_default().to_owned();
        (1..).zip(parts).fold(first, |text, (number, part)| format!("{text}${number}{part}"))
    }
}

fn parse(xid: &str, age_ms: i64) -> Option<Listed> {
    let (gid, branch) = xid.strip_prefix(PREFIX)?.rsplit_once(':')?;
    Some(Listed { gid: gid.to_owned(), branch: branch.to_owned(), age_ms: u64::try_from(age_ms).ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written() {
        let Xid(text) = Postgres::xid("order:1", "02-01").expect("short");
        let listed = parse(text.trim_matches('\''), 7).expect("ours");
        assert_eq!(listed, Listed { gid: "order:1".into(), branch: "02-01".into(), age_ms: Some(7) });
        assert_eq!(parse("somebody's", 7), None);
        assert_eq!(Postgres::render("a = ? AND b = ?"), "a = $1 AND b = $2");
    }
}
