//! The HTTP API under `/api`: who answers what, and how requests are read and answers written.

mod queries;
mod topics;
mod transactions;

use std::any::Any;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use serde::de::DeserializeOwned;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

use super::refusal::Refusal;
use super::{Dtm, json_rpc};
use crate::api::body::{self, Bound};
use crate::api::{Problem, ProblemKind};

pub(super) use transactions::branch;

/// Every endpoint of DTM's HTTP API, and JSON-RPC.
pub(super) fn router(dtm: Dtm) -> Router {
    let api = Router::new()
        .route("/version", get(queries::version))
        .route("/newGid", get(transactions::new_gid))
        .route("/prepare", post(transactions::prepare))
        .route("/submit", post(transactions::submit))
        .route("/abort", post(transactions::abort))
        .route("/registerBranch", post(transactions::register_branch))
        .route("/registerTccBranch", post(transactions::register_branch))
        .route("/registerXaBranch", post(transactions::register_branch))
        .route("/prepareWorkflow", post(transactions::prepare_workflow))
        .route("/forceStop", post(transactions::force_stop))
        .route("/resetNextCronTime", post(transactions::reset_next_cron_time))
        .route("/query", get(queries::query))
        .route("/all", get(queries::all))
        .route("/resetCronTime", get(queries::reset_cron_time))
        .route("/subscribe", get(topics::subscribe))
        .route("/unsubscribe", get(topics::unsubscribe))
        .route("/topic/{name}", delete(topics::remove))
        .route("/queryKV", get(topics::query_kv))
        .route("/scanKV", get(topics::scan_kv));
    Router::new()
        .nest("/api/dtmsvr", api)
        .route("/api/json-rpc", post(json_rpc::call))
        .route("/api/ping", any(queries::ping))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(dtm)
}

/// As DTM answers what it does not have, a wrong method included.
async fn not_found() -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain")];
    (StatusCode::NOT_FOUND, content_type, "404 page not found").into_response()
}

/// Answers for a handler that panicked.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler of DTM's face panicked");
    let text = "the runtime made a mistake while it answered; its log says more. Transactions are not affected";
    Refusal::Internal(text.into()).into_response()
}

/// What most requests are answered with.
fn success() -> Response {
    Json(json!({ "dtm_result": "SUCCESS" })).into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::warn!(message = self.message(), "a client of DTM was answered with an error");
        }
        let body = match self.dtm_result() {
            Some(result) => json!({ "dtm_result": result, "message": self.message() }),
            None => json!({ "message": self.message() }),
        };
        (status, Json(body)).into_response()
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Failure(_) => StatusCode::CONFLICT,
            Self::Ongoing(_) => StatusCode::TOO_EARLY,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let text = problem.detail().to_owned();
        if problem.kind() == ProblemKind::InputTooLarge { Self::TooLarge(text) } else { Self::Invalid(text) }
    }
}

/// The bytes of a request, whatever its content type says.
pub(super) struct Bytes(pub(super) Vec<u8>);

impl FromRequest<Dtm> for Bytes {
    type Rejection = Refusal;

    async fn from_request(request: Request, dtm: &Dtm) -> Result<Self, Refusal> {
        let (parts, body): (Parts, Body) = request.into_parts();
        let bound = Bound {
            what: "request",
            most: dtm.settings.input_bytes,
            setting: "limits.input_bytes",
            too_large: ProblemKind::InputTooLarge,
        };
        Ok(Self(body::read(&parts.headers, body, bound).await?))
    }
}

/// The JSON of a request.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Dtm> for Sent<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, dtm: &Dtm) -> Result<Self, Refusal> {
        let Bytes(bytes) = Bytes::from_request(request, dtm).await?;
        let sent = serde_json::from_slice(&bytes);
        sent.map(Self).map_err(|error| Refusal::Invalid(format!("the body is not what DTM's clients send: {error}")))
    }
}

/// The parameters of a query; unknown ones are passed over.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let params = Query::<T>::from_request_parts(parts, state).await;
        params.map(|Query(params)| Self(params)).map_err(|rejection| Refusal::Invalid(rejection.body_text()))
    }
}

/// A number of a query; `default` if it is missing or empty.
pub(super) fn number<T: std::str::FromStr>(text: Option<&str>, default: T) -> Result<T, Refusal> {
    match text.unwrap_or_default() {
        "" => Ok(default),
        text => text.parse().map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            Refusal::Invalid(format!("convert to int error: {shown}"))
        }),
    }
}
