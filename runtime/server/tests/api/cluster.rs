//! Nodes on one store: any of them answers for any execution, and what a dead one leaves behind goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use futures::future::join_all;
use reprise_coordinator::CoordinatorConfig;
use reprise_engine::{Digest, Entry, EntryRecord, Phase, Rules, Seq, Timestamp};
use reprise_outbound::Participant;
use reprise_store::{Activity, NewExecution, Progress, Write};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::face::Face;
use crate::guests;
use crate::nodes::{Database, Node, of_a_newer_runtime};

/// What waits stays in memory.
fn patient() -> CoordinatorConfig {
    CoordinatorConfig { idle: Duration::from_secs(600), ..CoordinatorConfig::default() }
}

/// What waits is parked at once.
fn eager() -> CoordinatorConfig {
    CoordinatorConfig { idle: Duration::from_millis(20), ..CoordinatorConfig::default() }
}

/// Looks until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.unwrap_or_else(|_| panic!("waited for {what}"));
}

#[tokio::test]
async fn any_node_answers_for_an_execution_of_another() {
    let database = Arc::default();
    let [a, b, c] = Node::three(&database, &patient()).await;
    a.face.deploy("sleeping", guests::sleeping()).await;
    let path = "/v1/executions/x?workflow=sleeping";
    a.face.post(path, "7").await.succeeded();

    let seen = b.face.get("/v1/executions/x").await.succeeded();
    assert_eq!((&seen["activity"], &seen["elsewhere"]), (&json!("active"), &json!(true)), "{seen}");
    assert_eq!(seen["calls"], json!([]));
    let listed = b.face.get("/v1/executions").await.succeeded();
    assert_eq!(listed["executions"][0]["elsewhere"], true, "{listed}");
    assert_eq!(a.face.get("/v1/executions/x").await.succeeded().get("elsewhere"), None);

    let (again, waited, events) = tokio::join!(
        b.face.post("/v1/executions/x?workflow=sleeping&wait=true", "7"),
        c.face.get("/v1/executions/x?wait=15s"),
        c.face.get("/v1/executions/x/events"),
    );
    assert_eq!((again.status.as_u16(), again.header("reprise-known")), (200, "true"), "{}", again.text());
    for status in [again.json(), waited.succeeded()] {
        assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!(7)), "{status}");
    }
    assert_eq!(events.text().matches("event: ").count(), 6, "{}", events.text());
    let other = b.face.post(path, "8").await;
    other.is_problem(409, "gid-in-use", &["another input"]);
}

#[tokio::test]
async fn waits_follow_executions_that_move() {
    let database = Arc::default();
    let nodes = Node::three(&database, &eager()).await;
    nodes[0].face.deploy("sleeping", guests::sleeping()).await;
    // Each sleeps three times, is parked each time, and woken by whoever has the turn.
    let waits = (0..30).map(async |i| {
        let face = &nodes[i % 3].face;
        face.post(&format!("/v1/executions/g{i}?workflow=sleeping&wait=true"), "7").await.succeeded()
    });
    for status in join_all(waits).await {
        assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!(7)), "{status}");
    }
    for i in 0..30 {
        let path = format!("/v1/executions/g{i}/journal");
        let journal = nodes[0].face.get(&path).await.succeeded();
        assert_eq!(journal["entries"].as_array().map(Vec::len), Some(6), "{journal}");
    }
}

#[tokio::test]
async fn a_quarantine_elsewhere_ends_a_wait() {
    let database = Arc::default();
    let [a, b, _] = Node::three(&database, &patient()).await;
    a.face.deploy("w", guests::trapping()).await;
    a.face.post("/v1/executions/x?workflow=w", "1").await.succeeded();
    let status = b.face.get("/v1/executions/x?wait=true").await.succeeded();
    assert_eq!(status["activity"], "quarantined", "{status}");
    // The node that is told of the fixed component takes it up.
    b.face.deploy("w", guests::echo()).await;
    let status = a.face.get("/v1/executions/x?wait=true").await.succeeded();
    assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!(1)), "{status}");
}

