//! The reply of an XA action, kept beside the transaction: while that is prepared, nobody can read what is in it.
//!
//! It is written on another connection before the transaction is prepared. An attempt whose process is gone may have one
//! statement left on its way to the server, so it is written in two steps: each attempt takes the row for itself (its
//! *turn*) and then replaces its own turn by the reply. A straggler can at worst remove a reply, and what is prepared
//! without a reply is done again; it can never put its reply beside a transaction that is another's.

use reprise_barrier::Tables;
use uuid::Uuid;

use super::Prepares;
use crate::call::SqlCall;
use crate::database::Database;
use crate::dialect::Dialect;
use crate::failure::{Failure, describe};
use crate::local::{from_text, to_text};

/// Its place among the replies; the barrier numbers its own `01`, `02`, ...
const BARRIER_ID: &str = "xa";

const KEY: &str = "gid = ? AND branch_id = ? AND op = 'action' AND barrier_id = ?";

/// Keeps the reply. The caller holds the place of the action, so no other attempt writes here but stragglers.
pub(super) async fn save<D: Prepares>(database: &Database<D>, call: &SqlCall<'_>, reply: &str) -> Result<(), Failure> {
    let mut side = database.side_lease().await?;
    let table = database.tables.reply();
    let (gid, branch) = (call.gid.as_str(), call.branch.to_string());
    let turn = format!("{{\"turn\":\"{}\"}}", Uuid::now_v7());
    let forget = D::render(&format!("DELETE FROM {table} WHERE {KEY}"));
    let take = D::render(&format!(
        "INSERT INTO {table} (gid, branch_id, op, barrier_id, reply) VALUES (?, ?, 'action', ?, ?)"
    ));
    let replace = D::render(&format!("UPDATE {table} SET reply = ? WHERE {KEY} AND reply = ?"));
    let lost = |error| Failure::Lost(format!("the reply could not be kept: {}", describe(&error)));
    D::execute(&mut side, forget, &[gid, &branch, BARRIER_ID]).await.map_err(lost)?;
    D::execute(&mut side, take, &[gid, &branch, BARRIER_ID, &turn]).await.map_err(lost)?;
    let kept = to_text(Ok(reply));
    let replaced = D::execute(&mut side, replace, &[&kept, gid, &branch, BARRIER_ID, &turn]).await.map_err(lost)?;
    side.give_back();
    match replaced {
        1 => Ok(()),
        _ => Err(Failure::Lost("an earlier attempt was still writing its reply".into())),
    }
}

/// The reply that was kept, if an attempt got as far.
pub(super) async fn load<D: Dialect + Prepares>(
    connection: &mut D::Connection,
    tables: &Tables,
    call: &SqlCall<'_>,
) -> Result<Option<String>, Failure> {
    let select = D::render(&format!("SELECT reply FROM {} WHERE {KEY}", tables.reply()));
    let branch = call.branch.to_string();
    let kept = D::text(connection, select, &[call.gid.as_str(), &branch, BARRIER_ID]).await;
    match kept.map_err(|error| Failure::of_way(&error))? {
        Some(kept) if !kept.starts_with("{\"turn\"") => from_text(&kept)?.map(Some),
        Some(_) | None => Ok(None),
    }
}
