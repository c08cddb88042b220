//! Every error of the API, as an RFC 9457 problem document: the one place where errors become answers.

use std::any::Any;
use std::borrow::Cow;

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use reprise_coordinator::{CommandError, DeployError, ParticipantError, StatusError, TriggerError};
use reprise_engine::InvalidId;
use reprise_host::ComponentError;
use reprise_outbound::UnknownParticipant;
use reprise_store::StoreError;
use serde_json::{Map, Value, json};

/// Which problem. Names the `type` of its document: `/problems/<slug>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// A gid or a workflow name breaks its rule.
    InvalidName,
    /// A query parameter is unknown, missing or has no valid value.
    InvalidQuery,
    /// A body that should be JSON is not.
    NotJson,
    /// A body ended before its announced length.
    TruncatedBody,
    /// A body did not arrive in time.
    SlowBody,
    /// A component is larger than allowed.
    ComponentTooLarge,
    /// An input is larger than allowed.
    InputTooLarge,
    /// A component can't run here.
    InvalidComponent,
    /// No such workflow.
    UnknownWorkflow,
    /// No such execution.
    UnknownExecution,
    /// No such participant.
    UnknownParticipant,
    /// The gid was used for something else.
    GidInUse,
    /// The execution is no prepared message.
    NotPrepared,
    /// The opposite was decided before.
    Decided,
    /// The execution has no output.
    NoOutput,
    /// Another node works on the execution, and does not react.
    NoAnswer,
    /// Too much work at one time.
    Busy,
    /// The node is stopping.
    ShuttingDown,
    /// The database does not answer or does not take writes.
    StoreUnavailable,
    /// The database holds something that can't be read.
    StoreDamaged,
    /// A deployed component can't be loaded.
    ComponentUnusable,
    /// No such path.
    UnknownPath,
    /// The path exists, with other methods.
    WrongMethod,
    /// A mistake of the runtime.
    Internal,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 24] = [
        Self::InvalidName,
        Self::InvalidQuery,
        Self::NotJson,
        Self::TruncatedBody,
        Self::SlowBody,
        Self::ComponentTooLarge,
        Self::InputTooLarge,
        Self::InvalidComponent,
        Self::UnknownWorkflow,
        Self::UnknownExecution,
        Self::UnknownParticipant,
        Self::GidInUse,
        Self::NotPrepared,
        Self::Decided,
        Self::NoOutput,
        Self::NoAnswer,
        Self::Busy,
        Self::ShuttingDown,
        Self::StoreUnavailable,
        Self::StoreDamaged,
        Self::ComponentUnusable,
        Self::UnknownPath,
        Self::WrongMethod,
        Self::Internal,
    ];

    /// Slug, HTTP status, title.
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidName => ("invalid-name", StatusCode::BAD_REQUEST, "A name breaks its rule"),
            Self::InvalidQuery => ("invalid-query", StatusCode::BAD_REQUEST, "A query parameter is not valid"),
            Self::NotJson => ("not-json", StatusCode::BAD_REQUEST, "The body is not JSON"),
            Self::TruncatedBody => ("truncated-body", StatusCode::BAD_REQUEST, "The body is not complete"),
            Self::SlowBody => ("slow-body", StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time"),
            Self::ComponentTooLarge => {
                ("component-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The component is too large")
            }
            Self::InputTooLarge => ("input-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The input is too large"),
            Self::InvalidComponent => {
                ("invalid-component", StatusCode::UNPROCESSABLE_ENTITY, "The upload can't run as a workflow")
            }
            Self::UnknownWorkflow => ("unknown-workflow", StatusCode::NOT_FOUND, "There is no such workflow"),
            Self::UnknownExecution => ("unknown-execution", StatusCode::NOT_FOUND, "There is no such execution"),
            Self::UnknownParticipant => ("unknown-participant", StatusCode::NOT_FOUND, "There is no such participant"),
            Self::GidInUse => ("gid-in-use", StatusCode::CONFLICT, "The gid is in use for something else"),
            Self::NotPrepared => ("not-prepared", StatusCode::CONFLICT, "The execution is no prepared message"),
            Self::Decided => ("decided", StatusCode::CONFLICT, "The opposite was decided before"),
            Self::NoOutput => ("no-output", StatusCode::CONFLICT, "The execution has no output"),
            Self::NoAnswer => {
                ("no-answer", StatusCode::SERVICE_UNAVAILABLE, "The node that works on the execution does not answer")
            }
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "Too much work at one time"),
            Self::ShuttingDown => ("shutting-down", StatusCode::SERVICE_UNAVAILABLE, "The node is stopping"),
            Self::StoreUnavailable => {
                ("store-unavailable", StatusCode::SERVICE_UNAVAILABLE, "The database is not available")
            }
            Self::StoreDamaged => ("store-damaged", StatusCode::INTERNAL_SERVER_ERROR, "The database is damaged"),
            Self::ComponentUnusable => {
                ("component-unusable", StatusCode::INTERNAL_SERVER_ERROR, "The component can't be loaded")
            }
            Self::UnknownPath => ("unknown-path", StatusCode::NOT_FOUND, "There is no such path"),
            Self::WrongMethod => ("wrong-method", StatusCode::METHOD_NOT_ALLOWED, "The path has no such method"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "A mistake of the runtime"),
        }
    }

    /// The end of the document's `type`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// One line for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// Seconds after which a repetition makes sense.
    const fn retry_after(self) -> Option<u64> {
        match self {
            Self::NoAnswer | Self::Busy | Self::StoreUnavailable => Some(1),
            Self::ShuttingDown => Some(5),
            Self::InvalidName
            | Self::InvalidQuery
            | Self::NotJson
            | Self::TruncatedBody
            | Self::SlowBody
            | Self::ComponentTooLarge
            | Self::InputTooLarge
            | Self::InvalidComponent
            | Self::UnknownWorkflow
            | Self::UnknownExecution
            | Self::UnknownParticipant
            | Self::GidInUse
            | Self::NotPrepared
            | Self::Decided
            | Self::NoOutput
            | Self::StoreDamaged
            | Self::ComponentUnusable
            | Self::UnknownPath
            | Self::WrongMethod
            | Self::Internal => None,
        }
    }
}

