//! Looking at executions: one, many, quarantined ones, and one with branches of a real guest.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use reprise_coordinator::CoordinatorConfig;
use reprise_outbound::Participant;
use reprise_store::MemoryStore;
use serde_json::{Value, json};

use crate::face::Face;
use crate::guests;

fn gids(page: &Value) -> Vec<&str> {
    page["executions"].as_array().expect("a list").iter().map(|e| e["gid"].as_str().expect("a gid")).collect()
}

#[tokio::test]
async fn lists_are_pages_newest_first() {
    let face = Face::with(&[("echo", guests::echo()), ("failing", guests::failing())]).await;
    for i in 0..5 {
        let workflow = if i % 2 == 0 { "echo" } else { "failing" };
        face.post(&format!("/v1/executions/g{i}?workflow={workflow}&wait=true"), "1").await.succeeded();
    }
    let page = face.get("/v1/executions?limit=2").await.succeeded();
    assert_eq!(gids(&page), ["g4", "g3"]);
    assert!(page["executions"][0].get("branches").is_none());
    let next = page["next"].as_str().expect("a token");
    let page = face.get(&format!("/v1/executions?limit=3&after={next}")).await.succeeded();
    assert_eq!((gids(&page), &page["next"]), (vec!["g2", "g1", "g0"], &Value::Null));
    for (query, want) in [
        ("workflow=failing", &["g3", "g1"][..]),
        ("phase=succeeded", &["g4", "g2", "g0"]),
        ("phase=failed&workflow=echo", &[]),
        ("activity=finished&limit=1", &["g4"]),
        ("activity=active", &[]),
        ("phase=&workflow=echo", &["g4", "g2", "g0"]),
    ] {
        assert_eq!(gids(&face.get(&format!("/v1/executions?{query}")).await.succeeded()), want, "{query}");
    }
}

#[tokio::test]
async fn a_status_waits_for_the_end() {
    let face = Face::with(&[("sleeping", guests::sleeping())]).await;
    face.post("/v1/executions/a?workflow=sleeping", "[7]").await.succeeded();
    face.get("/v1/executions/a/output").await.is_problem(409, "no-output", &["`a`", "running", "wait"]);
    let status = face.get("/v1/executions/a?wait=15s").await.succeeded();
    assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!([7])));
    assert!(status["closed_at"].as_str().expect("a time").ends_with('Z'), "{status}");
    assert_eq!(face.get("/v1/executions/a/output").await.body, b"[7]");
}

#[tokio::test]
async fn a_quarantined_execution_says_why_and_goes_on_with_a_fixed_component() {
    let face = Face::with(&[("w", guests::trapping())]).await;
    face.post("/v1/executions/a?workflow=w", "1").await.succeeded();
    let status = face.until("a", |status| status["activity"] == "quarantined").await;
    assert_eq!((&status["phase"], &status["note"]["kind"]), (&json!("running"), &json!("quarantined")));
    assert_eq!(status["note"]["reason"], "trap");
    let message = status["note"]["message"].as_str().expect("a message");
    assert!(message.contains("unreachable"), "{message}");
    let listed = face.get("/v1/executions?activity=quarantined").await.succeeded();
    assert_eq!(gids(&listed), ["a"]);
    face.deploy("w", guests::echo()).await;
    let status = face.get("/v1/executions/a?wait=15s").await.succeeded();
    assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!(1)));
}

/// Answers as the bank does; `transfer-in` refuses amounts over 100.
async fn bank() -> String {
    let give = async |Json(order): Json<Value>| {
        let fits = order["amount"].as_i64().is_some_and(|amount| amount <= 100);
        let status = if fits { axum::http::StatusCode::OK } else { axum::http::StatusCode::CONFLICT };
        (status, Json(json!({ "account": order["account"], "balance": 30 })))
    };
    let done = async || Json(json!({ "account": "a", "balance": 70 }));
    let router = Router::new()
        .route("/transfer-out", post(done))
        .route("/transfer-out/revert", post(done))
        .route("/transfer-in", post(give))
        .route("/transfer-in/revert", post(done));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn ops(status: &Value) -> Vec<String> {
    let branches = status["branches"].as_array().expect("branches");
    let ops = branches.iter().flat_map(|branch| {
        let ops = branch["ops"].as_array().expect("ops");
        ops.iter().map(|op| {
            let part = |name: &str| op[name].as_str().unwrap_or("?").to_owned();
            format!("{} {} {} {}", branch["id"].as_str().unwrap_or("?"), part("op"), part("call"), part("state"))
        })
    });
    ops.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_are_shown() {
    let guest = tokio::task::spawn_blocking(|| reprise_tests::guest("transfer-saga")).await.expect("no panic");
    let component = std::fs::read(guest.expect("the guest builds")).expect("cargo wrote it");
    let participants = BTreeMap::from([("bank".to_owned(), Participant::at(bank().await))]);
    let face = Face::on(Arc::new(MemoryStore::new()), CoordinatorConfig::default(), participants).await;
    face.deploy("transfer", component).await;

    let order = json!({ "from": "a", "to": "b", "amount": 30 }).to_string();
    let status = face.post("/v1/executions/ok?workflow=transfer&wait=true", &order).await.succeeded();
    assert_eq!(status["output"], json!({ "from_balance": 70, "to_balance": 30 }));
    let status = face.get("/v1/executions/ok").await.succeeded();
    assert_eq!(
        ops(&status),
        [
            "01 rollback POST bank/transfer-out/revert not-needed",
            "01 action POST bank/transfer-out success",
            "02 rollback POST bank/transfer-in/revert not-needed",
            "02 action POST bank/transfer-in success",
        ]
    );
    assert_eq!(status["branches"][0]["ops"][1]["attempts"], 1);

    let order = json!({ "from": "a", "to": "b", "amount": 3000 }).to_string();
    let status = face.post("/v1/executions/no?workflow=transfer&wait=true", &order).await.succeeded();
    assert_eq!(status["phase"], "failed");
    let status = face.get("/v1/executions/no").await.succeeded();
    assert_eq!(
        ops(&status)[..2],
        ["01 rollback POST bank/transfer-out/revert success", "01 action POST bank/transfer-out success"]
    );
    assert_eq!(ops(&status)[3], "02 action POST bank/transfer-in failure");
    assert!(status["branches"][1]["ops"][1]["error"].as_str().expect("an error").starts_with("409"), "{status}");

    let journal = face.get("/v1/executions/ok/journal").await.succeeded();
    let intended = &journal["entries"][1]["entry"];
    assert_eq!(intended["operation"]["body"], json!({ "account": "a", "amount": 30 }), "{journal}");
    assert_eq!(intended["registered"][0]["op"], "rollback");
}
