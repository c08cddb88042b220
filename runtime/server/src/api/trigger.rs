//! Triggering an execution, with and without waiting for its end.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reprise_coordinator::{Prepare, Start, Status, Trigger, Triggered};
use reprise_engine::{Gid, OnTrap, Operation, Phase, WorkflowName};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

use super::Api;
use super::body::{self, Bound};
use super::input;
use super::params::{GidPath, Params};
use super::problem::{Problem, ProblemKind};
use super::render::ExecutionJson;
use super::wait::{Length, Wait};

/// Says that the gid was triggered before, with the same workflow and input.
static KNOWN: HeaderName = HeaderName::from_static("reprise-known");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TriggerParams {
    workflow: WorkflowName,
    wait: Option<Wait>,
    #[serde(default)]
    on_trap: OnTrap,
    timeout: Option<Length>,
    prepare: Option<String>,
    check_after: Option<Length>,
}

/// How long the sender of a message has to submit it before it is asked.
const CHECK_AFTER_MS: u64 = 10_000;

/// What is known of an execution that was admitted a moment ago.
#[derive(Serialize)]
struct AdmittedJson<'a> {
    gid: &'a str,
    workflow: &'a str,
    phase: &'static str,
}

/// `POST /v1/executions/{gid}?workflow=&wait=&on_trap=&timeout=&prepare=&check_after=`
pub(super) async fn trigger(
    State(api): State<Api>,
    GidPath(gid): GidPath,
    Params(params): Params<TriggerParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    admit(api, gid, params, &headers, body).await
}

/// `POST /v1/executions?workflow=&wait=&on_trap=`: the runtime chooses the gid.
pub(super) async fn trigger_unnamed(
    State(api): State<Api>,
    Params(params): Params<TriggerParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    admit(api, new_gid(), params, &headers, body).await
}

async fn admit(
    api: Api,
    gid: Gid,
    params: TriggerParams,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bound = Bound {
        what: "input",
        most: api.limits.input_bytes,
        setting: "limits.input_bytes",
        too_large: ProblemKind::InputTooLarge,
    };
    let input = body::read(headers, body, bound).await?;
    input::check(headers, &input)?;
    let prepare = params.prepare()?;
    let TriggerParams { workflow, wait, on_trap, timeout, .. } = params;
    let timeout_ms = timeout.map(|timeout| timeout.ms);
    let prepared = prepare.is_some();
    let start = prepare.map_or(Start::AtOnce, Start::Prepared);
    let trigger = Trigger { gid: gid.clone(), workflow: workflow.clone(), input, on_trap, timeout_ms, start };
    if prepared && wait.is_some() {
        let detail = "`prepare` and `wait` exclude each other: a prepared message does not run before it is submitted";
        return Err(Problem::new(ProblemKind::InvalidQuery, detail));
    }
    if let Some(longest) = Wait::bounded(wait, api.limits.wait_max) {
        let (triggered, status) = api.coordinator.trigger_and_wait(trigger, longest).await?;
        return Ok(answer(&gid, triggered, &status));
    }
    match api.coordinator.trigger(trigger).await? {
        Triggered::Known => Ok(answer(&gid, Triggered::Known, &api.coordinator.status(&gid).await?)),
        Triggered::Admitted => {
            let admitted =
                AdmittedJson { gid: gid.as_str(), workflow: workflow.as_str(), phase: Phase::Running.name() };
            Ok(located(&gid, (StatusCode::ACCEPTED, Json(admitted)).into_response()))
        }
    }
}

impl TriggerParams {
    /// How a two-phase message waits for its sender.
    fn prepare(&self) -> Result<Option<Prepare>, Problem> {
        let wrong = |detail: &str| Err(Problem::new(ProblemKind::InvalidQuery, detail.to_owned()));
        let Some(target) = &self.prepare else {
            return match self.check_after {
                Some(_) => {
                    wrong("`check_after` says when the sender of a prepared message is asked; set `prepare` too")
                }
                None => Ok(None),
            };
        };
        if target.is_empty() || target.starts_with('/') {
            return wrong("`prepare` names who answers the query-back: participant/path, or a whole http(s) URL");
        }
        let query_back = Operation::Http { method: "GET".into(), target: target.clone(), body: Vec::new() };
        let check_after_ms = self.check_after.map_or(CHECK_AFTER_MS, |length| length.ms);
        Ok(Some(Prepare { query_back, check_after_ms }))
    }
}

/// 200 if it is closed, 202 if it goes on.
fn answer(gid: &Gid, triggered: Triggered, status: &Status) -> Response {
    let code = if status.phase.is_closed() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = located(gid, (code, Json(ExecutionJson::of(status))).into_response());
    if triggered == Triggered::Known {
        response.headers_mut().insert(&KNOWN, HeaderValue::from_static("true"));
    }
    response
}

fn located(gid: &Gid, mut response: Response) -> Response {
    let location = HeaderValue::from_str(&format!("/v1/executions/{gid}")).expect("a gid is plain ASCII");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// A fresh gid; later ones sort after earlier ones.
fn new_gid() -> Gid {
    let ms = reprise_coordinator::now().0;
    let nanos = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
    let id = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos));
    id.to_string().parse().expect("a UUID is a valid gid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_gids_differ() {
        assert_ne!(new_gid(), new_gid());
    }
}
