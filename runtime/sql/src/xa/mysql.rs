//! MySQL and MariaDB: `XA START 'gtrid','bqual',formatID`. What is prepared belongs to the whole server.
//!
//! A gtrid and a bqual hold 64 bytes each, so the gid fills the first and goes on in the second, before a `/` and the
//! branch. MariaDB keeps a prepared transaction attached to the connection that prepared it, so that is held and ends it.
//! After its loss another one must wait until InnoDB has let go of it too: an end that comes too early is answered `OK`,
//! does nothing, and leaves the transaction without a name and with its locks until the server restarts.

use std::time::Duration;

use sqlx::mysql::MySqlRow;
use sqlx::{MySql, MySqlConnection, Row as _};
use xxhash_rust::xxh3::xxh3_128;

use super::{End, Ended, Listed, Prepares, Xid};
use crate::call::SqlCall;
use crate::database::Lease;
use crate::dialect::{Dialect, mysql};

/// Tells ours from others': `RPRS`.
const FORMAT_ID: i64 = 0x5250_5253;
/// Bytes of a gtrid, and of a bqual.
const PART_BYTES_MAX: usize = 64;
/// Bytes of a gid, so that the branch has room.
const GID_BYTES_MAX: usize = 120;

/// Transactions that belong to a connection which is on its way out. One that is rolled back was not prepared.
const ATTACHED: &str = "SELECT COUNT(*) FROM information_schema.INNODB_TRX t \
                        LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id \
                        WHERE t.trx_mysql_thread_id <> 0 AND t.trx_state <> 'ROLLING BACK' \
                        AND (p.ID IS NULL OR p.COMMAND IN ('Killed', 'Quit'))";
/// InnoDB answers from what it knew before, unless nobody has asked for a tenth of a second.
const TRANSACTIONS_CACHED: Duration = Duration::from_millis(130);
/// The user lacks a right.
const NO_RIGHT: u16 = 1227;

/// The server knows no such transaction.
const XAER_NOTA: u16 = 1397;
/// It rolled the transaction back by itself: after a deadlock, a timeout, or for another reason.
const XA_RB: [u16; 3] = [1402, 1613, 1614];

impl Prepares for MySql {
    fn xid(gid: &str, branch: &str) -> Result<Xid, String> {
        let (gtrid, rest) = gid.split_at(gid.len().min(PART_BYTES_MAX));
        let bqual = format!("{rest}/{branch}");
        if gid.len() > GID_BYTES_MAX || bqual.len() > PART_BYTES_MAX {
            return Err(format!(
                "the gid is {} bytes long, and with the branch {branch} it is too long for an XA transaction; use gids of at \
                 most {GID_BYTES_MAX} bytes",
                gid.len()
            ));
        }
        Ok(Xid(format!("'{gtrid}','{bqual}',{FORMAT_ID}")))
    }

    /// A lock of the server, which it frees when it has detached what the connection prepared.
    async fn enter(connection: &mut MySqlConnection, call: &SqlCall<'_>, wait: Duration) -> Result<bool, sqlx::Error> {
        let seconds = wait.as_secs().max(1);
        let lock = lock_name(call);
        let got = sqlx::query_scalar("SELECT GET_LOCK(?, ?)").bind(lock).bind(seconds).fetch_one(connection).await?;
        let got: Option<i64> = got;
        Ok(got == Some(1))
    }

    async fn leave(mut lease: Lease<Self>, call: &SqlCall<'_>) {
        let release = sqlx::query("DO RELEASE_LOCK(?)").bind(lock_name(call)).execute(&mut *lease).await;
        // A connection that can't even do that is closed, and the lock with it.
        if release.is_ok() {
            lease.give_back();
        }
    }

    /// MariaDB says `OK` also where InnoDB does not find the transaction (see above). So it is looked at.
    const COMMIT_IS_SURE: bool = false;

    fn start(xid: &Xid, limit: Duration) -> String {
        format!("{}; XA START {}", mysql::limits(limit), xid.0)
    }

    async fn prepare(mut lease: Lease<Self>, xid: &Xid) -> Result<Option<Lease<Self>>, sqlx::Error> {
        Self::command(&mut lease, format!("XA END {}", xid.0)).await?;
        Self::command(&mut lease, format!("XA PREPARE {}", xid.0)).await?;
        Ok(Some(lease))
    }

    /// Needs the right PROCESS; without it only the wait is left.
    async fn is_detached(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
        tokio::time::sleep(TRANSACTIONS_CACHED).await;
        match sqlx::query_scalar::<_, i64>(ATTACHED).fetch_one(connection).await {
            Ok(attached) => Ok(attached == 0),
            Err(error) if error.as_database_error().map_or(0, mysql::number) == NO_RIGHT => {
                tracing::debug!("without the right PROCESS it can't be seen whether a connection is gone");
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Closing the connection rolls back, whatever state the transaction is in.
    async fn abandon(lease: Lease<Self>) {
        lease.close().await;
    }

    async fn end(connection: &mut MySqlConnection, xid: &Xid, end: End) -> Result<Ended, sqlx::Error> {
        let verb = match end {
            End::Commit => "COMMIT",
            End::Rollback => "ROLLBACK",
        };
        let error = match Self::command(connection, format!("XA {verb} {}", xid.0)).await {
            Ok(()) => return Ok(Ended::Done),
            Err(error) => error,
        };
        match error.as_database_error().map_or(0, mysql::number) {
            XAER_NOTA => Ok(Ended::Unknown),
            number if end == End::Rollback && XA_RB.contains(&number) => Ok(Ended::Done),
            _ => Err(error),
        }
    }

    async fn list(connection: &mut MySqlConnection) -> Result<Vec<Listed>, sqlx::Error> {
        let rows = sqlx::raw_sql("XA RECOVER").fetch_all(connection).await?;
        rows.iter().filter_map(|row| read(row).transpose()).collect()
    }

    fn render(template: &str) -> String {
        template.to_owned()
    }
}

/// At most 64 characters.
fn lock_name(call: &SqlCall<'_>) -> String {
    format!("reprise:{:032x}", xxh3_128(format!("{}/{}", call.gid, call.branch).as_bytes()))
}

/// A row of `XA RECOVER`: formatID, gtrid_length, bqual_length, data. None if it is not ours.
fn read(row: &MySqlRow) -> Result<Option<Listed>, sqlx::Error> {
    if row.try_get_unchecked::<i64, _>(0)? != FORMAT_ID {
        return Ok(None);
    }
    let data: Vec<u8> = row.try_get_unchecked(3)?;
    Ok(parse(&data))
}

fn parse(data: &[u8]) -> Option<Listed> {
    let (gid, branch) = std::str::from_utf8(data).ok()?.rsplit_once('/')?;
    Some(Listed { gid: gid.to_owned(), branch: branch.to_owned(), age_ms: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written() {
        for gid in ["g", &"g".repeat(64), &"g".repeat(120)] {
            let Xid(text) = MySql::xid(gid, "02-01").expect("short enough");
            let parts: Vec<&str> = text.split(',').map(|part| part.trim_matches('\'')).collect();
            assert!(parts[0].len() <= 64 && parts[1].len() <= 64, "{text}");
            let listed = parse([parts[0], parts[1]].concat().as_bytes()).expect("ours");
            assert_eq!(listed, Listed { gid: gid.to_owned(), branch: "02-01".into(), age_ms: None });
        }
        let error = MySql::xid(&"g".repeat(121), "01").expect_err("too long");
        assert!(error.contains("121 bytes") && error.contains("at most 120"), "{error}");
    }
}
