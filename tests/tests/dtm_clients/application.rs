//! An application on DTM's client for Python (`python/application.py`), with its books and its barrier in MariaDB.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use reprise_test_services::mariadb;
use reprise_tests::{Language, Process, Runtime, RuntimeOptions, client, until};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

/// An application and the runtime that it takes for DTM.
struct Scene {
    dir: TempDir,
    runtime: Runtime,
    _application: Process,
    url: String,
    dtm: String,
}

impl Scene {
    async fn open() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (runtime, dtm) = super::runtime(dir.path(), RuntimeOptions::default())?;
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dtm_clients/python");
        let folder = Language::toolchains().join("dtm-python");
        let installed = Command::new(python.join("toolchain")).arg(&folder).status()?;
        ensure!(installed.success(), "DTM's client for Python can't be installed");
        let mut command = Command::new(folder.join("bin/python"));
        command.arg(python.join("application.py")).arg(&dtm).arg(mariadb().await);
        let application = Process::start(&mut command, &dir.path().join("application.log"))?;
        let url = format!("http://{}", application.address("http")?);
        Ok(Self { dir, runtime, _application: application, url, dtm })
    }

    /// Has the application make a transfer: the status, and its gid or what its client says.
    async fn transfer(&self, kind: &str, body: &Value) -> Result<(u16, Value)> {
        let response = client().post(format!("{}/transfer/{kind}", self.url)).json(body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    async fn get(&self, url: &str) -> Result<Value> {
        Ok(client().get(url).send().await?.error_for_status()?.json().await?)
    }

    /// Waits for the end of a transaction, and checks it, the calls and the books.
    async fn ends(&self, gid: &str, status: &str, calls: &[&str], accounts: Value) -> Result<()> {
        until(&format!("{gid} to be {status}"), async || {
            let shown = self.get(&format!("{}/query?gid={gid}", self.dtm)).await?;
            Ok((shown["transaction"]["status"] == status).then_some(()))
        })
        .await?;
        let made = self.get(&format!("{}/requests?gid={gid}", self.url)).await?;
        ensure!(made == json!(calls), "{made}");
        let found = self.get(&format!("{}/accounts", self.url)).await?;
        ensure!(found == accounts, "{found}");
        Ok(())
    }
}

fn body(gid: &str, to: &str) -> Value {
    json!({ "gid": gid, "from": "alice", "to": to, "amount": 30 })
}

fn books(alice: i64, bob: i64) -> Value {
    json!({ "alice": [alice, 0], "bob": [bob, 0] })
}

#[rstest]
#[case::gid_of_the_runtime(None)]
#[case::gid_of_its_own(Some("python-saga-1"))]
#[tokio::test]
async fn a_saga_succeeds(#[case] gid: Option<&str>) -> Result<()> {
    let scene = Scene::open().await?;
    let mut request = body("", "bob");
    request["gid"] = gid.into();
    request["wait"] = true.into();
    let (status, answer) = scene.transfer("saga", &request).await?;
    ensure!(status == 200, "{answer}");
    let gid = answer["gid"].as_str().unwrap_or_default();
    scene.ends(gid, "succeed", &["01 action /out", "02 action /in"], books(970, 30)).await
}

#[tokio::test]
async fn a_saga_is_rolled_back() -> Result<()> {
    let scene = Scene::open().await?;
    let mut request = body("python-saga-2", "nobody");
    request["wait"] = true.into();
    let (status, answer) = scene.transfer("saga", &request).await?;
    ensure!(status == 409, "a rolled back saga is a failure to the client: {answer}");
    let calls = ["01 action /out", "02 action /in", "02 compensate /in/revert", "01 compensate /out/revert"];
    // The barrier sees that the second action did nothing, and so does its compensation.
    scene.ends("python-saga-2", "failed", &calls, books(1000, 0)).await
}

#[tokio::test]
async fn a_tcc_is_confirmed_or_canceled() -> Result<()> {
    let scene = Scene::open().await?;
    let (status, answer) = scene.transfer("tcc", &body("python-tcc-1", "bob")).await?;
    ensure!(status == 200, "{answer}");
    let calls = ["01 try /out/try", "02 try /in/try", "02 confirm /in/confirm", "01 confirm /out/confirm"];
    scene.ends("python-tcc-1", "succeed", &calls, books(970, 30)).await?;
    let (status, answer) = scene.transfer("tcc", &body("python-tcc-2", "nobody")).await?;
    ensure!(status == 409, "{answer}");
    let calls = ["01 try /out/try", "02 try /in/try", "02 cancel /in/cancel", "01 cancel /out/cancel"];
    scene.ends("python-tcc-2", "failed", &calls, books(970, 30)).await
}

#[rstest]
#[case::committed("python-msg-1", None, 200, "succeed", &["01 action /in"], books(970, 30))]
#[case::refused("python-msg-2", Some("lost_before_commit"), 409, "failed", &[], books(1000, 0))]
#[case::lost_after_its_commit("python-msg-3", Some("lost_after_commit"), 200, "succeed",
    &["00 msg /query-prepared", "01 action /in"], books(970, 30))]
#[case::lost_before_its_commit("python-msg-4", Some("lost_before_work"), 200, "failed",
    &["00 msg /query-prepared"], books(1000, 0))]
#[tokio::test]
async fn a_message_is_sent_if_its_local_transaction_is_committed(
    #[case] gid: &str,
    #[case] mishap: Option<&str>,
    #[case] told: u16,
    #[case] status: &str,
    #[case] calls: &[&str],
    #[case] accounts: Value,
) -> Result<()> {
    let scene = Scene::open().await?;
    let mut request = body(gid, "bob");
    if let Some(mishap) = mishap {
        request[mishap] = true.into();
    }
    let (found, answer) = scene.transfer("message", &request).await?;
    ensure!(found == told, "{answer}");
    scene.ends(gid, status, calls, accounts).await
}

#[tokio::test]
async fn the_barrier_holds_when_a_branch_is_called_twice() -> Result<()> {
    let scene = Scene::open().await?;
    let mut request = body("python-barrier", "bob");
    request["wait"] = true.into();
    let (status, answer) = scene.transfer("saga", &request).await?;
    ensure!(status == 200, "{answer}");
    // As a runtime does that never heard the answer.
    let query = "gid=python-barrier&trans_type=saga&branch_id=02";
    for op in ["action", "compensate", "action"] {
        let path = if op == "action" { "/in" } else { "/in/revert" };
        let again = client().post(format!("{}{path}?{query}&op={op}", scene.url)).json(&request).send().await?;
        ensure!(again.status() == 200, "{}", again.status());
    }
    let found = scene.get(&format!("{}/accounts", scene.url)).await?;
    ensure!(found == json!({ "alice": [970, 0], "bob": [0, 0] }), "done once, undone once: {found}");
    let log = std::fs::read_to_string(scene.dir.path().join("application.log"))?;
    ensure!(log.contains("origin_affected"), "the barrier is that of DTM's client");
    ensure!(scene.runtime.get("/health").await?.is_object());
    Ok(())
}
