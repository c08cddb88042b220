//! The runtime, as a process that can be killed and started again on its data.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{Bank, Process, client, guest, program, until};

/// No execution of a test takes longer.
const LONGEST: Duration = Duration::from_secs(60);

/// How to start a runtime.
#[derive(Debug, Clone, Default)]
pub struct RuntimeOptions {
    /// Cargo features of the program, for instance `crash-points`.
    pub features: Vec<&'static str>,
    /// Variables of its environment.
    pub env: Vec<(String, String)>,
    /// More command line arguments of `serve`.
    pub arguments: Vec<String>,
    /// A program that starts it, with arguments; the runtime's command line follows them.
    pub under: Vec<String>,
}

impl RuntimeOptions {
    /// Settings, each as `KEY=VALUE`.
    #[must_use]
    pub fn set(settings: &[&str]) -> Self {
        let arguments = settings.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]).collect();
        Self { arguments, ..Self::default() }
    }
}

/// A running runtime.
pub struct Runtime {
    /// The process.
    pub process: Process,
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// Its data.
    pub dir: PathBuf,
    client: reqwest::Client,
}

impl Runtime {
    /// Starts a runtime on `dir` that knows `bank` as `bank` (HTTP) and `bank-grpc` (gRPC).
    ///
    /// # Errors
    /// It does not start.
    pub fn start(dir: &Path, bank: &Bank, options: &RuntimeOptions) -> Result<Self> {
        Self::start_for(dir, &[("bank", &bank.http), ("bank-grpc", &bank.grpc)], options)
    }

    /// Starts a runtime on `dir` that knows these participants, by name and URL.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_for(dir: &Path, participants: &[(&str, &str)], options: &RuntimeOptions) -> Result<Self> {
        let program = program("reprise", &options.features)?;
        let mut command = match options.under.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir.join("reprise"));
        for (name, url) in participants {
            command.arg("--participant").arg(format!("{name}={url}"));
        }
        command.args(&options.arguments).current_dir(dir);
        command.envs(options.env.iter().map(|(name, value)| (name, value)));
        let process = Process::start(&mut command, &dir.join("reprise.log"))?;
        let url = format!("http://{}", process.address("listen")?);
        Ok(Self { process, url, dir: dir.to_owned(), client: client() })
    }

    /// The file of its store.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        self.dir.join("reprise/reprise.db")
    }

    /// Uploads an example guest as the workflow of the same name.
    ///
    /// # Errors
    /// It is refused.
    pub async fn deploy(&self, package: &str) -> Result<Value> {
        self.deploy_as(package, &guest(package)?).await
    }

    /// Uploads a component.
    ///
    /// # Errors
    /// It is refused.
    pub async fn deploy_as(&self, workflow: &str, component: &Path) -> Result<Value> {
        let component = std::fs::read(component)?;
        let response = self.client.put(format!("{}/v1/workflows/{workflow}", self.url)).body(component).send().await?;
        answer(response).await
    }

    /// Triggers an execution; `wait` for instance `30s`.
    ///
    /// # Errors
    /// It is refused, or the runtime is gone.
    pub async fn trigger(&self, gid: &str, workflow: &str, input: &Value, wait: Option<&str>) -> Result<Value> {
        let wait = wait.map(|wait| format!("&wait={wait}")).unwrap_or_default();
        let url = format!("{}/v1/executions/{gid}?workflow={workflow}{wait}", self.url);
        answer(self.client.post(url).json(input).send().await?).await
    }

    /// A POST of the API, whatever it is answered: the status and the body.
    ///
    /// # Errors
    /// The runtime is gone.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let response = self.client.post(format!("{}{path}", self.url)).json(body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// How an execution stands; `wait` for its end that long.
    ///
    /// # Errors
    /// There is none, or the runtime is gone.
    pub async fn execution(&self, gid: &str, wait: Option<&str>) -> Result<Value> {
        let wait = wait.map(|wait| format!("?wait={wait}")).unwrap_or_default();
        answer(self.client.get(format!("{}/v1/executions/{gid}{wait}", self.url)).send().await?).await
    }

    /// Follows the events of an execution until nothing is left to do, notifications included; how it stands then.
    ///
    /// # Errors
    /// It does not come to that, or the runtime is gone.
    pub async fn finished(&self, gid: &str) -> Result<Value> {
        let url = format!("{}/v1/executions/{gid}/events", self.url);
        let events = async { self.client.get(url).send().await?.error_for_status()?.bytes().await };
        tokio::time::timeout(LONGEST, events).await.with_context(|| format!("{gid} does not finish"))??;
        self.execution(gid, None).await
    }

    /// Waits until an execution is `parked`, `quarantined` or whatever `activity` names; how it stands then.
    ///
    /// # Errors
    /// It does not come to that, or the runtime is gone.
    pub async fn becomes(&self, gid: &str, activity: &str) -> Result<Value> {
        until(&format!("{gid} to be {activity}"), async || {
            let status = self.execution(gid, None).await?;
            Ok((status["activity"] == activity).then_some(status))
        })
        .await
    }

    /// Any GET of the API.
    ///
    /// # Errors
    /// It is refused, or the runtime is gone.
    pub async fn get(&self, path: &str) -> Result<Value> {
        answer(self.client.get(format!("{}{path}", self.url)).send().await?).await
    }
}

async fn answer(response: reqwest::Response) -> Result<Value> {
    let status = response.status();
    let text = response.text().await.context("the answer")?;
    ensure!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{status}: {text:?} is no JSON"))
}
