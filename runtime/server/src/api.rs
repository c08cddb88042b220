//! The HTTP face: parses requests, calls the coordinator, renders what it says. It decides nothing and never touches the
//! store.
//!
//! The rooms: `workflows`, `trigger`, `executions`, `journal`, `events`, `participants`, `databases`, `health`, `openapi` have the endpoints; `body`,
//! `input`, `params` and `wait` read requests; `render`, `entry`, `bytes` and `time` write answers; `problem` has every
//! error.

pub(crate) mod body;
mod bytes;
mod databases;
mod entry;
mod events;
mod executions;
mod health;
mod input;
mod journal;
mod message;
mod openapi;
mod params;
mod participants;
mod problem;
mod render;
pub(crate) mod time;
mod trigger;
mod wait;
mod workflows;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post, put};
use reprise_coordinator::Coordinator;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use problem::{Problem, ProblemKind};

/// Components that are received and compiled at one time: each may take its whole size of memory, and all processors.
const UPLOADS_MAX: usize = 4;

/// Every route: method and path, as the OpenAPI document names them.
pub const ROUTES: [(&str, &str); 20] = [
    ("GET", "/health"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/workflows"),
    ("GET", "/v1/workflows/{name}"),
    ("PUT", "/v1/workflows/{name}"),
    ("GET", "/v1/executions"),
    ("POST", "/v1/executions"),
    ("GET", "/v1/executions/{gid}"),
    ("POST", "/v1/executions/{gid}"),
    ("GET", "/v1/executions/{gid}/output"),
    ("GET", "/v1/executions/{gid}/journal"),
    ("GET", "/v1/executions/{gid}/events"),
    ("GET", "/v1/databases"),
    ("POST", "/v1/executions/{gid}/submit"),
    ("POST", "/v1/executions/{gid}/abort"),
    ("GET", "/v1/participants"),
    ("GET", "/v1/participants/{name}"),
    ("POST", "/v1/participants/{name}/pause"),
    ("POST", "/v1/participants/{name}/resume"),
    ("GET", "/problems/{slug}"),
];

/// Bounds on requests.
#[derive(Debug, Clone, Copy)]
pub struct ApiLimits {
    /// Bytes of a component.
    pub component_bytes: usize,
    /// Bytes of an input.
    pub input_bytes: usize,
    /// The longest `wait`; longer ones are shortened to it.
    pub wait_max: Duration,
}

/// What every endpoint uses. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    coordinator: Coordinator,
    limits: ApiLimits,
    uploads: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Api {
    /// The face of `coordinator`; `stop` ends streams.
    #[must_use]
    pub fn new(coordinator: Coordinator, limits: ApiLimits, stop: CancellationToken) -> Self {
        Self { coordinator, limits, uploads: Arc::new(Semaphore::new(UPLOADS_MAX)), stop }
    }
}

/// All endpoints. Bodies are read by `body` alone, which bounds them.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/openapi.json", get(openapi::openapi))
        .route("/problems/{slug}", get(problem::explain))
        .route("/v1/workflows", get(workflows::list))
        .route("/v1/workflows/{name}", put(workflows::deploy).get(workflows::versions))
        .route("/v1/executions", post(trigger::trigger_unnamed).get(executions::list))
        .route("/v1/executions/{gid}", post(trigger::trigger).get(executions::status))
        .route("/v1/executions/{gid}/output", get(executions::output))
        .route("/v1/executions/{gid}/journal", get(journal::journal))
        .route("/v1/executions/{gid}/events", get(events::events))
        .route("/v1/executions/{gid}/submit", post(message::submit))
        .route("/v1/executions/{gid}/abort", post(message::abort))
        .route("/v1/databases", get(databases::list))
        .route("/v1/participants", get(participants::list))
        .route("/v1/participants/{name}", get(participants::one))
        .route("/v1/participants/{name}/pause", post(participants::pause))
        .route("/v1/participants/{name}/resume", post(participants::resume))
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .with_state(api)
}
