//! The server at the other end: where it is, its requests, its errors.

use std::time::Duration;

use clap::Args;
use reprise_engine::{Gid, WorkflowName};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;

use super::error::{CliError, Problem};
use super::events::Events;
use super::output::Format;
use super::paint::{ColorChoice, Paint};
use super::upload::Upload;

/// How long an answer may take beyond what it was asked to wait.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an upload may take: compiling a large component takes its time.
const UPLOAD: Duration = Duration::from_mins(10);
const CONNECT: Duration = Duration::from_secs(5);

/// Where the server is, and how to show what it says.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// The server.
    #[arg(long, env = "REPRISE_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: Url,
    /// What stdout is for.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
    /// When to colour text.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
}

impl ServerArgs {
    /// A client for this server.
    pub(super) fn connect(&self) -> Result<Server, CliError> {
        if !["http", "https"].contains(&self.server.scheme()) {
            return Err(CliError::Usage(format!("--server {} is no http or https URL", self.server)));
        }
        // An error means that one is installed; it serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().connect_timeout(CONNECT).tcp_nodelay(true).build();
        let http = http.map_err(|source| CliError::Unreachable { url: self.server.to_string(), source })?;
        Ok(Server { base: self.server.clone(), http })
    }

    /// How to colour.
    pub(super) fn paint(&self) -> Paint {
        Paint::choose(self.color)
    }
}

/// A client of the HTTP API.
#[derive(Debug, Clone)]
pub(super) struct Server {
    base: Url,
    http: reqwest::Client,
}

/// A successful answer: its text, as it came.
#[derive(Debug)]
pub(super) struct Answer {
    url: String,
    pub(super) text: String,
}

/// What is done with a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParticipantVerb {
    Pause,
    Resume,
}

/// What a trigger says beside its input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trigger<'a> {
    pub(super) gid: Option<&'a Gid>,
    pub(super) workflow: &'a WorkflowName,
    pub(super) on_trap: Option<&'a str>,
    pub(super) timeout: Option<Duration>,
    pub(super) wait: Option<Duration>,
}

impl Server {
    /// `PUT /v1/workflows/{name}`.
    pub(super) async fn deploy(&self, workflow: &WorkflowName, component: Vec<u8>) -> Result<Answer, CliError> {
        let url = self.url(&["workflows", workflow.as_str()], &[]);
        let upload = Upload::of(component.len());
        let request = self.http.request(Method::PUT, url.clone()).timeout(UPLOAD);
        // A stream does not say how long it is.
        let request = request.header("content-type", "application/wasm").header("content-length", component.len());
        self.send(url, request.body(upload.body(component))).await
    }

    /// `POST /v1/executions/{gid}`.
    pub(super) async fn trigger(&self, trigger: Trigger<'_>, input: Vec<u8>) -> Result<Answer, CliError> {
        let mut query = vec![("workflow", trigger.workflow.to_string())];
        query.extend(trigger.wait.map(|wait| ("wait", wait_text(wait))));
        query.extend(trigger.on_trap.map(|on_trap| ("on_trap", on_trap.to_owned())));
        query.extend(trigger.timeout.map(|timeout| ("timeout", wait_text(timeout))));
        let path = ["executions"].into_iter().chain(trigger.gid.map(Gid::as_str));
        let url = self.url(&path.collect::<Vec<_>>(), &query);
        let mut request =
            self.http.request(Method::POST, url.clone()).timeout(PATIENCE + trigger.wait.unwrap_or_default());
        if !input.is_empty() {
            let json = serde_json::from_slice::<serde::de::IgnoredAny>(&input).is_ok();
            request =
                request.header("content-type", if json { "application/json" } else { "application/octet-stream" });
        }
        self.send(url, request.body(input)).await
    }

