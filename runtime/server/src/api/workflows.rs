//! Workflows and their versions.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use reprise_store::Deployment;
use serde::Serialize;

use super::Api;
use super::body::{self, Bound};
use super::params::WorkflowPath;
use super::problem::{Problem, ProblemKind};
use super::time::Time;

#[derive(Serialize)]
struct DeploymentJson<'a> {
    workflow: &'a str,
    version: u32,
    digest: String,
    deployed_at: Time,
}

#[derive(Serialize)]
struct DeployedJson<'a> {
    #[serde(flatten)]
    deployment: DeploymentJson<'a>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct WorkflowsJson<'a> {
    workflows: Vec<DeploymentJson<'a>>,
}

#[derive(Serialize)]
struct VersionsJson<'a> {
    workflow: &'a str,
    versions: Vec<DeploymentJson<'a>>,
}

impl<'a> DeploymentJson<'a> {
    fn of(deployment: &'a Deployment) -> Self {
        Self {
            workflow: deployment.workflow.as_str(),
            version: deployment.version,
            digest: deployment.digest.to_string(),
            deployed_at: Time(deployment.deployed_at),
        }
    }
}

/// `PUT /v1/workflows/{name}`: 201 with a new version, 200 if the newest version has this component already.
pub(super) async fn deploy(
    State(api): State<Api>,
    WorkflowPath(workflow): WorkflowPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Ok(_permit) = api.uploads.try_acquire() else {
        let detail = format!("{} components are being uploaded already; try again", super::UPLOADS_MAX);
        return Err(Problem::new(ProblemKind::Busy, detail));
    };
    let bound = Bound {
        what: "component",
        most: api.limits.component_bytes,
        setting: "limits.component_bytes",
        too_large: ProblemKind::ComponentTooLarge,
    };
    let component = body::read(&headers, body, bound).await?;
    let newest = api.coordinator.deployments(Some(&workflow)).await?.into_iter().next();
    let deployed = api.coordinator.deploy(workflow, component).await?;
    let code = if newest.as_ref() == Some(&deployed.deployment) { StatusCode::OK } else { StatusCode::CREATED };
    let deployment = DeploymentJson::of(&deployed.deployment);
    Ok((code, Json(DeployedJson { deployment, warnings: deployed.warnings })).into_response())
}

/// `GET /v1/workflows`: the newest version of each.
pub(super) async fn list(State(api): State<Api>) -> Result<Response, Problem> {
    let deployments = api.coordinator.deployments(None).await?;
    Ok(Json(WorkflowsJson { workflows: deployments.iter().map(DeploymentJson::of).collect() }).into_response())
}

/// `GET /v1/workflows/{name}`: all its versions, newest first.
pub(super) async fn versions(
    State(api): State<Api>,
    WorkflowPath(workflow): WorkflowPath,
) -> Result<Response, Problem> {
    let deployments = api.coordinator.deployments(Some(&workflow)).await?;
    if deployments.is_empty() {
        let detail = format!("workflow `{workflow}` is not deployed; upload it with PUT /v1/workflows/{workflow}");
        return Err(Problem::new(ProblemKind::UnknownWorkflow, detail).with("workflow", workflow.as_str()));
    }
    let versions = deployments.iter().map(DeploymentJson::of).collect();
    Ok(Json(VersionsJson { workflow: workflow.as_str(), versions }).into_response())
}
