//! Triggering: with and without waiting, again, by many at once, with every kind of input.

use futures::future::join_all;
use serde_json::json;

use crate::face::Face;
use crate::guests;

#[tokio::test]
async fn waiting_gives_the_outcome() {
    let face = Face::with(&[("echo", guests::echo()), ("failing", guests::failing())]).await;
    let answer = face.post("/v1/executions/a?workflow=echo&wait=10s", r#"{"n": 12345678901234567890.10}"#).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("location"), "/v1/executions/a");
    assert!(answer.text().contains(r#""output":{"n": 12345678901234567890.10}"#), "{}", answer.text());
    let status = answer.json();
    assert_eq!((&status["phase"], &status["activity"]), (&json!("succeeded"), &json!("finished")));

    let answer = face.post("/v1/executions/b?workflow=failing&wait=10s", "\"no money\"").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["phase"]), (200, &json!("failed")));
    assert_eq!(answer.json()["failure"], json!({ "message": "\"no money\"", "details": "no money" }));
}

#[tokio::test]
async fn not_waiting_is_answered_when_it_is_durable() {
    let face = Face::with(&[("long", guests::sleeping_long())]).await;
    let answer = face.post("/v1/executions/a?workflow=long", "1").await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("location"), "/v1/executions/a");
    assert_eq!(answer.json(), json!({ "gid": "a", "workflow": "long", "phase": "running" }));
    assert_eq!(face.get("/v1/executions/a").await.succeeded()["phase"], "running");
    let answer = face.post("/v1/executions/b?workflow=long&wait=1ms", "1").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["phase"]), (202, &json!("running")));
}

#[tokio::test]
async fn the_same_again_is_the_same_execution() {
    let face = Face::with(&[("echo", guests::echo())]).await;
    let first = face.post("/v1/executions/a?workflow=echo&wait=true", "7").await;
    assert_eq!(first.header("reprise-known"), "");
    for path in ["/v1/executions/a?workflow=echo&wait=true", "/v1/executions/a?workflow=echo"] {
        let again = face.post(path, "7").await;
        assert_eq!((again.status.as_u16(), again.header("reprise-known")), (200, "true"), "{path}");
        assert_eq!(again.json()["output"], 7);
        assert_eq!(again.json()["created_at"], first.json()["created_at"]);
    }
}

#[tokio::test]
async fn a_race_admits_one() {
    let face = Face::with(&[("echo", guests::echo())]).await;
    let path = "/v1/executions/race?workflow=echo&wait=true";
    let answers = join_all((0..100).map(|_| face.post(path, "7"))).await;
    let known = answers.iter().filter(|answer| answer.header("reprise-known") == "true").count();
    assert_eq!(known, 99);
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.json()["output"]), (200, &json!(7)));
    }
    let all = face.get("/v1/executions").await.succeeded();
    assert_eq!(all["executions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_runtime_chooses_a_gid() {
    let face = Face::with(&[("echo", guests::echo())]).await;
    let answer = face.post("/v1/executions?workflow=echo&wait=true", "1").await;
    assert_eq!(answer.status, 200);
    let gid = answer.json()["gid"].as_str().expect("a gid").to_owned();
    assert_eq!(answer.header("location"), format!("/v1/executions/{gid}"));
    assert_eq!(face.get(&format!("/v1/executions/{gid}")).await.succeeded()["phase"], "succeeded");
}

#[tokio::test]
async fn raw_bytes_come_back_as_they_are() {
    let face = Face::with(&[("echo", guests::echo())]).await;
    let raw = ["content-type: application/octet-stream"];
    for (gid, headers, input, member, content_type) in [
        ("bytes", &raw[..], &b"\xff\x00"[..], json!({ "output_base64": "/wA=" }), "application/octet-stream"),
        ("text", &raw, b"hello", json!({ "output_base64": "aGVsbG8=" }), "text/plain; charset=utf-8"),
        ("json", &raw, b"[1]", json!({ "output": [1] }), "application/json"),
        (
            "form",
            &["content-type: application/x-www-form-urlencoded"],
            b"[2]",
            json!({ "output": [2] }),
            "application/json",
        ),
        ("empty", &[], b"", json!({ "output_base64": "" }), "text/plain; charset=utf-8"),
    ] {
        let path = format!("/v1/executions/{gid}?workflow=echo&wait=true");
        let status = face.call("POST", &path, headers, input.to_vec()).await.succeeded();
        for (name, want) in member.as_object().expect("an object") {
            assert_eq!(status[name], *want, "{gid}: {status}");
        }
        let output = face.get(&format!("/v1/executions/{gid}/output")).await;
        assert_eq!((output.body.as_slice(), output.header("content-type")), (input, content_type), "{gid}");
    }
}

#[tokio::test]
async fn too_many_are_told_to_come_back() {
    let config = reprise_coordinator::CoordinatorConfig { active_max: 1, ..Default::default() };
    let face = Face::on(std::sync::Arc::new(reprise_store::MemoryStore::new()), config, Default::default()).await;
    face.deploy("sleeping", guests::sleeping()).await;
    face.post("/v1/executions/a?workflow=sleeping", "1").await.succeeded();
    let answer = face.post("/v1/executions/b?workflow=sleeping", "1").await;
    answer.is_problem(503, "busy", &["limits.active", "try again"]);
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_stopping_node_says_so() {
    let face = Face::with(&[("echo", guests::echo())]).await;
    face.coordinator.shutdown().await;
    let answer = face.post("/v1/executions/a?workflow=echo", "1").await;
    answer.is_problem(503, "shutting-down", &["shutting down", "try again"]);
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn a_trap_rolls_back_where_the_trigger_says_so() {
    let face = Face::with(&[("trapping", guests::trapping())]).await;
    let answer = face.post("/v1/executions/a?workflow=trapping&wait=true&on_trap=rollback", "1").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["phase"]), (200, &json!("failed")));
}
