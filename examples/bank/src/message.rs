//! The HTTP face for two-phase messages: the local half of one, and the answer to its query-back.
//!
//! `POST /local-transfer-out` takes money out of an account here, and has the runtime run a workflow that does the rest:
//! both happen or neither. `GET /query-prepared` is what the runtime asks if it hears no more.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use reprise_barrier::{Branch, BranchRejection, Message};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    bank::{Bank, Work},
    http::{arrived, step},
    operation::{Operation, Transfer},
    request_log::Entry,
};

/// The body of `/local-transfer-out`.
#[derive(Debug, Deserialize)]
struct LocalTransfer {
    account: String,
    amount: i64,
    /// The address of the runtime, for example `http://127.0.0.1:8080`.
    runtime: String,
    /// The gid of the message; the same one again takes effect once.
    gid: String,
    /// What the runtime is to run.
    workflow: String,
    /// The input of the workflow.
    #[serde(default)]
    input: Value,
    /// Participant and path that answer the query-back.
    #[serde(default = "default_query_back")]
    query_back: String,
}

fn default_query_back() -> String {
    "bank/query-prepared".to_owned()
}

pub(crate) fn router() -> Router<Bank> {
    Router::new().route("/local-transfer-out", post(local_transfer_out)).route("/query-prepared", get(query_prepared))
}

async fn local_transfer_out(State(bank): State<Bank>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let parsed = serde_json::from_slice::<LocalTransfer>(&body)
        .map_err(|error| format!("the body is not a local transfer: {error}"))
        .and_then(|local| Ok((Branch::message(&local.gid).map_err(|error| error.to_string())?, local)));
    let mut request = arrived(&uri, &headers, parsed.as_ref().ok().map(|(branch, _)| branch));
    let work = parsed.and_then(|(branch, local)| {
        request = Entry { account: Some(local.account.clone()), amount: Some(local.amount), ..request.clone() };
        let message =
            Message::new(&local.runtime, &local.gid, &local.workflow).query_back(&local.query_back).input(&local.input);
        let transfer = Transfer { account: local.account, amount: local.amount };
        Ok(Work::Send { message, step: step(Operation::Out, branch, transfer)? })
    });
    bank.take(request, work).await.into_response()
}

async fn query_prepared(
    State(bank): State<Bank>,
    branch: Result<Branch, BranchRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let request = arrived(&uri, &headers, branch.as_ref().ok());
    let work = branch.map(Work::QueryPrepared).map_err(|rejection| rejection.to_string());
    bank.take(request, work).await.into_response()
}
