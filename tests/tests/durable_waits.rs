//! How often a workflow that is alone waits for the disk. Each commit is one sync; what follows it in the workflow
//! waits for it.
//!
//! The host interrupts whoever computes every 10 ms. A guest that is hit before its first wait is written in two parts,
//! which is rare, and less so on a busy machine. So each test runs its workflow a few times, and the fewest commits
//! count.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reprise_coordinator::{Coordinator, CoordinatorConfig, Trigger};
use reprise_engine::{Digest, EntryRecord, Gid, OnTrap, Phase, Seq, Timestamp, WorkflowName};
use reprise_host::{Host, HostConfig};
use reprise_outbound::{Outbound, OutboundConfig, Participant};
use reprise_store::{
    Activity, BlockingStore, Deployment, ExecutionKey, ExecutionRow, ListFilter, SqliteOptions, SqliteStore, Store,
    StoreError, Topic, Write, Written,
};
use reprise_tests::guest;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, watch};

/// How often each workflow runs.
const RUNS: u32 = 5;
/// No execution here takes longer.
const LONGEST: Duration = Duration::from_secs(30);

/// A SQLite store that remembers the kinds of entries of each commit.
struct Counting {
    inner: SqliteStore,
    commits: Mutex<Vec<Kinds>>,
    /// How many of them are over.
    durable: watch::Sender<usize>,
}

/// Of the entries of one commit, in order.
type Kinds = Vec<&'static str>;

impl Counting {
    fn commits(&self) -> MutexGuard<'_, Vec<Kinds>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, writes: &[Write]) {
        let entries = writes.iter().flat_map(|write| match write {
            Write::Create { entries, .. } | Write::Append { entries, .. } => entries.as_slice(),
            Write::Claim { .. } => &[],
        });
        let kinds = entries.map(|record| record.decode().map_or("damaged", |entry| entry.kind_name()));
        self.commits().push(kinds.collect());
    }
}

impl BlockingStore for Counting {
    fn commit_blocking(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        self.count(writes);
        self.inner.commit_blocking(writes).inspect(|_| self.durable.send_modify(|commits| *commits += 1))
    }
}

#[async_trait]
impl Store for Counting {
    fn blocking(&self) -> Option<&dyn BlockingStore> {
        Some(self)
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        self.count(writes);
        self.inner.commit(writes).await.inspect(|_| self.durable.send_modify(|commits| *commits += 1))
    }

    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        self.inner.journal(key, from, limit).await
    }

    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError> {
        self.inner.execution(gid).await
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        self.inner.list(filter).await
    }

    async fn active(&self, after: Option<ExecutionKey>, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        self.inner.active(after, limit).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        self.inner.due(now, limit).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_wake().await
    }

    async fn quarantined(
        &self,
        workflow: &WorkflowName,
        after: Option<ExecutionKey>,
        limit: u32,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        self.inner.quarantined(workflow, after, limit).await
    }

    async fn deploy(
        &self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        self.inner.deploy(workflow, digest, component, now).await
    }

    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        self.inner.deployments(workflow).await
    }

    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.component(digest).await
    }

    async fn paused_participants(&self) -> Result<Vec<String>, StoreError> {
        self.inner.paused_participants().await
    }

    async fn pause_participant(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.inner.pause_participant(name, now).await
    }

    async fn resume_participant(&self, name: &str) -> Result<(), StoreError> {
        self.inner.resume_participant(name).await
    }

    async fn topics(&self, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, StoreError> {
        self.inner.topics(after, limit).await
    }

    async fn topic(&self, name: &str) -> Result<Option<Topic>, StoreError> {
        self.inner.topic(name).await
    }

    async fn put_topic(&self, topic: &Topic) -> Result<bool, StoreError> {
        self.inner.put_topic(topic).await
    }

    async fn delete_topic(&self, name: &str) -> Result<bool, StoreError> {
        self.inner.delete_topic(name).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

/// What an answer waits for, by the path of the request.
type Wait = Arc<dyn Fn(&str) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A participant that agrees to everything, when it may.
async fn participant(wait: Wait) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let wait = Arc::clone(&wait);
            let agree = service_fn(move |request: Request<Incoming>| {
                let waited = wait(request.uri().path());
                async move {
                    waited.await;
                    let answer = Response::builder().header(header::CONTENT_TYPE, "application/json");
                    let answer = answer.body(Full::<Bytes>::from(r#"{"balance":70}"#));
                    Ok::<_, Infallible>(answer.expect("a plain answer"))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), agree));
        }
    });
    Ok(address)
}

/// Answers each request at once.
fn at_once(_: &Arc<Counting>) -> Wait {
    Arc::new(|_| Box::pin(std::future::ready(())))
}

/// Answers each request after a while, longer than a guest may compute without being interrupted.
fn slowly(_: &Arc<Counting>) -> Wait {
    Arc::new(|_| Box::pin(tokio::time::sleep(Duration::from_millis(50))))
}

/// Answers the two actions when both have been asked for.
fn together(_: &Arc<Counting>) -> Wait {
    let both = Arc::new(Barrier::new(2));
    Arc::new(move |path| {
        let (is_action, both) = (!path.ends_with("/confirm"), Arc::clone(&both));
        Box::pin(async move {
            if is_action {
                both.wait().await;
            }
        })
    })
}

