//! A store that fails, and what the API says then. It stands for what a test can't provoke everywhere (a full disk, a
//! read-only file); the store's own tests have the real ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use reprise_coordinator::CoordinatorConfig;
use reprise_engine::{Digest, EntryRecord, Gid, Seq, Timestamp, WorkflowName};
use reprise_store::{
    Deployment, ExecutionKey, ExecutionRow, ListFilter, MemoryStore, Store, StoreError, Topic, Write, Written,
};
use serde_json::json;

use crate::face::Face;
use crate::guests;

/// A memory store whose reads or writes fail while it is told so.
#[derive(Debug, Default)]
pub(crate) struct FaultyStore {
    inner: MemoryStore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reads: Option<String>,
    writes: Option<String>,
    loses_answers: bool,
    panics: bool,
    damaged: Vec<(String, u32)>,
    gids: HashMap<i64, String>,
}

impl FaultyStore {
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.lock().expect("nothing panics here"))
    }

    fn fail_reads(&self, text: &str) {
        self.with(|state| state.reads = Some(text.into()));
    }

    fn fail_writes(&self, text: &str) {
        self.with(|state| state.writes = Some(text.into()));
    }

    /// Commits happen, and nobody hears of it.
    fn lose_answers(&self) {
        self.with(|state| state.loses_answers = true);
    }

    fn mend(&self) {
        self.with(|state| (state.reads, state.writes, state.loses_answers) = (None, None, false));
    }

    /// Flips a bit of an entry, as often as it is read.
    pub(crate) fn damage(&self, gid: &str, seq: u32) {
        self.with(|state| state.damaged.push((gid.to_owned(), seq)));
    }

    fn reads(&self) -> Result<(), StoreError> {
        self.with(|state| state.reads.clone()).map_or(Ok(()), |text| Err(StoreError::Unavailable(text)))
    }

    fn writes(&self) -> Result<(), StoreError> {
        self.with(|state| state.writes.clone()).map_or(Ok(()), |text| Err(StoreError::Unavailable(text)))
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        self.writes()?;
        let written = self.inner.commit(writes).await?;
        if self.with(|state| state.loses_answers) {
            return Err(StoreError::Unavailable("the answer is lost".into()));
        }
        Ok(written)
    }

    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        self.reads()?;
        let mut records = self.inner.journal(key, from, limit).await?;
        self.with(|state| {
            for record in &mut records {
                let damaged = |(gid, seq): &(String, u32)| state.gids.get(&key.0) == Some(gid) && record.seq.0 == *seq;
                if state.damaged.iter().any(damaged) {
                    record.data[1] ^= 1;
                }
            }
        });
        Ok(records)
    }

    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError> {
        self.reads()?;
        let row = self.inner.execution(gid).await?;
        if let Some(row) = &row {
            self.with(|state| state.gids.insert(row.key.0, gid.to_string()));
        }
        Ok(row)
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        self.reads()?;
        assert!(!self.with(|state| state.panics), "a mistake that a test makes on purpose");
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
        self.writes()?;
        self.inner.deploy(workflow, digest, component, now).await
    }

    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        self.reads()?;
        self.inner.deployments(workflow).await
    }

    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads()?;
        self.inner.component(digest).await
    }

    async fn paused_participants(&self) -> Result<Vec<String>, StoreError> {
        self.reads()?;
        self.inner.paused_participants().await
    }

    async fn pause_participant(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.pause_participant(name, now).await
    }

    async fn resume_participant(&self, name: &str) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.resume_participant(name).await
    }

    async fn topics(&self, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, StoreError> {
        self.reads()?;
        self.inner.topics(after, limit).await
    }

    async fn topic(&self, name: &str) -> Result<Option<Topic>, StoreError> {
        self.reads()?;
        self.inner.topic(name).await
    }

    async fn put_topic(&self, topic: &Topic) -> Result<bool, StoreError> {
        self.writes()?;
        self.inner.put_topic(topic).await
    }

    async fn delete_topic(&self, name: &str) -> Result<bool, StoreError> {
        self.writes()?;
        self.inner.delete_topic(name).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.reads()
    }
}

#[tokio::test]
async fn a_store_that_takes_no_writes_is_told_and_loses_nothing() {
    let store = Arc::new(FaultyStore::default());
    let face = Face::on(store.clone(), CoordinatorConfig::default(), Default::default()).await;
    face.deploy("echo", guests::echo()).await;
    for text in ["database or disk is full", "attempt to write a readonly database"] {
        store.fail_writes(text);
        let gid = text.replace(' ', "-");
        let path = format!("/v1/executions/{gid}?workflow=echo&wait=true");
        let answer = face.post(&path, "1").await;
        answer.is_problem(503, "store-unavailable", &[text, "same gid"]);
        assert_eq!(answer.header("retry-after"), "1");
        let answer = face.call("PUT", "/v1/workflows/other", &[], guests::other_echo()).await;
        answer.is_problem(503, "store-unavailable", &[text]);
        store.mend();
        let answer = face.post(&path, "1").await;
        assert_eq!((answer.status.as_u16(), &answer.json()["output"]), (200, &1.into()), "the same again succeeds");
    }
}

#[tokio::test]
async fn a_refused_trigger_that_is_durable_all_the_same_runs_when_the_store_is_back() {
    let store = Arc::new(FaultyStore::default());
    let face = Face::on(store.clone(), CoordinatorConfig::default(), Default::default()).await;
    face.deploy("sleeping", guests::sleeping()).await;
    face.deploy("long", guests::sleeping_long()).await;
    face.post("/v1/executions/other?workflow=long", "1").await.succeeded();
    store.lose_answers();
    let answer = face.post("/v1/executions/a?workflow=sleeping&wait=true", "7").await;
    answer.is_problem(503, "store-unavailable", &["may or may not be admitted"]);
    let status = face.get("/v1/executions/a").await.succeeded();
    assert_eq!((&status["phase"], &status["activity"]), (&json!("running"), &json!("active")));
    store.mend();
    let status = face.get("/v1/executions/a?wait=15s").await.succeeded();
    assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!(7)), "{status}");
    assert_eq!(face.get("/v1/executions/other").await.succeeded()["activity"], "active");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told() {
    let store = Arc::new(FaultyStore::default());
    let face = Face::on(store.clone(), CoordinatorConfig::default(), Default::default()).await;
    face.deploy("echo", guests::echo()).await;
    face.post("/v1/executions/a?workflow=echo&wait=true", "1").await.succeeded();
    store.fail_reads("disk I/O error");
    for path in [
        "/health",
        "/v1/workflows",
        "/v1/executions",
        "/v1/executions/a",
        "/v1/executions/a/output",
        "/v1/executions/a/journal",
        "/v1/executions/a/events",
    ] {
        let answer = face.get(path).await;
        answer.is_problem(503, "store-unavailable", &["disk I/O error"]);
        assert_eq!(answer.header("retry-after"), "1", "{path}");
    }
    store.mend();
    assert_eq!(face.get("/v1/executions/a").await.succeeded()["phase"], "succeeded");
}

#[tokio::test]
async fn a_panic_is_answered_and_nobody_else_notices() {
    let store = Arc::new(FaultyStore::default());
    let face = Face::on(store.clone(), CoordinatorConfig::default(), Default::default()).await;
    store.with(|state| state.panics = true);
    let answer = face.get("/v1/executions").await;
    answer.is_problem(500, "internal", &["the runtime made a mistake", "log"]);
    assert!(!answer.text().contains("on purpose"), "the inside stays inside");
    assert_eq!(face.get("/health").await.status, 200);
}
