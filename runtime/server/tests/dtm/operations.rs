//! Gids, versions, what operators do, and requests that are wrong.

use std::collections::HashSet;

use reprise::config::{Config, Limits, StoreKind};
use reprise::serve::Server;
use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{self, Grpc, Http};
use crate::client::Told;
use crate::participant::Reply;
use crate::stage::{INPUT_BYTES_MAX, Stage};

#[tokio::test]
async fn gids_are_new_each_time() {
    let stage = Stage::open(Http).await;
    let mut gids = HashSet::new();
    for _ in 0..50 {
        let (status, answer) = stage.client.get("/newGid").await;
        assert_eq!((status, &answer["dtm_result"]), (200, &json!("SUCCESS")));
        gids.insert(answer["gid"].as_str().expect("a gid").to_owned());
        gids.insert(stage.client.grpc.clone().new_gid(()).await.expect("a gid").into_inner().gid);
    }
    assert_eq!(gids.len(), 100);
    // They are part of the names of XA transactions, of which MySQL takes 64 bytes.
    assert!(gids.iter().all(|gid| gid.len() == 32 && gid.bytes().all(|byte| byte.is_ascii_alphanumeric())));
}

#[rstest]
#[case("GET", "/api/dtmsvr/version", 200, concat!(r#"{"version":"reprise v"#, env!("CARGO_PKG_VERSION"), r#""}"#))]
#[case("GET", "/api/ping", 200, r#"{"msg":"pong"}"#)]
#[case("POST", "/api/ping", 200, r#"{"msg":"pong"}"#)]
#[case("GET", "/api/dtmsvr/query?gid=none", 200, r#"{"transaction":null,"branches":[]}"#)]
#[case("GET", "/api/dtmsvr/query?gid=no%20name", 200, r#"{"transaction":null,"branches":[]}"#)]
#[case("GET", "/api/dtmsvr/query", 400, r#"{"message":"no gid specified"}"#)]
#[case("GET", "/api/dtmsvr/all", 200, r#"{"transactions":null,"next_position":""}"#)]
#[case("GET", "/api/dtmsvr/all?limit=abc", 400, r#"{"message":"convert to int error: abc"}"#)]
#[case("GET", "/api/dtmsvr/nothing", 404, "404 page not found")]
#[case("GET", "/api/dtmsvr/submit", 404, "404 page not found")]
#[case("GET", "/", 404, "404 page not found")]
#[tokio::test]
async fn plain_requests_are_answered_as_dtm_does(
    #[case] method: &str,
    #[case] path: &str,
    #[case] status: u16,
    #[case] text: &str,
) {
    let stage = Stage::open(Http).await;
    assert_eq!(stage.client.request(method, path, String::new()).await, (status, text.to_owned()));
}

#[rstest]
#[case::no_json("{", "not what DTM's clients send")]
#[case::another_type(r#"{"gid": 7}"#, "expected a string")]
#[case::no_gid(r#"{"trans_type": "saga"}"#, "gid")]
#[case::a_gid_with_a_space(r#"{"gid": "a b", "trans_type": "saga"}"#, "a b")]
#[case::no_kind(r#"{"gid": "g", "trans_type": "sage"}"#, "sage")]
#[case::no_url(r#"{"gid": "g", "trans_type": "saga", "steps": [{"action": "nowhere"}]}"#, "nowhere")]
#[case::another_protocol(r#"{"gid": "g", "trans_type": "saga", "protocol": "soap"}"#, "soap")]
#[tokio::test]
async fn a_wrong_request_says_what_is_wrong(#[case] body: &str, #[case] says: &str) {
    let stage = Stage::open(Http).await;
    let (status, text) = stage.client.request("POST", "/api/dtmsvr/submit", body.to_owned()).await;
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert!(status == 400 && answer["message"].as_str().expect("a message").contains(says), "{status} {text}");
    assert!(answer.get("dtm_result").is_none(), "it is no failure of the business");
    assert_eq!(stage.query("g").await["transaction"], Value::Null);
}

#[rstest]
#[tokio::test]
async fn a_request_that_is_too_large_is_refused(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let mut saga = stage.saga("s", &[("Out", "")]);
    saga["payloads"] = json!(["x".repeat(INPUT_BYTES_MAX)]);
    let told = stage.client.submit(&saga).await;
    let code = if protocol == Http { 413 } else { i64::from(i32::from(tonic::Code::OutOfRange)) };
    assert!(matches!(&told, Told::Other(found, _) if *found == code), "{told:?}");
    assert_eq!(stage.query("s").await["transaction"], Value::Null);
}

