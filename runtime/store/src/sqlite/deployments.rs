//! Components and the versions of workflows.

use reprise_engine::{Digest, Timestamp, WorkflowName};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::SqliteError;
use super::rows::{deployment, rows};
use crate::{Deployment, codes};

pub(super) const VERSIONS: &str =
    "SELECT workflow, version, digest, deployed_at FROM deployments WHERE workflow = ? ORDER BY version DESC LIMIT ?";

/// SQLite takes the other columns from the row that has the maximum. <https://www.sqlite.org/lang_select.html#bareagg>
pub(super) const NEWEST: &str =
    "SELECT workflow, max(version), digest, deployed_at FROM deployments GROUP BY workflow ORDER BY workflow";

pub(super) const COMPONENT: &str = "SELECT data FROM components WHERE digest = ?";

const KEEP_COMPONENT: &str = "INSERT INTO components (digest, data) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING";

const ADD_VERSION: &str = "INSERT INTO deployments (workflow, version, digest, deployed_at) VALUES (?, ?, ?, ?)";

/// Within an open transaction.
pub(super) fn deploy(
    connection: &Connection,
    workflow: &WorkflowName,
    digest: Digest,
    component: &[u8],
    now: Timestamp,
) -> Result<Deployment, SqliteError> {
    let newest = rows(connection, VERSIONS, params![workflow.as_str(), 1], deployment)?.pop();
    let version = match newest {
        Some(newest) if newest.digest == digest => return Ok(newest),
        Some(newest) => newest.version + 1,
        None => 1,
    };
    connection.execute(KEEP_COMPONENT, params![digest.as_bytes(), component])?;
    connection.execute(ADD_VERSION, params![workflow.as_str(), version, digest.as_bytes(), codes::of_time(now)])?;
    Ok(Deployment { workflow: workflow.clone(), version, digest, deployed_at: now })
}

pub(super) fn deployments(
    connection: &Connection,
    workflow: Option<&WorkflowName>,
) -> Result<Vec<Deployment>, SqliteError> {
    match workflow {
        Some(workflow) => rows(connection, VERSIONS, params![workflow.as_str(), i64::MAX], deployment),
        None => rows(connection, NEWEST, [], deployment),
    }
}

pub(super) fn component(connection: &Connection, digest: Digest) -> Result<Option<Vec<u8>>, SqliteError> {
    let mut statement = connection.prepare_cached(COMPONENT)?;
    Ok(statement.query_row(params![digest.as_bytes()], |row| row.get(0)).optional()?)
}
