//! Participants: how they stand, pausing and resuming them.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use reprise_coordinator::{Breaker, ParticipantStatus};
use reprise_outbound::{OutcomeCounts, Pause, Policies};
use serde::Serialize;

use super::Api;
use super::problem::Problem;
use super::time::Time;

#[derive(Serialize)]
struct ParticipantJson<'a> {
    name: &'a str,
    host: &'a str,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker: Option<BreakerJson>,
    in_flight: usize,
    waiting: usize,
    outcomes: OutcomesJson,
    policy: &'a Policies,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum BreakerJson {
    Closed,
    Open { until: Time },
    HalfOpen,
}

#[derive(Serialize)]
struct OutcomesJson {
    success: u64,
    failure: u64,
    ongoing: u64,
    unknown: u64,
}

#[derive(Serialize)]
struct ParticipantsJson<'a> {
    participants: Vec<ParticipantJson<'a>>,
}

impl<'a> ParticipantJson<'a> {
    fn of(status: &'a ParticipantStatus) -> Self {
        let breaker = status.breaker.map(|breaker| match breaker {
            Breaker::Closed => BreakerJson::Closed,
            Breaker::Open { until } => BreakerJson::Open { until: Time(until) },
            Breaker::HalfOpen => BreakerJson::HalfOpen,
        });
        let OutcomeCounts { success, failure, ongoing, unknown } = status.outcomes;
        Self {
            name: &status.name,
            host: &status.host,
            paused: status.paused,
            breaker,
            in_flight: status.in_flight,
            waiting: status.waiting,
            outcomes: OutcomesJson { success, failure, ongoing, unknown },
            policy: &status.policies,
        }
    }
}

/// `GET /v1/participants`: all of them, by name.
pub(super) async fn list(State(api): State<Api>) -> Response {
    let all = api.coordinator.participants();
    Json(ParticipantsJson { participants: all.iter().map(ParticipantJson::of).collect() }).into_response()
}

/// `GET /v1/participants/{name}`
pub(super) async fn one(State(api): State<Api>, Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(Json(ParticipantJson::of(&api.coordinator.participant(&name)?)).into_response())
}

/// `POST /v1/participants/{name}/pause`: nothing more is sent to it, calls wait. May be repeated.
pub(super) async fn pause(State(api): State<Api>, Path(name): Path<String>) -> Result<Response, Problem> {
    set(&api, &name, Pause::On).await
}

/// `POST /v1/participants/{name}/resume`: calls go on. May be repeated.
pub(super) async fn resume(State(api): State<Api>, Path(name): Path<String>) -> Result<Response, Problem> {
    set(&api, &name, Pause::Off).await
}

async fn set(api: &Api, name: &str, pause: Pause) -> Result<Response, Problem> {
    let status = api.coordinator.pause_participant(name, pause).await?;
    Ok(Json(ParticipantJson::of(&status)).into_response())
}