#[rstest]
#[case::saga("saga")]
#[case::msg("msg")]
#[case::tcc("tcc")]
#[case::xa("xa")]
#[case::workflow("workflow")]
#[tokio::test]
async fn an_operator_ends_what_goes_on(#[case] kind: &str) {
    let stage = Stage::open(Http).await;
    for name in ["Out", "Resume"] {
        stage.participant.always(name, Reply::Broken);
    }
    match kind {
        "saga" => stage.client.submit(&stage.saga("g", &[("Out", "OutRevert")])).await.succeeded(),
        "msg" => stage.client.submit(&stage.message("g", &["Out"])).await.succeeded(),
        "workflow" => {
            let workflow = json!({ "gid": "g", "trans_type": kind, "query_prepared": stage.url("Resume"),
                "custom_data": "{\"name\": \"w\"}", "retry_interval": 1 });
            stage.client.prepare_workflow(&workflow).await.expect("it begins");
        }
        kind => {
            stage.client.prepare(&Stage::steered("g", kind)).await.succeeded();
            let mut branch = stage.tcc_branch("g", "01", "Out");
            branch["trans_type"] = kind.into();
            branch["url"] = stage.url("Out").into();
            stage.client.register(&branch).await.succeeded();
        }
    }
    let stop = json!({ "gid": "g" });
    for _ in 0..2 {
        let (status, text) = stage.client.post("/api/dtmsvr/forceStop", &stop).await;
        assert_eq!((status, text.as_str()), (200, r#"{"dtm_result":"SUCCESS"}"#));
    }
    let shown = stage.becomes("g", "failed").await;
    assert!(shown["transaction"]["rollback_reason"].as_str().expect("a reason").contains("operator"), "{shown}");
    let before = stage.participant.log("g");
    assert!(before.iter().all(|call| !call.contains("Revert") && !call.contains("Cancel")), "{before:?}");
}

#[tokio::test]
async fn what_has_ended_can_not_be_stopped() {
    let stage = Stage::open(Http).await;
    stage.client.submit(&stage.saga("s", &[("Out", "")])).await.succeeded();
    stage.becomes("s", "succeed").await;
    let (status, text) = stage.client.post("/api/dtmsvr/forceStop", &json!({ "gid": "s" })).await;
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &answer["dtm_result"]), (409, &json!("FAILURE")));
    assert_eq!(answer["message"], "global transaction force stop error. status: succeed. error: FAILURE");
}

#[rstest]
#[case("/api/dtmsvr/forceStop")]
#[case("/api/dtmsvr/resetNextCronTime")]
#[tokio::test]
async fn an_unknown_transaction_is_told(#[case] path: &str) {
    let stage = Stage::open(Http).await;
    let (status, text) = stage.client.post(path, &json!({ "gid": "none" })).await;
    assert_eq!((status, text.as_str()), (404, r#"{"message":"no TransGlobal with gid: none found"}"#));
}

#[rstest]
#[case::one_by_name(false)]
#[case::all_at_once(true)]
#[tokio::test]
async fn what_waits_for_its_next_attempt_goes_on_at_once(#[case] all: bool) {
    let stage = Stage::open(Http).await;
    stage.participant.answers("Out", [Reply::Broken]);
    let mut saga = stage.saga("s", &[("Out", "")]);
    saga["retry_interval"] = 600.into();
    stage.client.submit(&saga).await.succeeded();
    // Whoever waits shows until when, as soon as the first answer is here.
    while stage.query("s").await["transaction"].get("next_cron_time").is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    if all {
        assert_eq!(
            stage.client.get("/resetCronTime?timeout=6000").await.1,
            json!({ "has_remaining": false, "succeed_count": 0 })
        );
        assert_eq!(
            stage.client.get("/resetCronTime?timeout=10&limit=0").await.1,
            json!({ "has_remaining": true, "succeed_count": 0 })
        );
        let (status, answer) = stage.client.get("/resetCronTime?timeout=10&limit=9").await;
        assert_eq!((status, answer), (200, json!({ "has_remaining": false, "succeed_count": 1 })));
    } else {
        let (status, text) = stage.client.post("/api/dtmsvr/resetNextCronTime", &json!({ "gid": "s" })).await;
        assert_eq!((status, text.as_str()), (200, r#"{"dtm_result":"SUCCESS"}"#));
    }
    stage.ends("s", "succeed", &["01 action Out", "01 action Out"]).await;
}

#[tokio::test]
async fn a_workflow_is_called_at_once_when_it_is_told_to() {
    let stage = Stage::open(Http).await;
    let workflow = json!({ "gid": "w", "trans_type": "workflow", "query_prepared": stage.url("Resume"),
        "custom_data": "{\"name\": \"w\"}", "retry_interval": 600 });
    stage.client.prepare_workflow(&workflow).await.expect("it begins");
    assert_eq!(stage.client.post("/api/dtmsvr/resetNextCronTime", &json!({ "gid": "w" })).await.0, 200);
    stage.participant.asked("w", "Resume", 1).await;
}

#[tokio::test]
async fn the_face_is_off_unless_it_is_asked_for() {
    let (listen, store) = ("127.0.0.1:0".into(), StoreKind::Memory);
    let limits = Limits { instances: 8, memory_bytes: 64 << 20, ..Limits::default() };
    let server = Server::start(&Config { listen, store, limits, ..Config::default() }).await.expect("it starts");
    assert!(server.dtm_addresses().is_none());
}
