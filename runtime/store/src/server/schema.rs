//! The schema: one node at a time brings it up to date, and the database says which older runtimes can still work on it.

use std::time::Duration;

use sqlx::migrate::MigrateError;
use tokio::time::Instant;

use super::dialect::{ConnectionOf, Dialect, Value};
use super::error::{ServerError, Sort, describe, open_error};
use super::rows;
use super::writer::{Way, lease_ms};
use crate::StoreError;

const COMPATIBILITY: &str = "SELECT newest, oldest FROM compatibility";

/// The one place there is.
const PLACE: &str =
    "INSERT INTO schema_lease (id, name, epoch, expires_at) VALUES (1, '', 0, 0) ON CONFLICT (id) DO NOTHING";

const TAKE: &str =
    "UPDATE schema_lease SET name = ?, epoch = epoch + 1, expires_at = {now} + ? WHERE id = 1 AND expires_at <= {now}";

const KEEP: &str = "UPDATE schema_lease SET expires_at = {now} + ? WHERE id = 1 AND epoch = ?";

const RELEASE: &str = "UPDATE schema_lease SET expires_at = 0 WHERE id = 1 AND epoch = ?";

const HOLDER: &str = "SELECT name, epoch, expires_at - {now} FROM schema_lease WHERE id = 1";

/// The oldest schema that can be brought up to date.
const FIRST: i64 = 3;

const TABLE: &str = include_str!("../../migrations/schema_lease.sql");

/// How often the table is tried to be made, by several who start at the same time.
const ATTEMPTS: u32 = 20;

/// Between two looks at a schema that another node is changing.
const LOOK: Duration = Duration::from_millis(50);

/// Who changes the schema.
#[derive(Debug)]
struct Holder {
    name: String,
    epoch: i64,
    left_ms: i64,
}

/// Which runtimes can work on a database, by the newest schema that they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Compatibility {
    newest: i64,
    oldest: i64,
}

impl Compatibility {
    /// Whether there is nothing to do for a runtime that knows up to `known`.
    fn settles(self, known: i64) -> Result<bool, StoreError> {
        let Self { newest, oldest } = self;
        if (1..FIRST).contains(&newest) {
            return Err(StoreError::Open(format!(
                "the database has schema {newest}, whose journals this runtime can't read, it knows {FIRST} to {known}: end \
                 what is under way there with the runtime that made it, and give this one an empty database"
            )));
        }
        if known < oldest {
            return Err(StoreError::Open(format!(
                "the database has schema {newest}, which needs a runtime of schema {oldest} or newer; this one knows up \
                 to {known}: start a newer runtime"
            )));
        }
        Ok(known <= newest)
    }
}

/// Makes sure that the schema is one this runtime can work on, and brings it up to date if it is an older one.
pub(super) async fn settle<D: Dialect>(way: &Way<D>, connection: &mut ConnectionOf<D>) -> Result<(), StoreError> {
    let give_up = Instant::now() + way.options.lease_wait;
    if is_settled::<D>(connection).await? {
        return Ok(());
    }
    make_table::<D>(connection).await.map_err(open_error)?;
    loop {
        match take::<D>(way, connection).await {
            Ok(Ok(epoch)) => {
                let done = migrate(way, connection, epoch).await;
                release::<D>(connection, epoch).await;
                return done;
            }
            Ok(Err(holder)) if Instant::now() >= give_up => return Err(occupied(&holder)),
            Ok(Err(_)) => tokio::time::sleep(LOOK).await,
            // Another one takes it at this moment.
            Err(error) if error.sort() == Sort::Again && Instant::now() < give_up => {}
            Err(error) => return Err(open_error(error)),
        }
        if is_settled::<D>(connection).await? {
            return Ok(());
        }
    }
}

async fn is_settled<D: Dialect>(connection: &mut ConnectionOf<D>) -> Result<bool, StoreError> {
    match compatibility::<D>(connection).await {
        Ok(Some(found)) => found.settles(D::schema()),
        Ok(None) => Ok(false),
        Err(error) if error.is_missing_table() => Ok(false),
        Err(error) => Err(open_error(error)),
    }
}

/// None while another node is making the tables.
async fn compatibility<D: Dialect>(connection: &mut ConnectionOf<D>) -> Result<Option<Compatibility>, ServerError> {
    let found = D::fetch(connection, COMPATIBILITY, &[]).await?;
    let read = |row| Ok(Compatibility { newest: rows::int::<D>(row, 0)?, oldest: rows::int::<D>(row, 1)? });
    found.first().map(read).transpose()
}