    /// `GET /v1/executions/{gid}`, at its end or when `wait` is over.
    pub(super) async fn execution(&self, gid: &Gid, wait: Option<Duration>) -> Result<Answer, CliError> {
        let query: Vec<_> = wait.map(|wait| ("wait", wait_text(wait))).into_iter().collect();
        let url = self.url(&["executions", gid.as_str()], &query);
        let request = self.http.request(Method::GET, url.clone()).timeout(PATIENCE + wait.unwrap_or_default());
        self.send(url, request).await
    }

    /// `GET /v1/executions`.
    pub(super) async fn executions(&self, query: &[(&str, String)]) -> Result<Answer, CliError> {
        let url = self.url(&["executions"], query);
        self.send(url.clone(), self.http.request(Method::GET, url).timeout(PATIENCE)).await
    }

    /// `GET /v1/executions/{gid}/journal`.
    pub(super) async fn journal(&self, gid: &Gid, from: u32) -> Result<Answer, CliError> {
        let url = self.url(&["executions", gid.as_str(), "journal"], &[("from", from.to_string())]);
        self.send(url.clone(), self.http.request(Method::GET, url).timeout(PATIENCE)).await
    }

    /// `GET /v1/executions/{gid}/events`.
    pub(super) async fn events(&self, gid: &Gid, from: u32) -> Result<Events, CliError> {
        let url = self.url(&["executions", gid.as_str(), "events"], &[("from", from.to_string())]);
        let request = self.http.request(Method::GET, url.clone()).header("accept", "text/event-stream");
        let response = self.open(&url, request).await?;
        Ok(Events::new(url.into(), response))
    }

    /// `GET /v1/participants`.
    pub(super) async fn participants(&self) -> Result<Answer, CliError> {
        let url = self.url(&["participants"], &[]);
        self.send(url.clone(), self.http.request(Method::GET, url).timeout(PATIENCE)).await
    }

    /// `POST /v1/participants/{name}/pause` or `resume`.
    pub(super) async fn participant(&self, name: &str, verb: ParticipantVerb) -> Result<Answer, CliError> {
        let verb = match verb {
            ParticipantVerb::Pause => "pause",
            ParticipantVerb::Resume => "resume",
        };
        let url = self.url(&["participants", name, verb], &[]);
        self.send(url.clone(), self.http.request(Method::POST, url).timeout(PATIENCE)).await
    }

    fn url(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http URL has a path; the scheme was checked")
            .pop_if_empty()
            .push("v1")
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn send(&self, url: Url, request: reqwest::RequestBuilder) -> Result<Answer, CliError> {
        let response = self.open(&url, request).await?;
        let url = url.to_string();
        match response.text().await {
            Ok(text) => Ok(Answer { url, text }),
            Err(source) => Err(CliError::Broken { url, source }),
        }
    }

    async fn open(&self, url: &Url, request: reqwest::RequestBuilder) -> Result<reqwest::Response, CliError> {
        let response = request.send().await.map_err(|source| {
            let url = self.base.to_string();
            let source = source.without_url();
            if source.is_connect() { CliError::Unreachable { url, source } } else { CliError::Broken { url, source } }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.map_err(|source| CliError::Broken { url: url.to_string(), source })?;
        Err(CliError::Problem(Box::new(Problem::read(status, &text))))
    }
}

impl Answer {
    /// Reads it.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, CliError> {
        read(&self.url, &self.text)
    }

    /// Reads a part of it.
    pub(super) fn read_part<T: DeserializeOwned>(&self, part: &str) -> Result<T, CliError> {
        read(&self.url, part)
    }
}

/// Reads JSON that came from `url`.
pub(super) fn read<T: DeserializeOwned>(url: &str, text: &str) -> Result<T, CliError> {
    serde_json::from_str(text).map_err(|error| {
        let start: String = text.chars().take(120).collect();
        CliError::Foreign { url: url.to_owned(), reason: format!("{error} in {start:?}") }
    })
}

fn wait_text(wait: Duration) -> String {
    format!("{}ms", wait.as_millis())
}
