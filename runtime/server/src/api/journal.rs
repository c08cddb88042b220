//! The journal of an execution, page by page.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use reprise_engine::{EntryRecord, Seq};
use serde::{Deserialize, Serialize};

use super::Api;
use super::entry::RecordJson;
use super::params::{GidPath, Params};
use super::problem::{Problem, ProblemKind};

/// Entries of a page, unless said otherwise, and at most.
const LIMIT: (u32, u32) = (100, 1_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalParams {
    #[serde(default)]
    from: u32,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct JournalJson<'a> {
    gid: &'a str,
    entries: Vec<RecordJson<'a>>,
    next: Option<Seq>,
}

/// `GET /v1/executions/{gid}/journal?from=&limit=`
pub(super) async fn journal(
    State(api): State<Api>,
    GidPath(gid): GidPath,
    Params(params): Params<JournalParams>,
) -> Result<Response, Problem> {
    let limit = page_size(params.limit, LIMIT)?;
    let status = api.coordinator.status(&gid).await?;
    // One more tells whether another page follows.
    let mut records = api.coordinator.journal(status.key, Seq(params.from), limit + 1).await?;
    let next = records.get(limit as usize).map(|record| record.seq);
    records.truncate(limit as usize);
    let entries = records.iter().map(|record: &EntryRecord| RecordJson(record)).collect();
    Ok(Json(JournalJson { gid: gid.as_str(), entries, next }).into_response())
}

/// A page size from a query; `usual` and `most` are (default, maximum).
pub(super) fn page_size(asked: Option<u32>, (usual, most): (u32, u32)) -> Result<u32, Problem> {
    match asked {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            Err(Problem::new(ProblemKind::InvalidQuery, format!("limit {limit} is out of range: use 1 to {most}")))
        }
    }
}