#[tokio::test]
async fn a_message_is_submitted_and_aborted_through_any_node() {
    let database: Arc<Database> = Arc::default();
    let [a, b, c] = Node::three(&database, &patient()).await;
    a.face.deploy("echo", guests::echo()).await;
    for (gid, verdict, contrary, end) in [("yes", "submit", "abort", "succeeded"), ("no", "abort", "submit", "failed")]
    {
        let path = format!("/v1/executions/{gid}?workflow=echo&prepare=http://127.0.0.1:1/query&check_after=1h");
        a.face.post(&path, "7").await.succeeded();
        let told = join_all([&b, &c, &b].map(|node| node.face.post_to(gid, verdict))).await;
        told.into_iter().for_each(|answer| _ = answer.succeeded());
        let status = c.face.get(&format!("/v1/executions/{gid}?wait=true")).await.succeeded();
        assert_eq!(status["phase"], end, "{status}");
        b.face.post_to(gid, contrary).await.is_problem(409, "decided", &[gid]);
        c.face.post_to(gid, verdict).await.succeeded();
    }
    until("the letters to be read", async || database.letters() == 0).await;
}

impl Face {
    async fn post_to(&self, gid: &str, verdict: &str) -> crate::face::Answer {
        self.call("POST", &format!("/v1/executions/{gid}/{verdict}"), &[], Body::empty()).await
    }
}

#[tokio::test]
async fn a_node_that_does_not_react_is_named() {
    let database = Arc::default();
    let config = CoordinatorConfig { answer_wait: Duration::from_millis(300), ..patient() };
    let [a, b, _] = Node::three(&database, &config).await;
    a.face.deploy("echo", guests::echo()).await;
    let path = "/v1/executions/x?workflow=echo&prepare=http://127.0.0.1:1/query&check_after=10h";
    a.face.post(path, "7").await.succeeded();
    // Its work stays its own: it is not dead yet.
    a.face.coordinator.shutdown().await;
    b.face.post_to("x", "submit").await.is_problem(503, "no-answer", &["`x`", "repeat"]);
    assert_eq!(database.letters(), 0, "nobody waits for it any more");
    a.bury();
    until("the execution to move", async || {
        b.face.get("/v1/executions/x").await.succeeded().get("elsewhere").is_none()
    })
    .await;
    b.face.post_to("x", "submit").await.succeeded();
    assert_eq!(b.face.get("/v1/executions/x?wait=true").await.succeeded()["phase"], "succeeded");
}

