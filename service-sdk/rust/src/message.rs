//! Two-phase messages: "my local transaction and the workflow both happen, or neither", for a service that commits
//! locally by itself.
//!
//! Owns the calls to the runtime and their order. What the local transaction and the query-back do to each other is
//! decided by [`crate::Barrier`], at the place of op `msg`.

use std::{sync::OnceLock, time::Duration};

use futures::future::BoxFuture;
use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::Pool;

use crate::{Barrier, BarrierDatabase, BarrierError, Branch, BranchError, Business, Called, Tables, begin};

/// How long the runtime may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A message: a trigger of a workflow that waits for a local transaction.
///
/// Prepare it, commit locally, submit it. If this process dies in between, the runtime asks the participant named by
/// [`Message::query_back`], and [`crate::handle_query_back`] answers there. Each step can be repeated.
#[derive(Debug, Clone)]
pub struct Message {
    runtime_url: String,
    gid: String,
    workflow: String,
    query_back: String,
    check_after: Option<Duration>,
    input: Result<Vec<u8>, String>,
    tables: Option<Tables>,
    client: OnceLock<Client>,
}

/// What [`Message::do_and_submit`] came to.
#[derive(Debug)]
pub struct Sent<T, R> {
    /// What the local transaction came to. `Ran(Ok)` and `Repeat(Some(Ok))` are committed and the message is on its way,
    /// a refusal and `Late` are not and never will be.
    pub called: Called<T, R>,
    /// Whether the runtime has heard of it. If not, nothing is lost: it asks by itself.
    pub told: Result<(), MessageError>,
}

/// The runtime could not be told.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The address of the runtime is no URL that paths can be added to.
    #[error("`{url}` is no address of a runtime: {reason}; give something like http://127.0.0.1:8080")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The message can't be named.
    #[error("the message has no valid gid")]
    Gid(#[from] BranchError),
    /// The input can't be written as JSON.
    #[error("the input of the message can't be written as JSON: {reason}")]
    Input {
        /// What the serializer said.
        reason: String,
    },
    /// No answer: the runtime may or may not have heard it. Every step can be repeated.
    #[error("the runtime did not answer")]
    Unanswered(#[from] reqwest::Error),
    /// The runtime answered with a problem.
    #[error("the runtime answered {status} {title}: {detail}")]
    Problem {
        /// The HTTP status; below 500, a repeat gets the same answer.
        status: u16,
        /// The problem's type, for example `/problems/gid-in-use`.
        kind: String,
        /// What it is, in a few words.
        title: String,
        /// What happened and what to do.
        detail: String,
    },
}

/// A problem document, RFC 9457; other bodies give an empty one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: String,
}

impl Message {
    /// A message that triggers `workflow` as `gid`, at the runtime at `runtime_url`.
    #[must_use]
    pub fn new(runtime_url: &str, gid: &str, workflow: &str) -> Self {
        Self {
            runtime_url: runtime_url.to_owned(),
            gid: gid.to_owned(),
            workflow: workflow.to_owned(),
            query_back: String::new(),
            check_after: None,
            input: Ok(Vec::new()),
            tables: None,
            client: OnceLock::new(),
        }
    }

    /// Whom the runtime asks if it hears no more: participant and path, for example `bank/query-prepared`.
    #[must_use]
    pub fn query_back(self, participant_and_path: &str) -> Self {
        Self { query_back: participant_and_path.to_owned(), ..self }
    }

    /// How long the runtime waits for [`Message::submit`] before it asks; it has a default of its own.
    #[must_use]
    pub fn check_after(self, check_after: Duration) -> Self {
        Self { check_after: Some(check_after), ..self }
    }

    /// The input of the workflow, as JSON. A value that can't be written is reported by [`Message::prepare`].
    #[must_use]
    pub fn input<T: Serialize + ?Sized>(self, input: &T) -> Self {
        Self { input: serde_json::to_vec(input).map_err(|error| error.to_string()), ..self }
    }

    /// Uses `tables` for the local transaction rather than the database's default ones; the query-back has to as well.
    #[must_use]
    pub fn tables(self, tables: Tables) -> Self {
        Self { tables: Some(tables), ..self }
    }

    /// Uses `client` for the calls, rather than one of its own that opens new connections.
    #[must_use]
    pub fn client(self, client: Client) -> Self {
        Self { client: client.into(), ..self }
    }

