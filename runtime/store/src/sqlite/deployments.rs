//! Components and the versions of workflows.

use reprise_engine::{Digest, Timestamp, WorkflowName};
use sqlx::sqlite::SqliteConnection;
use sqlx::{SqlitePool, query, query_scalar};

use super::rows::{deployment, time_value};
use crate::Deployment;

pub(super) const VERSIONS: &str =
    "SELECT workflow, version, digest, deployed_at FROM deployments WHERE workflow = ? ORDER BY version DESC LIMIT ?";

/// SQLite takes the other columns from the row that has the maximum. <https://www.sqlite.org/lang_select.html#bareagg>
pub(super) const NEWEST: &str =
    "SELECT workflow, max(version), digest, deployed_at FROM deployments GROUP BY workflow ORDER BY workflow";

pub(super) const COMPONENT: &str = "SELECT data FROM components WHERE digest = ?";

const KEEP_COMPONENT: &str = "INSERT INTO components (digest, data) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING";

const ADD_VERSION: &str = "INSERT INTO deployments (workflow, version, digest, deployed_at) VALUES (?, ?, ?, ?)";

/// Within an open transaction.
pub(super) async fn deploy(
    connection: &mut SqliteConnection,
    workflow: &WorkflowName,
    digest: Digest,
    component: &[u8],
    now: Timestamp,
) -> Result<Deployment, sqlx::Error> {
    let newest = query(VERSIONS).bind(workflow.as_str()).bind(1).fetch_optional(&mut *connection).await?;
    let newest = newest.map(|row| deployment(&row)).transpose()?;
    let version = match newest {
        Some(newest) if newest.digest == digest => return Ok(newest),
        Some(newest) => newest.version + 1,
        None => 1,
    };
    let digest_bytes = &digest.as_bytes()[..];
    query(KEEP_COMPONENT).bind(digest_bytes).bind(component).execute(&mut *connection).await?;
    query(ADD_VERSION)
        .bind(workflow.as_str())
        .bind(i64::from(version))
        .bind(digest_bytes)
        .bind(time_value(now))
        .execute(connection)
        .await?;
    Ok(Deployment { workflow: workflow.clone(), version, digest, deployed_at: now })
}

pub(super) async fn deployments(
    readers: &SqlitePool,
    workflow: Option<&WorkflowName>,
) -> Result<Vec<Deployment>, sqlx::Error> {
    let rows = match workflow {
        Some(workflow) => query(VERSIONS).bind(workflow.as_str()).bind(i64::MAX).fetch_all(readers).await?,
        None => query(NEWEST).fetch_all(readers).await?,
    };
    rows.iter().map(deployment).collect()
}

pub(super) async fn component(readers: &SqlitePool, digest: Digest) -> Result<Option<Vec<u8>>, sqlx::Error> {
    query_scalar(COMPONENT).bind(&digest.as_bytes()[..]).fetch_optional(readers).await
}
