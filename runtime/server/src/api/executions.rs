//! Looking at executions: one, its output, many.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use reprise_coordinator::{Status, StatusError};
use reprise_engine::{Phase, RunResult, WorkflowName};
use reprise_store::{ExecutionKey, ListFilter};
use serde::{Deserialize, Serialize};

use super::Api;
use super::bytes::Readable;
use super::journal::page_size;
use super::params::{GidPath, Params};
use super::problem::{Problem, ProblemKind};
use super::render::{ExecutionJson, activity_from};
use super::wait::Wait;

/// Executions of a page, unless said otherwise, and at most.
const LIMIT: (u32, u32) = (50, 500);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusParams {
    wait: Option<Wait>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    phase: Option<String>,
    workflow: Option<WorkflowName>,
    activity: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct ListJson<'a> {
    executions: Vec<ExecutionJson<'a>>,
    next: Option<String>,
}

/// `GET /v1/executions/{gid}?wait=`
pub(super) async fn status(
    State(api): State<Api>,
    GidPath(gid): GidPath,
    Params(params): Params<StatusParams>,
) -> Result<Response, Problem> {
    let status = match Wait::bounded(params.wait, api.limits.wait_max) {
        Some(longest) => api.coordinator.wait(&gid, longest).await?,
        None => api.coordinator.status(&gid).await?,
    };
    let view = match api.coordinator.view(&status).await {
        Ok(view) => Ok(view),
        Err(error @ (StatusError::Journal { .. } | StatusError::Unknown(_))) => Err(error.to_string()),
        Err(StatusError::Store(error)) => return Err(error.into()),
    };
    Ok(Json(ExecutionJson::of(&status).with_view(&view)).into_response())
}

/// `GET /v1/executions/{gid}/output`: the bytes that `run` returned.
pub(super) async fn output(State(api): State<Api>, GidPath(gid): GidPath) -> Result<Response, Problem> {
    let Status { phase, result, .. } = api.coordinator.status(&gid).await?;
    match result {
        Some(RunResult::Output(output)) if phase == Phase::Succeeded => {
            let content_type = match Readable::of(&output) {
                Readable::Json(_) => "application/json",
                Readable::Text(_) => "text/plain; charset=utf-8",
                Readable::Base64(_) => "application/octet-stream",
            };
            // What a workflow returned is shown as what it is, never as a page of this origin.
            let headers = [(header::CONTENT_TYPE, content_type), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            Ok((headers, output).into_response())
        }
        Some(_) | None => {
            let detail = match phase {
                Phase::Failed => "it failed and was rolled back; its status says why".to_owned(),
                Phase::Running | Phase::Committing | Phase::RollingBack | Phase::Succeeded => {
                    format!("it is {phase}; wait for it with GET /v1/executions/{gid}?wait=true")
                }
            };
            let detail = format!("execution `{gid}` has no output: {detail}");
            Err(Problem::new(ProblemKind::NoOutput, detail).with("gid", gid.as_str()).with("phase", phase.name()))
        }
    }
}

/// `GET /v1/executions?phase=&workflow=&activity=&after=&limit=`: newest first.
pub(super) async fn list(State(api): State<Api>, Params(params): Params<ListParams>) -> Result<Response, Problem> {
    let limit = page_size(params.limit, LIMIT)?;
    let filter = ListFilter {
        workflow: params.workflow,
        phase: params.phase.as_deref().filter(|name| !name.is_empty()).map(phase).transpose()?,
        activity: params.activity.as_deref().filter(|name| !name.is_empty()).map(activity).transpose()?,
        before: params.after.as_deref().map(page_token).transpose()?,
        // One more tells whether another page follows.
        limit: limit + 1,
    };
    let mut executions = api.coordinator.list(&filter).await?;
    let more = executions.len() > limit as usize;
    executions.truncate(limit as usize);
    let next = executions.last().filter(|_| more).map(|last| last.key.0.to_string());
    Ok(Json(ListJson { executions: executions.iter().map(ExecutionJson::of).collect(), next }).into_response())
}

fn phase(name: &str) -> Result<Phase, Problem> {
    Phase::from_name(name)
        .ok_or_else(|| unknown("phase", name, "running, committing, rolling-back, succeeded or failed"))
}

fn activity(name: &str) -> Result<reprise_store::Activity, Problem> {
    activity_from(name).ok_or_else(|| unknown("activity", name, "active, parked, quarantined or finished"))
}

fn page_token(token: &str) -> Result<ExecutionKey, Problem> {
    let key = token.parse().map(ExecutionKey);
    key.map_err(|_| unknown("after", token, "the `next` of the page before"))
}

fn unknown(what: &str, value: &str, allowed: &str) -> Problem {
    let value: String = value.chars().take(80).collect();
    Problem::new(ProblemKind::InvalidQuery, format!("{what} {value:?} is unknown: use {allowed}"))
}