/// Answers query-backs: counts them, and keeps each until there is a permit.
struct Sender {
    url: String,
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl Sender {
    async fn start() -> Self {
        let (asked, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (count, permits) = (asked.clone(), answers.clone());
        let query = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            permits.acquire().await.expect("it stays open").forget();
            StatusCode::OK
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/query", get(query))).await });
        Self { url, asked, answers }
    }

    fn participants(&self) -> BTreeMap<String, Participant> {
        [("sender".to_owned(), Participant::at(self.url.clone()))].into()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn is_asked(&self, times: usize) {
        until(&format!("query-back {times}"), async || self.asked() >= times).await;
        assert_eq!(self.asked(), times);
    }
}

const PREPARED: &str = "/v1/executions/x?workflow=echo&prepare=sender/query&check_after=1ms";

#[tokio::test]
async fn without_the_lease_nothing_is_sent_and_what_is_under_way_is_given_up() {
    let (database, sender) = (Arc::default(), Sender::start().await);
    let node = Node::join(&database, patient(), sender.participants()).await;
    node.face.deploy("echo", guests::echo()).await;
    node.store.lease.end();
    node.face.post(PREPARED, "7").await.succeeded();
    let waits = |status: &Value| status["calls"][0]["waiting_for"] == "lease";
    node.face.until("x", waits).await;
    assert_eq!(sender.asked(), 0);

    node.store.renew();
    sender.is_asked(1).await;
    // In the midst of the attempt.
    node.store.lease.end();
    let status = node.face.until("x", waits).await;
    let (attempts, error) = (&status["calls"][0]["attempts"], &status["calls"][0]["last_error"]);
    assert_eq!(attempts, 1, "{status}");
    assert!(error.as_str().expect("an error").contains("lost its lease"), "{status}");
    assert_eq!(status["entries"], 1, "it is not recorded");

    node.store.renew();
    sender.is_asked(2).await;
    sender.answers.add_permits(2);
    let status = node.face.get("/v1/executions/x?wait=true").await.succeeded();
    assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!(7)), "{status}");
}

#[tokio::test]
async fn a_fenced_node_sends_nothing_and_others_go_on() {
    let (database, sender) = (Arc::default(), Sender::start().await);
    let config = CoordinatorConfig { adopt_per_s: 1_000, ..patient() };
    let zombie = Node::join(&database, config.clone(), sender.participants()).await;
    zombie.face.deploy("echo", guests::echo()).await;
    zombie.face.deploy("sleeping", guests::sleeping()).await;
    zombie.face.post(PREPARED, "7").await.succeeded();
    sender.is_asked(1).await;
    for i in 0..6 {
        zombie.face.post(&format!("/v1/executions/s{i}?workflow=sleeping"), "1").await.succeeded();
    }
    zombie.bury();
    // It learns so from its next write, and gives up what is under way.
    zombie.face.post("/v1/executions/late?workflow=echo", "1").await.is_problem(503, "store-unavailable", &["fenced"]);
    sender.answers.add_permits(1);

    let heir = Node::join(&database, config, sender.participants()).await;
    sender.is_asked(2).await;
    sender.answers.add_permits(1);
    for gid in ["x".to_owned()].into_iter().chain((0..6).map(|i| format!("s{i}"))) {
        let status = heir.face.get(&format!("/v1/executions/{gid}?wait=true")).await.succeeded();
        assert_eq!(status["phase"], "succeeded", "{status}");
    }
    assert_eq!(sender.asked(), 2);
    heir.face.get("/v1/executions/late").await.is_problem(404, "unknown-execution", &["late"]);
}

#[tokio::test]
async fn three_nodes_share_what_is_due() {
    let database = Arc::default();
    let nodes = Node::three(&database, &eager()).await;
    nodes[0].face.deploy("sleeping", guests::sleeping()).await;
    for i in 0..100 {
        nodes[0].face.post(&format!("/v1/executions/g{i}?workflow=sleeping"), "7").await.succeeded();
    }
    until("all of them to be finished", async || {
        let open = nodes[1].face.get("/v1/executions?activity=active").await.succeeded();
        let parked = nodes[1].face.get("/v1/executions?activity=parked").await.succeeded();
        [open, parked].iter().all(|page| page["executions"].as_array().is_some_and(Vec::is_empty))
    })
    .await;
    for i in 0..100 {
        let status = nodes[2].face.get(&format!("/v1/executions/g{i}")).await.succeeded();
        assert_eq!((&status["phase"], &status["entries"]), (&json!("succeeded"), &json!(6)), "{status}");
    }
}

#[tokio::test]
async fn what_one_node_is_told_the_others_follow() {
    let (database, sender) = (Arc::default(), Sender::start().await);
    let a = Node::join(&database, patient(), sender.participants()).await;
    let b = Node::join(&database, patient(), sender.participants()).await;
    let paused = async |node: &Node| node.face.get("/v1/participants/sender").await.succeeded()["paused"] == true;
    for (verb, want) in [("pause", true), ("resume", false)] {
        a.face.post(&format!("/v1/participants/sender/{verb}"), "").await.succeeded();
        until("the other node to follow", async || paused(&b).await == want).await;
        assert_eq!(paused(&a).await, want);
    }

    let first = a.face.deploy("w", guests::echo()).await;
    b.face.post("/v1/executions/first?workflow=w&wait=true", "1").await.succeeded();
    let second = a.face.deploy("w", guests::other_echo()).await;
    assert_ne!(first["digest"], second["digest"]);
    let count = AtomicUsize::new(0);
    until("the other node to run the new version", async || {
        let gid = count.fetch_add(1, Ordering::SeqCst);
        let path = format!("/v1/executions/n{gid}?workflow=w&wait=true");
        b.face.post(&path, "1").await.succeeded()["digest"] == second["digest"]
    })
    .await;
}

#[tokio::test]
async fn what_was_claimed_or_adopted_though_the_answer_is_lost_goes_on() {
    let database = Arc::default();
    let a = Node::join(&database, eager(), BTreeMap::new()).await;
    a.face.deploy("sleeping", guests::sleeping()).await;
    a.face.post("/v1/executions/x?workflow=sleeping", "7").await.succeeded();
    a.face.until("x", |status| status["activity"] == "parked").await;
    a.store.lose_answers(true);
    a.face.until("x", |status| status["activity"] == "active").await;
    a.store.lose_answers(false);
    assert_eq!(a.face.get("/v1/executions/x?wait=true").await.succeeded()["phase"], "succeeded");

    a.face.post("/v1/executions/y?workflow=sleeping", "7").await.succeeded();
    a.bury();
    let b = Node::join(&database, eager(), BTreeMap::new()).await;
    b.store.lose_answers(true);
    until("an adoption", async || b.face.get("/v1/executions/y").await.succeeded().get("elsewhere").is_none()).await;
    b.store.lose_answers(false);
    assert_eq!(b.face.get("/v1/executions/y?wait=true").await.succeeded()["phase"], "succeeded");
}

/// An execution of the echo that a newer runtime has begun: the second entry is one that only newer ones read.
fn of_newer(gid: &str, digest: Digest) -> Write {
    let (gid, workflow): (reprise_engine::Gid, reprise_engine::WorkflowName) =
        (gid.parse().expect("valid"), "echo".parse().expect("valid"));
    let at = Timestamp(1);
    let admitted = Entry::Admitted {
        gid: gid.clone(),
        workflow: workflow.clone(),
        digest,
        input: b"7".to_vec(),
        rules: Rules::default(),
    };
    let upgraded = Entry::Upgraded { digest };
    let entries: Vec<EntryRecord> =
        vec![admitted.to_record(Seq(0), at), of_a_newer_runtime(upgraded.to_record(Seq(1), at))];
    let execution = NewExecution { gid, workflow, input_hash: [0; 32], created_at: at };
    let progress = Progress {
        phase: Phase::Running,
        digest,
        activity: Activity::Active,
        wake_at: None,
        note: None,
        result: None,
        updated_at: at,
    };
    Write::Create { execution, entries, progress }
}

#[tokio::test]
async fn what_a_newer_node_wrote_is_left_to_it() {
    let database: Arc<Database> = Arc::default();
    let config = CoordinatorConfig { newer_wait: Duration::from_millis(500), ..patient() };
    let old = Node::join(&database, config, BTreeMap::new()).await;
    let deployed = old.face.deploy("echo", guests::echo()).await;
    let digest: Digest = deployed["digest"].as_str().and_then(|digest| digest.parse().ok()).expect("a digest");
    for i in 0..4 {
        database.create(of_newer(&format!("n{i}"), digest)).await;
    }
    for i in 0..4 {
        let status = old.face.until(&format!("n{i}"), |status| status["activity"] == "parked").await;
        assert_eq!((&status["note"]["kind"], &status["phase"]), (&json!("newer"), &json!("running")), "{status}");
        assert!(status["note"]["message"].as_str().expect("a message").contains("newer"), "{status}");
    }
    let newer = Node::join(&database, patient(), BTreeMap::new()).await;
    newer.store.update();
    for i in 0..4 {
        let status = newer.face.get(&format!("/v1/executions/n{i}?wait=20s")).await.succeeded();
        assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!(7)), "{status}");
    }
}