    /// Announces the message: the runtime keeps it and does not run it yet.
    ///
    /// # Errors
    /// [`MessageError`]: don't commit locally; prepare again, or give up.
    pub async fn prepare(&self) -> Result<(), MessageError> {
        let input = self.input.clone().map_err(|reason| MessageError::Input { reason })?;
        let mut url = self.url(None)?;
        url.query_pairs_mut().append_pair("workflow", &self.workflow).append_pair("prepare", &self.query_back);
        if let Some(check_after) = self.check_after {
            url.query_pairs_mut().append_pair("check_after", &format!("{}ms", check_after.as_millis()));
        }
        self.post(url, input).await
    }

    /// Says that the local transaction has committed: the workflow runs.
    ///
    /// # Errors
    /// [`MessageError`]: the query-back will tell the runtime too; or submit again.
    pub async fn submit(&self) -> Result<(), MessageError> {
        self.post(self.url(Some("submit"))?, Vec::new()).await
    }

    /// Says that the local transaction has not committed and will not: the message is dropped.
    ///
    /// # Errors
    /// [`MessageError`]: the query-back will tell the runtime too; or abort again.
    pub async fn abort(&self) -> Result<(), MessageError> {
        self.post(self.url(Some("abort"))?, Vec::new()).await
    }

    /// Prepares, runs `business` in a local transaction behind the barrier, commits, and submits; aborts on a refusal.
    ///
    /// Repeat it with the same gid as often as needed: `business` takes effect once.
    ///
    /// # Errors
    /// [`MessageError`]: the message is not prepared, nothing was done. [`BarrierError`], the error of `business`: whether
    /// the local transaction has committed is unknown. Nothing is told to the runtime then, its query-back decides.
    pub async fn do_and_submit<DB, T, R, E, F>(&self, pool: &Pool<DB>, business: F) -> Result<Sent<T, R>, E>
    where
        DB: BarrierDatabase,
        T: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
        E: From<BarrierError> + From<MessageError>,
        F: for<'c> FnOnce(&'c mut DB::Connection) -> BoxFuture<'c, Result<Business<T, R>, E>>,
    {
        let branch = Branch::message(&self.gid).map_err(MessageError::from)?;
        self.prepare().await?;
        let mut barrier = Barrier::new(branch).tables(self.tables.clone().unwrap_or_else(Tables::default_of::<DB>));
        let mut transaction = begin(pool).await.map_err(BarrierError::from)?;
        let called = barrier.call(&mut transaction, business).await?;
        transaction.commit().await.map_err(BarrierError::from)?;
        let told = match &called {
            Called::Ran(Ok(_)) | Called::Repeat(Some(Ok(_)) | None) | Called::Empty => self.submit().await,
            Called::Ran(Err(_)) | Called::Repeat(Some(Err(_))) | Called::Late => self.abort().await,
        };
        Ok(Sent { called, told })
    }

    fn url(&self, step: Option<&str>) -> Result<Url, MessageError> {
        let wrong = |reason: String| MessageError::Address { url: self.runtime_url.clone(), reason };
        let mut url = Url::parse(&self.runtime_url).map_err(|error| wrong(error.to_string()))?;
        url.path_segments_mut()
            .map_err(|()| wrong("no path can be added to it".to_owned()))?
            .pop_if_empty()
            .extend(["v1", "executions", &self.gid])
            .extend(step);
        Ok(url)
    }

    async fn post(&self, url: Url, body: Vec<u8>) -> Result<(), MessageError> {
        let request = self.connected()?.post(url).timeout(TIMEOUT);
        let request =
            if body.is_empty() { request } else { request.header("content-type", "application/json").body(body) };
        read(request.send().await?).await
    }

    fn connected(&self) -> Result<&Client, reqwest::Error> {
        match self.client.get() {
            Some(client) => Ok(client),
            None => {
                let client = new_client()?;
                Ok(self.client.get_or_init(|| client))
            }
        }
    }
}

fn new_client() -> Result<Client, reqwest::Error> {
    // An error means that a provider is installed already; it serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().tcp_nodelay(true).build()
}

async fn read(response: Response) -> Result<(), MessageError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = response.bytes().await?;
    let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
    Err(MessageError::Problem {
        status: status.as_u16(),
        kind: problem.kind,
        title: if problem.title.is_empty() { reason(status) } else { problem.title },
        detail: if problem.detail.is_empty() { "it gave no reason".to_owned() } else { problem.detail },
    })
}

fn reason(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().to_owned()
}
