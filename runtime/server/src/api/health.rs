//! Whether this node can work.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Api;
use super::problem::Problem;

#[derive(Serialize)]
pub(super) struct HealthJson {
    status: &'static str,
    version: &'static str,
}

/// `GET /health`: 200, or 503 while the store does not answer.
pub(super) async fn health(State(api): State<Api>) -> Result<Json<HealthJson>, Problem> {
    api.coordinator.health().await?;
    Ok(Json(HealthJson { status: "ok", version: env!("CARGO_PKG_VERSION") }))
}