/// A problem document.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemKind,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem; `detail` says what happened and what to do.
    pub fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), members: Map::new() }
    }

    /// Which problem.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// What happened and what to do.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, members: mut document } = self;
        let status = kind.status();
        if status.is_server_error() {
            tracing::warn!(problem = kind.slug(), %detail, "answered with a problem");
        }
        document.insert("type".into(), format!("/problems/{}", kind.slug()).into());
        document.insert("title".into(), kind.title().into());
        document.insert("status".into(), status.as_u16().into());
        document.insert("detail".into(), detail.into());
        let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        let mut response = (status, content_type, Value::Object(document).to_string()).into_response();
        if let Some(seconds) = kind.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<InvalidId> for Problem {
    fn from(error: InvalidId) -> Self {
        Self::new(ProblemKind::InvalidName, error.to_string())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        let text = rejection.body_text();
        let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        Self::new(ProblemKind::InvalidQuery, format!("{text}; /openapi.json lists the parameters of every path"))
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(ProblemKind::InvalidName, rejection.body_text())
    }
}

impl From<TriggerError> for Problem {
    fn from(error: TriggerError) -> Self {
        let detail = error.to_string();
        match error {
            TriggerError::UnknownWorkflow(workflow) => {
                Self::new(ProblemKind::UnknownWorkflow, detail).with("workflow", workflow.as_str())
            }
            TriggerError::Mismatch { gid, differs } => {
                Self::new(ProblemKind::GidInUse, detail).with("gid", gid.as_str()).with("differs", differs)
            }
            TriggerError::InputTooLarge { most, .. } => {
                Self::new(ProblemKind::InputTooLarge, detail).with("setting", "limits.input_bytes").with("limit", most)
            }
            TriggerError::Busy { .. } => Self::new(ProblemKind::Busy, detail),
            TriggerError::ShuttingDown => Self::new(ProblemKind::ShuttingDown, detail),
            TriggerError::Unavailable(_) => Self::new(ProblemKind::StoreUnavailable, detail),
            TriggerError::Reserved(_) => Self::new(ProblemKind::InvalidName, detail),
            TriggerError::Component(_) => Self::new(ProblemKind::ComponentUnusable, detail),
        }
    }
}

