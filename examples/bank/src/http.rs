//! The HTTP face: the ten operations and the notification, parsed into [`Work`] and rendered from [`Reply`].
//! Faces of their own beside it: [`saga`], [`message`], [`admin`].

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use reprise_barrier::{Branch, BranchRejection};

use crate::{
    admin,
    bank::{Bank, Work},
    ledger::Step,
    message,
    operation::{Operation, Transfer},
    reply::{Refusal, Reply},
    request_log::{Entry, Protocol},
    saga,
};

/// All of the bank over HTTP: operations, notifications and the admin's side.
pub fn router(bank: Bank) -> Router {
    let operations = Operation::ALL.into_iter().fold(Router::new(), |router, operation| {
        router.route(
            operation.http_path(),
            post(move |State(bank), branch, uri, headers, body| serve(bank, operation, branch, uri, headers, body)),
        )
    });
    let operations = operations.route("/notify", post(notify));
    operations.merge(saga::router()).merge(message::router()).merge(admin::router()).with_state(bank)
}

async fn serve(
    bank: Bank,
    operation: Operation,
    branch: Result<Branch, BranchRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = arrived(&uri, &headers, branch.as_ref().ok());
    transfer(bank, request, operation, branch.map_err(|rejection| rejection.to_string()), &body).await
}

/// Takes an operation from its request to its answer. `branch`: which one it is, or why that can't be told.
pub(crate) async fn transfer(
    bank: Bank,
    mut request: Entry,
    operation: Operation,
    branch: Result<Branch, String>,
    body: &[u8],
) -> Response {
    let parsed = serde_json::from_slice::<Transfer>(body);
    if let Ok(transfer) = &parsed {
        request.account = Some(transfer.account.clone());
        request.amount = Some(transfer.amount);
    }
    let work = match (branch, parsed) {
        (Err(reason), _) => Err(reason),
        (Ok(_), Err(error)) => Err(format!("the body is not a transfer: {error}")),
        (Ok(branch), Ok(transfer)) => step(operation, branch, transfer).map(Work::Move),
    };
    bank.take(request, work).await.into_response()
}

async fn notify(
    State(bank): State<Bank>,
    branch: Result<Branch, BranchRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Entry {
        query: uri.query().map(str::to_owned),
        body: Some(String::from_utf8_lossy(&body).into_owned()),
        ..arrived(&uri, &headers, branch.as_ref().ok())
    };
    bank.take(request, Ok(Work::Notify)).await.into_response()
}

/// A request that has just arrived over HTTP.
pub(crate) fn arrived(uri: &Uri, headers: &HeaderMap, branch: Option<&Branch>) -> Entry {
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Entry { traceparent, ..Entry::arrived(Protocol::Http, uri.path()).of(branch) }
}

/// An operation, if the amount makes sense; all faces share it.
pub(crate) fn step(operation: Operation, branch: Branch, transfer: Transfer) -> Result<Step, String> {
    match transfer.amount {
        1.. => Ok(Step { operation, branch, transfer }),
        amount => Err(format!("the amount must be more than 0, not {amount}")),
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = self.http_status();
        match self {
            Self::Good(balance) => Json(balance).into_response(),
            Self::Noted => Json(serde_json::json!({})).into_response(),
            Self::Refused(_) | Self::Ongoing | Self::Invalid(_) | Self::Broken(_) | Self::Lost | Self::Silence => {
                (status, Json(Refusal::new(self.error_text().to_owned()))).into_response()
            }
        }
    }
}
