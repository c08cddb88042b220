//! Who may write: one node at a time, for as long as it renews its lease. Times are those of the database's clock.

use std::time::Duration;

use tokio::time::Instant;

use super::ServerOptions;
use super::dialect::{ConnectionOf, Dialect, Value};
use super::error::{ServerError, Sort};
use super::rows;
use crate::StoreError;

/// The one place there is so far.
const PLACE: &str = "INSERT INTO nodes (id, name, epoch, expires_at) VALUES (1, '', 0, 0) ON CONFLICT (id) DO NOTHING";

const TAKE: &str =
    "UPDATE nodes SET name = ?, epoch = epoch + 1, expires_at = {now} + ? WHERE id = 1 AND expires_at <= {now}";

const HOLDER: &str = "SELECT name, epoch, expires_at - {now} FROM nodes WHERE id = 1";

const TABLE: &str = include_str!("../../migrations/nodes.sql");

/// How often the table is tried to be made, by several who start at the same time.
const ATTEMPTS: u32 = 20;

/// Between two looks at a lease that is not free, at least.
const LOOK: Duration = Duration::from_millis(50);

/// Who has the lease.
#[derive(Debug)]
struct Holder {
    name: String,
    epoch: i64,
    left_ms: i64,
}

/// Takes the lease, as soon as nobody has it; answers its epoch.
pub(super) async fn claim<D: Dialect>(
    connection: &mut ConnectionOf<D>,
    options: &ServerOptions,
) -> Result<i64, StoreError> {
    let give_up = Instant::now() + options.lease_wait;
    make_table::<D>(connection).await.map_err(open_error)?;
    loop {
        let holder = match take::<D>(connection, options).await {
            Ok(Ok(epoch)) => return Ok(epoch),
            Ok(Err(holder)) => holder,
            // Another one takes it at this moment.
            Err(error) if error.sort() == Sort::Again && Instant::now() < give_up => continue,
            Err(error) => return Err(open_error(error)),
        };
        let left = Duration::from_millis(holder.left_ms.max(0).cast_unsigned());
        let now = Instant::now();
        if now >= give_up {
            return Err(StoreError::Open(format!(
                "the database is used by node `{}` (epoch {}), whose lease ends in {:.1} s and is renewed while it \
                 lives; stop that node and start again, or wait longer with `store_lease_wait_ms`",
                holder.name,
                holder.epoch,
                left.as_secs_f32()
            )));
        }
        tokio::time::sleep_until((now + left.max(LOOK)).min(give_up)).await;
    }
}

/// After an open that did not come to its end.
pub(super) async fn release<D: Dialect>(connection: &mut ConnectionOf<D>, epoch: i64) {
    let text = format!("UPDATE nodes SET expires_at = 0 WHERE id = 1 AND epoch = {epoch}");
    if let Err(error) = D::command(connection, text).await {
        tracing::debug!(%error, "the lease was not given back; it ends by itself");
    }
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

/// The epoch, or who has the lease.
async fn take<D: Dialect>(
    connection: &mut ConnectionOf<D>,
    options: &ServerOptions,
) -> Result<Result<i64, Holder>, ServerError> {
    D::command(connection, "START TRANSACTION".into()).await?;
    let done = async {
        let lease_ms = i64::try_from(options.lease.as_millis()).unwrap_or(i64::MAX);
        let values = [Value::Text(&options.node), Value::Int(lease_ms)];
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
    let row = found.first().ok_or_else(|| ServerError::Damaged("the table `nodes` has no row 1".into()))?;
    Ok(Holder { name: rows::text::<D>(row, 0)?, epoch: rows::int::<D>(row, 1)?, left_ms: rows::int::<D>(row, 2)? })
}

/// Opening is different: nothing has begun that could wait.
pub(super) fn open_error(error: ServerError) -> StoreError {
    match error.sort() {
        Sort::Outage(advice) => StoreError::Open(format!("{error}; {advice}")),
        Sort::Again | Sort::Taken | Sort::Damaged => StoreError::Open(error.to_string()),
    }
}