impl From<StatusError> for Problem {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::Unknown(ref gid) => {
                Self::new(ProblemKind::UnknownExecution, error.to_string()).with("gid", gid.as_str())
            }
            StatusError::Journal { ref gid, .. } => {
                Self::new(ProblemKind::StoreDamaged, error.to_string()).with("gid", gid.as_str())
            }
            StatusError::Store(error) => error.into(),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::Unknown(gid) => Self::new(ProblemKind::UnknownExecution, detail).with("gid", gid.as_str()),
            CommandError::NotPrepared(gid) => Self::new(ProblemKind::NotPrepared, detail).with("gid", gid.as_str()),
            CommandError::Decided { gid, decided } => {
                Self::new(ProblemKind::Decided, detail).with("gid", gid.as_str()).with("decided", decided)
            }
            CommandError::Differs { gid, .. } | CommandError::Contrary { gid, .. } => {
                Self::new(ProblemKind::Decided, detail).with("gid", gid.as_str())
            }
            CommandError::NoAnswer(gid) => Self::new(ProblemKind::NoAnswer, detail).with("gid", gid.as_str()),
            CommandError::Journal { gid, .. } => Self::new(ProblemKind::StoreDamaged, detail).with("gid", gid.as_str()),
            CommandError::Store(error) => error.into(),
            CommandError::ShuttingDown => Self::new(ProblemKind::ShuttingDown, detail),
        }
    }
}

impl From<UnknownParticipant> for Problem {
    fn from(error: UnknownParticipant) -> Self {
        let detail = error.to_string();
        Self::new(ProblemKind::UnknownParticipant, detail).with("participant", error.name)
    }
}

impl From<ParticipantError> for Problem {
    fn from(error: ParticipantError) -> Self {
        match error {
            ParticipantError::Unknown(error) => error.into(),
            ParticipantError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::Unavailable(_) | StoreError::Fenced(_) => ProblemKind::StoreUnavailable,
            StoreError::Damaged(_) | StoreError::Open(_) => ProblemKind::StoreDamaged,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Reserved(_) => Self::new(ProblemKind::InvalidName, error.to_string()),
            DeployError::Component(error) => error.into(),
            DeployError::Store(error) => error.into(),
        }
    }
}

impl From<ComponentError> for Problem {
    fn from(error: ComponentError) -> Self {
        let detail = error.to_string();
        match error {
            ComponentError::TooLarge { max, .. } => Self::new(ProblemKind::ComponentTooLarge, detail)
                .with("setting", "limits.component_bytes")
                .with("limit", max),
            ComponentError::Imports { imports } => {
                Self::new(ProblemKind::InvalidComponent, detail).with("imports", imports)
            }
            ComponentError::NoRun { exports } => {
                Self::new(ProblemKind::InvalidComponent, detail).with("exports", exports)
            }
            ComponentError::Empty
            | ComponentError::NotWasm
            | ComponentError::CoreModule(_)
            | ComponentError::Invalid(_)
            | ComponentError::ExportType { .. }
            | ComponentError::Link(_) => Self::new(ProblemKind::InvalidComponent, detail),
            ComponentError::Interrupted(_) => Self::new(ProblemKind::Internal, detail),
        }
    }
}

/// Answers a path that does not exist.
pub(super) async fn no_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(ProblemKind::UnknownPath, format!("{path} does not exist; GET /openapi.json lists every path"))
}

/// Answers a method that a path does not have.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("{path} has no {method}; the header `allow` and GET /openapi.json say what it has");
    Problem::new(ProblemKind::WrongMethod, detail)
}

/// Answers for a handler that panicked.
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(panic = text, "a request handler panicked");
    let detail = "the runtime made a mistake while it answered; its log says more. Executions are not affected";
    Problem::new(ProblemKind::Internal, detail).into_response()
}

/// `GET /problems/{slug}`: what a problem's `type` means.
pub(super) async fn explain(path: Result<Path<String>, PathRejection>) -> Result<Json<Value>, Problem> {
    let Path(slug) = path?;
    let kind = ProblemKind::ALL.into_iter().find(|kind| kind.slug() == slug);
    let kind = kind.ok_or_else(|| Problem::new(ProblemKind::UnknownPath, "there is no such problem"))?;
    Ok(Json(json!({ "type": slug, "title": kind.title(), "status": kind.status().as_u16() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_different() {
        let mut slugs: Vec<&str> = ProblemKind::ALL.into_iter().map(ProblemKind::slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ProblemKind::ALL.len());
    }
}
