//! The bank of `examples/bank`, as a process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Process, client, program, until};

/// A running bank.
pub struct Bank {
    /// The process.
    pub process: Process,
    /// `http://127.0.0.1:port` of its HTTP face.
    pub http: String,
    /// `http://127.0.0.1:port` of its gRPC face.
    pub grpc: String,
    client: reqwest::Client,
}

/// A line of the bank's request log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// `/transfer-out`, ...
    pub path: String,
    /// Branch parameters as they came.
    pub gid: Option<String>,
    /// Branch parameters as they came.
    pub branch_id: Option<String>,
    /// Branch parameters as they came.
    pub op: Option<String>,
    /// `done`, `repeat`, `empty`, `late`, `refused`, `fault:...`, `pending`.
    pub answer: String,
    /// The query string; of notifications only.
    #[serde(default)]
    pub query: Option<String>,
}

impl Bank {
    /// Starts a bank with its files in `dir`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(dir: &Path, accounts: &[(&str, i64)]) -> Result<Self> {
        Self::start_on(dir, &dir.join("bank.db").to_string_lossy(), accounts)
    }

    /// Starts a bank with its books in `database`, a URL, and its other files in `dir`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_on(dir: &Path, database: &str, accounts: &[(&str, i64)]) -> Result<Self> {
        let mut command = Command::new(program("bank", &[])?);
        command.args(["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--database", database]);
        command.arg("--request-log").arg(dir.join("bank-requests.jsonl"));
        for (account, balance) in accounts {
            command.arg("--account").arg(format!("{account}={balance}"));
        }
        let process = Process::start(&mut command, &dir.join("bank.log"))?;
        let (http, grpc) = (process.address("http")?, process.address("grpc")?);
        Ok(Self { process, http: format!("http://{http}"), grpc: format!("http://{grpc}"), client: client() })
    }

    /// Starts a bank at fixed ports on books that exist already or are empty; after it has ended, again at the same place.
    ///
    /// `name`: of its log in `dir`; `database`: as the bank takes it; `ports`: of its HTTP and its gRPC face.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_at(dir: &Path, name: &str, database: &str, ports: [u16; 2]) -> Result<Self> {
        let [http, grpc] = ports.map(|port| format!("127.0.0.1:{port}"));
        let mut command = Command::new(program("bank", &[])?);
        command.args(["--http", &http, "--grpc", &grpc, "--database", database]);
        let process = Process::start(&mut command, &dir.join(format!("{name}.log")))?;
        Ok(Self { process, http: format!("http://{http}"), grpc: format!("http://{grpc}"), client: client() })
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let response = self.client.get(format!("{}{path}", self.http)).send().await?;
        Ok(response.error_for_status()?.json().await?)
    }

    /// Balance and frozen amount of every account.
    ///
    /// # Errors
    /// The bank does not answer.
    pub async fn accounts(&self) -> Result<BTreeMap<String, (i64, i64)>> {
        let accounts = self.get("/accounts").await?;
        let accounts = accounts.as_array().context("a list")?;
        let number = |account: &Value, name: &str| account[name].as_i64().context("a number");
        accounts
            .iter()
            .map(|account| {
                let name = account["account"].as_str().context("a name")?.to_owned();
                Ok((name, (number(account, "balance")?, number(account, "frozen")?)))
            })
            .collect()
    }

    /// Creates or sets an account.
    ///
    /// # Errors
    /// The bank does not answer.
    pub async fn set_account(&self, name: &str, balance: i64) -> Result<()> {
        let request = self.client.put(format!("{}/accounts/{name}", self.http)).json(&json!({ "balance": balance }));
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// The request log, oldest first.
    ///
    /// # Errors
    /// The bank does not answer.
    pub async fn requests(&self) -> Result<Vec<Request>> {
        Ok(serde_json::from_value(self.get("/requests").await?)?)
    }

    /// Paths and answers of the requests for a gid, oldest first: `/transfer-out done`.
    ///
    /// # Errors
    /// The bank does not answer.
    pub async fn log_of(&self, gid: &str) -> Result<Vec<String>> {
        let requests = self.requests().await?.into_iter();
        let own = requests.filter(|request| request.gid.as_deref() == Some(gid));
        Ok(own.map(|request| format!("{} {}", request.path, request.answer)).collect())
    }

    /// Waits until a request for `gid` has arrived at `path` that often. The bank has no signal for it.
    ///
    /// # Errors
    /// The bank does not answer, or the request does not come.
    pub async fn asked(&self, gid: &str, path: &str, times: usize) -> Result<()> {
        until(&format!("{times} requests of {gid} to {path}"), async || {
            let requests = self.requests().await?;
            let own = requests.iter().filter(|r| r.gid.as_deref() == Some(gid) && r.path == path);
            Ok((own.count() >= times).then_some(()))
        })
        .await
    }

    /// Effects applied for a gid: (branch, op) to how often.
    ///
    /// # Errors
    /// The bank does not answer.
    pub async fn effects(&self, gid: &str) -> Result<BTreeMap<(String, String), u64>> {
        let effects = self.get(&format!("/effects?gid={gid}")).await?;
        let text =
            |effect: &Value, name: &str| Ok::<_, anyhow::Error>(effect[name].as_str().context("text")?.to_owned());
        effects
            .as_array()
            .context("a list")?
            .iter()
            .map(|effect| {
                let key = (text(effect, "branch_id")?, text(effect, "op")?);
                Ok((key, effect["count"].as_u64().context("a count")?))
            })
            .collect()
    }

    /// Puts a fault in place.
    ///
    /// # Errors
    /// The bank does not answer or does not know it.
    pub async fn fault(&self, fault: Value) -> Result<()> {
        self.client.post(format!("{}/faults", self.http)).json(&fault).send().await?.error_for_status()?;
        Ok(())
    }

    /// Takes all faults away.
    ///
    /// # Errors
    /// The bank does not answer.
    pub async fn clear_faults(&self) -> Result<()> {
        self.client.delete(format!("{}/faults", self.http)).send().await?.error_for_status()?;
        Ok(())
    }
}