async fn make_table<D: Dialect>(connection: &mut ConnectionOf<D>) -> Result<(), ServerError> {
    let mut attempt = 1;
    loop {
        let made = async {
            D::command(connection, TABLE.to_owned()).await?;
            D::fetch(connection, &D::text(PLACE), &[]).await
        };
        match made.await.map_err(ServerError::from) {
            Ok(_) => return Ok(()),
            // Two at the same time: the one that came second finds the other's.
            Err(error) if attempt < ATTEMPTS && matches!(error.sort(), Sort::Again | Sort::Taken) => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The epoch, or who changes the schema.
async fn take<D: Dialect>(way: &Way<D>, connection: &mut ConnectionOf<D>) -> Result<Result<i64, Holder>, ServerError> {
    D::command(connection, "START TRANSACTION".into()).await?;
    let done = async {
        let values = [Value::Text(&way.options.node), Value::Int(lease_ms(&way.options))];
        let taken = D::change(connection, &D::text(TAKE), &values).await?;
        let holder = holder::<D>(connection).await?;
        D::command(connection, "COMMIT".into()).await?;
        Ok((taken, holder))
    };
    match done.await {
        Ok((1, holder)) => Ok(Ok(holder.epoch)),
        Ok((_, holder)) => Ok(Err(holder)),
        Err(error) => {
            D::command(connection, "ROLLBACK".into()).await?;
            Err(error)
        }
    }
}

async fn holder<D: Dialect>(connection: &mut ConnectionOf<D>) -> Result<Holder, ServerError> {
    let found = D::fetch(connection, &D::text(HOLDER), &[]).await?;
    let row = found.first().ok_or_else(|| ServerError::Damaged("the table `schema_lease` has no row 1".into()))?;
    Ok(Holder { name: rows::text::<D>(row, 0)?, epoch: rows::int::<D>(row, 1)?, left_ms: rows::int::<D>(row, 2)? })
}

/// Changes the schema, and renews the lease meanwhile: a large table takes longer than that.
async fn migrate<D: Dialect>(way: &Way<D>, connection: &mut ConnectionOf<D>, epoch: i64) -> Result<(), StoreError> {
    tokio::select! {
        done = D::migrate(connection) => migrated(done, D::schema()),
        error = keep(way, epoch) => Err(open_error(error)),
    }
}

/// Renews the lease until that fails.
async fn keep<D: Dialect>(way: &Way<D>, epoch: i64) -> ServerError {
    let renew = async {
        let pause = way.options.lease / 3;
        tokio::time::sleep(pause).await;
        let mut connection = way.connect().await?;
        let values = [Value::Int(lease_ms(&way.options)), Value::Int(epoch)];
        while D::change(&mut connection, &D::text(KEEP), &values).await? == 1 {
            tokio::time::sleep(pause).await;
        }
        Ok::<_, ServerError>(())
    };
    match renew.await {
        Ok(()) => ServerError::Damaged("another node changes the schema at the same time: start again".into()),
        Err(error) => error,
    }
}

async fn release<D: Dialect>(connection: &mut ConnectionOf<D>, epoch: i64) {
    if let Err(error) = D::change(connection, &D::text(RELEASE), &[Value::Int(epoch)]).await {
        tracing::debug!(%error, "the lease on the schema was not given back; it ends by itself");
    }
}

fn occupied(holder: &Holder) -> StoreError {
    let left = Duration::from_millis(holder.left_ms.max(0).cast_unsigned());
    StoreError::Open(format!(
        "node `{}` (epoch {}) is changing the schema of the database; its lease on that ends in {:.1} s and is renewed \
         while it lives: start again then, or wait longer with `store_lease_wait_ms`",
        holder.name,
        holder.epoch,
        left.as_secs_f32()
    ))
}

fn migrated(done: Result<(), MigrateError>, known: i64) -> Result<(), StoreError> {
    let text = match done {
        Ok(()) => return Ok(()),
        Err(MigrateError::VersionMissing(found)) => {
            format!("the database has schema {found}, this runtime knows up to {known}; start a newer runtime")
        }
        Err(MigrateError::VersionMismatch(found)) => {
            format!("the database has another schema {found} than this runtime; start the one that made it")
        }
        Err(MigrateError::Execute(error)) => format!(
            "the database can't be brought to schema {known}: {}; grant the user what it needs, or empty the database",
            describe(&error)
        ),
        Err(error) => format!("the database can't be brought to schema {known}: {error}"),
    };
    Err(StoreError::Open(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_says_who_can_work_on_it() {
        for (newest, oldest, known, want) in [
            (0, 0, 3, Some(false)),
            (2, 1, 3, None),
            (3, 3, 3, Some(true)),
            (3, 3, 4, Some(false)),
            (4, 3, 3, Some(true)),
            (5, 5, 4, None),
        ] {
            assert_eq!(Compatibility { newest, oldest }.settles(known).ok(), want, "{newest} {oldest} {known}");
        }
    }
}
