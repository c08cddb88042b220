//! Two-phase messages: what the sender says about its local transaction.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reprise_coordinator::Word;
use reprise_engine::Gid;

use super::Api;
use super::params::GidPath;
use super::problem::Problem;
use super::render::ExecutionJson;

/// `POST /v1/executions/{gid}/submit`: the sender's local transaction is committed.
pub(super) async fn submit(State(api): State<Api>, GidPath(gid): GidPath) -> Result<Response, Problem> {
    decide(&api, &gid, Word::Submit).await
}

/// `POST /v1/executions/{gid}/abort`: it is not, and never will be.
pub(super) async fn abort(State(api): State<Api>, GidPath(gid): GidPath) -> Result<Response, Problem> {
    decide(&api, &gid, Word::Abort).await
}

async fn decide(api: &Api, gid: &Gid, word: Word) -> Result<Response, Problem> {
    let status = api.coordinator.decide(gid, word).await?;
    let code = if status.phase.is_closed() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((code, Json(ExecutionJson::of(&status))).into_response())
}
