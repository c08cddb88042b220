//! Components, the versions of workflows, and participants that are paused.

use reprise_engine::{Digest, Timestamp, WorkflowName};

use super::dialect::{ConnectionOf, Dialect, RowOf, Value};
use super::error::ServerError;
use super::rows;
use super::writer::Work;
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

/// As [`crate::Store::deploy`].
#[derive(Debug)]
pub(super) struct Deploy<'a> {
    pub(super) workflow: &'a WorkflowName,
    pub(super) digest: Digest,
    pub(super) component: &'a [u8],
    pub(super) now: Timestamp,
}

impl<D: Dialect> Work<D> for Deploy<'_> {
    type Done = Deployment;

    /// Two nodes that deploy at the same time find the same newest version; the second one's insert fails, and it looks
    /// again.
    async fn perform(&self, connection: &mut ConnectionOf<D>) -> Result<Deployment, ServerError> {
        let Self { workflow, digest, component, now } = *self;
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
}

pub(super) fn component<D: Dialect>(parts: &[RowOf<D>]) -> Result<Option<Vec<u8>>, ServerError> {
    let parts: Vec<Vec<u8>> = parts.iter().map(|row| rows::bytes::<D>(row, 0)).collect::<Result<_, _>>()?;
    Ok((!parts.is_empty()).then(|| parts.concat()))
}

/// Pauses a participant since a time, or resumes it.
#[derive(Debug)]
pub(super) struct SetPause<'a> {
    pub(super) name: &'a str,
    pub(super) paused_at: Option<Timestamp>,
}

impl<D: Dialect> Work<D> for SetPause<'_> {
    type Done = ();

    async fn perform(&self, connection: &mut ConnectionOf<D>) -> Result<(), ServerError> {
        let name = Value::Text(self.name);
        match self.paused_at {
            Some(at) => D::fetch(connection, &D::text(PAUSE), &[name, Value::Int(codes::of_time(at))]).await?,
            None => D::fetch(connection, &D::text(RESUME), &[name]).await?,
        };
        Ok(())
    }
}
