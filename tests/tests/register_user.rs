//! A user is registered at two services over gRPC: by a client of DTM with a saga, and by a workflow. A refused score deletes
//! the user, and touches nobody else's. Both find the services in etcd.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Books, Process, Runtime, RuntimeOptions, program};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use Books::{MariaDb, Postgres, Sqlite};
use Way::{Saga, Workflow};

/// The score that is refused.
const UNLUCKY: i32 = 10;

/// Who registers.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// A client of DTM, with a saga.
    Saga,
    /// A workflow.
    Workflow,
}

/// What became of a registration.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Registered,
    /// And why.
    Refused(String),
}

/// Both services, and a runtime that clients of DTM can talk to.
struct World {
    dir: TempDir,
    services: Process,
    runtime: Runtime,
    /// Under which names callers find the services.
    user: String,
    score: String,
}

impl World {
    async fn open(books: Books) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let database = books.create(dir.path(), "users").await;
        let mut command = Command::new(program("register-user-services", &[])?);
        command.args(["--database", &database]);
        // As go-zero has it: each service is a key in etcd, and callers know the key.
        let etcd = reprise_test_services::etcd().await;
        let (user, score) = (format!("{etcd}.user"), format!("{etcd}.score"));
        command.args(["--register-user", &user, "--register-score", &score]);
        let services = Process::start(&mut command, &dir.path().join("services.log"))?;
        let participants = [("user", user.as_str()), ("score", score.as_str())];
        let mut options = RuntimeOptions::set(&["dtm.listen=127.0.0.1:0", "dtm.grpc_listen=127.0.0.1:0"]);
        options.arguments.push("--dtm".to_owned());
        let runtime = Runtime::start_for(dir.path(), &participants, &options)?;
        runtime.deploy("register-user").await?;
        Ok(Self { dir, services, runtime, user, score })
    }

    /// Registers somebody; `nth` tells the registrations of a test apart.
    async fn register(&self, way: Way, nth: u32, id: i64, name: &str, points: i32) -> Result<End> {
        match way {
            Saga => {
                let dtm = self.runtime.process.address("dtm_grpc")?;
                let (id, points) = (id.to_string(), points.to_string());
                let who = ["--id", &id, "--name", name, "--gender", "female", "--points", &points];
                let answer = api(&["register", "--dtm", &dtm, "--user", &self.user, "--score", &self.score], &who)?;
                match answer["registered"].as_bool().context("an answer")? {
                    true => Ok(End::Registered),
                    false => Ok(End::Refused(answer["why"].as_str().unwrap_or_default().to_owned())),
                }
            }
            Workflow => {
                let who = json!({ "id": id, "name": name, "gender": "female", "score": points });
                let gid = format!("registration-{nth}");
                let status = self.runtime.trigger(&gid, "register-user", &who, Some("30s")).await?;
                if status["phase"] == "succeeded" {
                    ensure!(status["output"] == json!({ "id": id, "score": points }), "{status:#}");
                    return Ok(End::Registered);
                }
                ensure!(status["phase"] == "failed", "{status:#}");
                Ok(End::Refused(status["failure"]["message"].as_str().unwrap_or_default().to_owned()))
            }
        }
    }

    /// What there is of a user, by the services' own account.
    fn show(&self, id: i64) -> Result<Value> {
        let (user, score) = (self.services.address("user")?, self.services.address("score")?);
        api(&["show", "--user", &user, "--score", &score], &["--id", &id.to_string()])
    }

    /// What the services did, in order: `01 action saveUser: done`.
    fn log(&self) -> Result<Vec<String>> {
        let log = std::fs::read_to_string(self.dir.path().join("services.log"))?;
        Ok(log.lines().map(str::to_owned).collect())
    }
}

/// Runs the program that is a client of DTM.
fn api(first: &[&str], rest: &[&str]) -> Result<Value> {
    let output = Command::new(program("register-user-api", &[])?).args(first).args(rest).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_str(&said).with_context(|| format!("{}: {said:?} {log}", output.status))
}

fn ann(score: i32) -> Value {
    json!({ "user": { "id": "7", "name": "Ann", "gender": "female" }, "score": score })
}

fn nobody() -> Value {
    json!({ "user": null, "score": null })
}

fn refused_because(end: &End, why: &str) -> Result<()> {
    let End::Refused(reason) = end else { anyhow::bail!("it should have been refused: {why}") };
    ensure!(reason.contains(why), "{reason}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_good_score_leaves_both_rows(
    #[values(Saga, Workflow)] way: Way,
    #[values(Sqlite, Postgres, MariaDb)] books: Books,
) -> Result<()> {
    let world = World::open(books).await?;
    ensure!(world.register(way, 1, 7, "Ann", 5).await? == End::Registered);
    ensure!(world.show(7)? == ann(5), "{}", world.show(7)?);
    ensure!(world.log()? == ["01 action saveUser: done", "02 action saveUserScore: done"], "{:?}", world.log()?);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_refused_score_leaves_neither(
    #[values(Saga, Workflow)] way: Way,
    #[values(Sqlite, Postgres, MariaDb)] books: Books,
) -> Result<()> {
    let world = World::open(books).await?;
    let end = world.register(way, 1, 7, "Ann", UNLUCKY).await?;
    refused_because(&end, "user score can't equal 10")?;
    ensure!(world.show(7)? == nobody(), "{}", world.show(7)?);
    let saved = ["01 action saveUser: done", "02 action saveUserScore: refused, user score can't equal 10"];
    let undone: &[&str] = match way {
        // DTM compensates the branch that refused too; the score was never there, so that is an empty one.
        Saga => &["02 compensate saveUserScoreCallback: nothing to do", "01 compensate saveUserCallback: done"],
        Workflow => &["01 rollback saveUserCallback: done"],
    };
    ensure!(world.log()? == [&saved[..], undone].concat(), "{:?}", world.log()?);
    // The id is free again.
    ensure!(world.register(way, 2, 7, "Ann", 5).await? == End::Registered);
    ensure!(world.show(7)? == ann(5), "{}", world.show(7)?);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_refused_registration_does_not_touch_who_was_there(#[values(Saga, Workflow)] way: Way) -> Result<()> {
    let world = World::open(Sqlite).await?;
    ensure!(world.register(way, 1, 7, "Ann", 5).await? == End::Registered);
    // Without the barrier, the compensation of this one would delete Ann.
    let end = world.register(way, 2, 7, "Eve", 6).await?;
    refused_because(&end, "there is a user 7 already")?;
    ensure!(world.show(7)? == ann(5), "{}", world.show(7)?);
    Ok(())
}
