//! Components, the versions of workflows, and participants that are paused.

use reprise_engine::{Digest, Timestamp, WorkflowName};

use super::dialect::{ConnectionOf, Dialect, RowOf, Value};
use super::error::ServerError;
use super::rows;
use crate::{Deployment, codes};

pub(super) const VERSIONS: &str = "SELECT workflow, version, digest, deployed_at FROM deployments /*PRIMARY*/ \
                                   WHERE workflow = ? ORDER BY version DESC LIMIT ?";

pub(super) const NEWEST: &str = "SELECT workflow, version, digest, deployed_at FROM deployments WHERE version = \
     (SELECT max(version) FROM deployments AS d WHERE d.workflow = deployments.workflow) ORDER BY workflow";

/// The parts, in order.
pub(super) const COMPONENT: &str = "SELECT data FROM components /*PRIMARY*/ WHERE digest = ? ORDER BY part";

const KEEP_PART: &str =
    "INSERT INTO components (digest, part, data) VALUES (?, ?, ?) ON CONFLICT (digest, part) DO NOTHING";

const ADD_VERSION: &str = "INSERT INTO deployments (workflow, version, digest, deployed_at) VALUES (?, ?, ?, ?)";

/// All of them: operators pause few.
pub(super) const PAUSED: &str = "SELECT name FROM paused_participants ORDER BY name";

const PAUSE: &str = "INSERT INTO paused_participants (name, paused_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";

const RESUME: &str = "DELETE FROM paused_participants WHERE name = ?";

/// Of a component in one row.
const PART: usize = 1 << 20;

/// Within an open transaction.
pub(super) async fn deploy<D: Dialect>(
    connection: &mut ConnectionOf<D>,
    workflow: &WorkflowName,
    digest: Digest,
    component: &[u8],
    now: Timestamp,
) -> Result<Deployment, ServerError> {
    let name = Value::Text(workflow.as_str());
    let newest = D::fetch(connection, &D::text(VERSIONS), &[name, Value::Int(1)]).await?;
    let version = match newest.first().map(rows::deployment::<D>).transpose()? {
        Some(newest) if newest.digest == digest => return Ok(newest),
        Some(newest) => newest.version + 1,
        None => 1,
    };
    let key = Value::Bytes(digest.as_bytes());
    // An empty component has one part too: it is kept.
    let parts = component.chunks(PART).chain(component.is_empty().then_some(component));
    for (part, data) in (0..).zip(parts) {
        D::fetch(connection, &D::text(KEEP_PART), &[key, Value::Int(part), Value::Bytes(data)]).await?;
    }
    let values = [name, Value::Int(i64::from(version)), key, Value::Int(codes::of_time(now))];
    D::fetch(connection, &D::text(ADD_VERSION), &values).await?;
    Ok(Deployment { workflow: workflow.clone(), version, digest, deployed_at: now })
}

pub(super) fn component<D: Dialect>(parts: &[RowOf<D>]) -> Result<Option<Vec<u8>>, ServerError> {
    let parts: Vec<Vec<u8>> = parts.iter().map(|row| rows::bytes::<D>(row, 0)).collect::<Result<_, _>>()?;
    Ok((!parts.is_empty()).then(|| parts.concat()))
}

/// Within an open transaction: pauses it since a time, or resumes it.
pub(super) async fn set_pause<D: Dialect>(
    connection: &mut ConnectionOf<D>,
    name: &str,
    paused_at: Option<Timestamp>,
) -> Result<(), ServerError> {
    let name = Value::Text(name);
    match paused_at {
        Some(at) => D::fetch(connection, &D::text(PAUSE), &[name, Value::Int(codes::of_time(at))]).await?,
        None => D::fetch(connection, &D::text(RESUME), &[name]).await?,
    };
    Ok(())
}
