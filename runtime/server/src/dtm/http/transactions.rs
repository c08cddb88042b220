//! What clients say about a transaction.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reprise_dtm::{Branch, Protocol, Trans};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Sent, success};
use crate::dtm::Dtm;
use crate::dtm::branches::BranchJson;
use crate::dtm::refusal::Refusal;
use crate::dtm::render::TransactionJson;
use crate::dtm::workflow;

/// How far a workflow is.
#[derive(Serialize)]
struct WorkflowJson {
    transaction: TransactionJson,
    progresses: Vec<BranchJson>,
}

/// `GET /newGid`
pub(super) async fn new_gid() -> Response {
    Json(json!({ "dtm_result": "SUCCESS", "gid": crate::dtm::new_gid() })).into_response()
}

/// `POST /prepare`
pub(super) async fn prepare(State(dtm): State<Dtm>, Sent(trans): Sent<Trans>) -> Result<Response, Refusal> {
    dtm.prepare(&trans).await.map(|()| success())
}

/// `POST /submit`
pub(super) async fn submit(State(dtm): State<Dtm>, Sent(trans): Sent<Trans>) -> Result<Response, Refusal> {
    dtm.submit(&trans).await.map(|()| success())
}

/// `POST /abort`
pub(super) async fn abort(State(dtm): State<Dtm>, Sent(trans): Sent<Trans>) -> Result<Response, Refusal> {
    dtm.abort(&trans).await.map(|()| success())
}

/// `POST /registerBranch`, with its aliases
pub(super) async fn register_branch(
    State(dtm): State<Dtm>,
    Sent(fields): Sent<BTreeMap<String, Value>>,
) -> Result<Response, Refusal> {
    dtm.register(&branch(fields, Protocol::Http)).await.map(|()| success())
}

/// `POST /prepareWorkflow`
pub(super) async fn prepare_workflow(State(dtm): State<Dtm>, Sent(trans): Sent<Trans>) -> Result<Response, Refusal> {
    match dtm.prepare_workflow(&trans).await {
        Ok(seen) => Ok(Json(WorkflowJson { transaction: seen.transaction, progresses: seen.branches }).into_response()),
        Err(refusal @ Refusal::Failure(_)) => {
            let transaction = workflow::refused(&trans.gid, &refusal);
            let body = json!({
                "dtm_result": refusal.dtm_result(), "message": refusal.message(), "transaction": transaction,
                "progresses": [],
            });
            Ok((StatusCode::CONFLICT, Json(body)).into_response())
        }
        Err(refusal) => Err(refusal),
    }
}

/// `POST /forceStop`
pub(super) async fn force_stop(State(dtm): State<Dtm>, Sent(trans): Sent<Trans>) -> Result<Response, Refusal> {
    dtm.force_stop(&trans.gid).await.map(|()| success())
}

/// `POST /resetNextCronTime`
pub(super) async fn reset_next_cron_time(
    State(dtm): State<Dtm>,
    Sent(trans): Sent<Trans>,
) -> Result<Response, Refusal> {
    dtm.reset_next_cron_time(&trans.gid).await.map(|()| success())
}

/// A branch as it is registered: names and texts. What is no text means its JSON.
pub(in crate::dtm) fn branch(fields: BTreeMap<String, Value>, protocol: Protocol) -> Branch {
    let text = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(other.to_string()),
    };
    let mut fields: BTreeMap<String, String> =
        fields.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect();
    let mut take = |name: &str| fields.remove(name).unwrap_or_default();
    let (gid, trans_type, branch_id) = (take("gid"), take("trans_type"), take("branch_id"));
    let data = take("data").into_bytes();
    Branch { gid, trans_type, branch_id, fields, data, protocol }
}