/// Answers the second action when the result of the first one is durable.
fn apart(store: &Arc<Counting>) -> Wait {
    let durable = store.durable.subscribe();
    Arc::new(move |path| {
        let (is_second, mut durable) = (path == "/transfer-in", durable.clone());
        Box::pin(async move {
            if is_second {
                // The store lives longer than this; if not, the test fails by what it finds.
                let _ = durable.wait_for(|commits| *commits >= 2).await;
            }
        })
    })
}

/// Runs executions of a guest to their ends, one after the other; of the one with the fewest commits, the kinds of entries
/// of each.
async fn commits_of(package: &str, input: Value, answers: impl Fn(&Arc<Counting>) -> Wait) -> Result<Vec<Kinds>> {
    let dir = tempfile::tempdir()?;
    let inner = SqliteStore::open(SqliteOptions::new(dir.path().join("reprise.db"))).await?;
    let store = Arc::new(Counting { inner, commits: Mutex::default(), durable: watch::Sender::new(0) });
    let bank = Participant::at(format!("http://{}", participant(answers(&store)).await?));
    let participants = BTreeMap::from([("bank".to_owned(), bank)]);
    let outbound = Outbound::new(OutboundConfig { participants, ..OutboundConfig::default() })?;
    let host = Host::new(HostConfig { instances: 8, ..HostConfig::default() })?;
    let config = CoordinatorConfig { instances: 8, ..CoordinatorConfig::default() };
    let coordinator = Coordinator::start(config, store.clone(), host, outbound).await?;
    let workflow: WorkflowName = package.parse()?;
    coordinator.deploy(workflow.clone(), std::fs::read(guest(package)?)?).await?;
    let mut fewest: Option<Vec<Kinds>> = None;
    for run in 0..RUNS {
        store.commits().clear();
        store.durable.send_replace(0);
        let trigger = Trigger {
            gid: format!("alone-{run}").parse()?,
            workflow: workflow.clone(),
            input: serde_json::to_vec(&input)?,
            on_trap: OnTrap::Quarantine,
            timeout_ms: None,
            start: reprise_coordinator::Start::AtOnce,
        };
        let (_, status) = coordinator.trigger_and_wait(trigger, LONGEST).await?;
        ensure!(status.phase == Phase::Succeeded && status.activity == Activity::Finished, "{status:?}");
        let commits = store.commits().clone();
        if fewest.as_ref().is_none_or(|fewest| commits.len() < fewest.len()) {
            fewest = Some(commits);
        }
    }
    coordinator.shutdown().await;
    fewest.context("no run")
}

fn transfer() -> Value {
    json!({ "from": "alice", "to": "bob", "amount": 30 })
}

/// A transfer whose two branches are called at once.
fn transfer_at_once() -> Value {
    let step = |direction, account| json!({ "bank": "bank", "mode": "http", "direction": direction, "account": account, "amount": 30 });
    json!({ "gid": "alone", "at_once": true, "steps": [step("out", "alice"), step("in", "bob")] })
}

#[tokio::test]
async fn two_branches_one_after_the_other_wait_three_times() -> Result<()> {
    let commits = commits_of("transfer-saga", transfer(), at_once).await?;
    let want: [&[&str]; 3] =
        [&["started", "op-intended"], &["op-completed", "op-intended"], &["op-completed", "returned", "closed"]];
    ensure!(commits == want, "{commits:?}");
    Ok(())
}

#[tokio::test]
async fn two_branches_at_once_wait_twice() -> Result<()> {
    let commits = commits_of("transfers-guest", transfer_at_once(), together).await?;
    let want: [&[&str]; 2] =
        [&["started", "op-intended", "op-intended"], &["op-completed", "op-completed", "returned", "closed"]];
    ensure!(commits == want, "{commits:?}");
    Ok(())
}

#[tokio::test]
async fn a_result_that_comes_early_is_written_while_the_other_one_is_awaited() -> Result<()> {
    // One commit more, and no wait more: it is over before the second answer is there.
    let commits = commits_of("transfers-guest", transfer_at_once(), apart).await?;
    let want: [&[&str]; 3] =
        [&["started", "op-intended", "op-intended"], &["op-completed"], &["op-completed", "returned", "closed"]];
    ensure!(commits == want, "{commits:?}");
    Ok(())
}

#[tokio::test]
async fn a_tcc_waits_twice_and_once_for_each_confirmation() -> Result<()> {
    let commits = commits_of("transfer-tcc", transfer(), together).await?;
    let want: [&[&str]; 4] = [
        &["started", "op-intended", "op-intended"],
        &["op-completed", "op-completed", "returned"],
        &["phase-two-done"],
        &["phase-two-done", "closed"],
    ];
    ensure!(commits == want, "{commits:?}");
    Ok(())
}

#[tokio::test]
async fn a_slow_participant_costs_no_wait_more() -> Result<()> {
    let commits = commits_of("transfer-saga", transfer(), slowly).await?;
    let want: [&[&str]; 3] =
        [&["started", "op-intended"], &["op-completed", "op-intended"], &["op-completed", "returned", "closed"]];
    ensure!(commits == want, "{commits:?}");
    Ok(())
}
