//! Sagas: order, outcomes, options.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{self, Grpc, Http, JsonRpc};
use crate::participant::Reply;
use crate::stage::Stage;

const TRANSFER: [(&str, &str); 2] = [("Out", "OutRevert"), ("In", "InRevert")];

#[rstest]
#[tokio::test]
async fn actions_are_called_in_order(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.client.submit(&stage.saga("s", &TRANSFER)).await.succeeded();
    let shown = stage.ends("s", "succeed", &["01 action Out", "02 action In"]).await;
    let want = ["01 compensate prepared", "01 action succeed", "02 compensate prepared", "02 action succeed"];
    assert_eq!(Stage::branches(&shown), want);
    assert!(shown["transaction"]["finish_time"].is_string() && shown["transaction"]["trans_type"] == "saga", "{shown}");
    let calls = stage.participant.calls("s");
    assert!(calls.iter().all(|call| call.trans_type == "saga" && call.method == "POST"));
    for (step, call) in (1..).zip(&calls) {
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        assert_eq!(body["step"], step, "the payload of its step");
    }
}

#[rstest]
#[tokio::test]
async fn what_refuses_is_compensated_too(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("In", [Reply::Failure]);
    // As with DTM, what a compensation refuses is tried again.
    stage.participant.answers("OutRevert", [Reply::Failure]);
    let steps = [TRANSFER[0], TRANSFER[1], ("Never", "NeverRevert")];
    stage.client.submit(&stage.saga("s", &steps)).await.succeeded();
    let want = ["01 action Out", "02 action In", "02 compensate InRevert", "01 compensate OutRevert"];
    let shown = stage.ends("s", "failed", &[&want[..], &["01 compensate OutRevert"]].concat()).await;
    let want = [
        "01 compensate succeed",
        "01 action succeed",
        "02 compensate succeed",
        "02 action failed",
        "03 compensate prepared",
        "03 action prepared",
    ];
    assert_eq!(Stage::branches(&shown), want);
    let reason = shown["transaction"]["rollback_reason"].as_str().expect("a reason");
    let url = stage.url("In");
    assert!(reason.contains(&url) && reason.contains("poor") && reason.ends_with("FAILURE"), "{reason}");
    assert!(shown["transaction"]["rollback_time"].is_string(), "{shown}");
}

#[rstest]
#[case::ongoing(Reply::Ongoing)]
#[case::unknown(Reply::Broken)]
#[tokio::test]
async fn what_is_not_known_is_asked_for_again(#[case] reply: Reply, #[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("Out", [reply.clone(), reply]);
    stage.client.submit(&stage.saga("s", &[("Out", "OutRevert")])).await.succeeded();
    stage.ends("s", "succeed", &["01 action Out"; 3]).await;
}

#[rstest]
#[tokio::test]
async fn concurrent_steps_keep_their_orders(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let steps = [("A", "ARevert"), ("B", "BRevert"), ("C", "CRevert")];
    let mut saga = stage.saga("s", &steps);
    saga["custom_data"] = r#"{"orders": {"2": [0, 1]}, "concurrent": true}"#.into();
    // Both are under way at once: each waits for the other.
    stage.participant.answers("A", [Reply::Late(Duration::from_millis(300))]);
    stage.participant.answers("C", [Reply::Failure]);
    stage.client.submit(&saga).await.succeeded();
    stage.becomes("s", "failed").await;
    let log = stage.participant.log("s");
    let mut first = log[..2].to_vec();
    first.sort();
    assert_eq!(first, ["01 action A", "02 action B"]);
    assert_eq!(log[2..4], ["03 action C", "03 compensate CRevert"]);
    let mut rest = log[4..].to_vec();
    rest.sort();
    assert_eq!(rest, ["01 compensate ARevert", "02 compensate BRevert"]);
    let [a, b] = [&stage.participant.calls("s")[0], &stage.participant.calls("s")[1]];
    assert!(b.at - a.at < Duration::from_millis(250), "they are called at once");
}

#[rstest]
#[case::circle(json!({ "0": [1], "1": [0] }), "circle")]
#[case::no_step(json!({ "7": [0] }), "no step")]
#[tokio::test]
async fn orders_that_can_not_be_kept_are_refused(#[case] orders: Value, #[case] says: &str) {
    let stage = Stage::open(Http).await;
    let mut saga = stage.saga("s", &TRANSFER);
    saga["custom_data"] = json!({ "orders": orders, "concurrent": true }).to_string().into();
    let (status, text) = stage.client.post("/api/dtmsvr/submit", &saga).await;
    assert!(status == 400 && text.contains(says), "{status}: {text}");
    assert_eq!(stage.query("s").await["transaction"], Value::Null);
}

#[rstest]
#[tokio::test]
async fn a_saga_that_takes_too_long_is_rolled_back(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.always("In", Reply::Broken);
    let mut saga = stage.saga("s", &TRANSFER);
    saga["timeout_to_fail"] = 1.into();
    stage.client.submit(&saga).await.succeeded();
    let shown = stage.becomes("s", "failed").await;
    // Nobody knows whether the action did anything, so it is compensated.
    let log = stage.participant.log("s");
    assert_eq!(log[log.len() - 2..], ["02 compensate InRevert", "01 compensate OutRevert"]);
    assert_eq!(Stage::branches(&shown)[2..], ["02 compensate succeed", "02 action prepared"]);
}

#[rstest]
#[tokio::test]
async fn the_timeout_of_a_request_is_the_clients(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("Out", [Reply::Late(Duration::from_secs(20))]);
    let mut saga = stage.saga("s", &[("Out", "")]);
    saga["request_timeout"] = 1.into();
    stage.client.submit(&saga).await.succeeded();
    let calls = stage.participant.asked("s", "Out", 2).await;
    let between = calls[1].at - calls[0].at;
    assert!(between >= Duration::from_secs(1) && between < Duration::from_secs(10), "{between:?}");
    stage.becomes("s", "succeed").await;
}

#[rstest]
#[case::unknown(Reply::Broken)]
#[case::ongoing(Reply::Ongoing)]
#[tokio::test]
async fn the_pause_between_attempts_is_the_clients(
    #[case] reply: Reply,
    #[values(Http, Grpc, JsonRpc)] protocol: Protocol,
) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("Out", [reply]);
    let mut saga = stage.saga("s", &[("Out", "")]);
    saga["retry_interval"] = 3.into();
    stage.client.submit(&saga).await.succeeded();
    let calls = stage.participant.asked("s", "Out", 2).await;
    let between = calls[1].at - calls[0].at;
    assert!(between >= Duration::from_millis(1_500) && between < Duration::from_secs(6), "{between:?}");
}

#[rstest]
#[tokio::test]
async fn the_retry_limit_rolls_back(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.always("Out", Reply::Broken);
    let mut saga = stage.saga("s", &[("Out", "OutRevert")]);
    saga["retry_limit"] = 1.into();
    stage.client.submit(&saga).await.succeeded();
    let shown = stage.ends("s", "failed", &["01 action Out", "01 action Out", "01 compensate OutRevert"]).await;
    let reason = shown["transaction"]["rollback_reason"].as_str().expect("a reason");
    assert!(reason.starts_with("RetryCount is greater than RetryLimit, RetryLimit: 1"), "{reason}");
}

#[rstest]
#[tokio::test]
async fn headers_go_with_every_branch(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("Out", [Reply::Failure]);
    let mut saga = stage.saga("s", &[("Out", "OutRevert")]);
    saga["branch_headers"] = json!({ "x-tenant": "blue" });
    stage.client.submit(&saga).await.succeeded();
    stage.ends("s", "failed", &["01 action Out", "01 compensate OutRevert"]).await;
    assert!(stage.participant.calls("s").iter().all(|call| call.headers["x-tenant"] == "blue"));
}

#[rstest]
#[tokio::test]
async fn an_empty_url_is_a_success_without_a_call(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("In", [Reply::Failure]);
    stage.client.submit(&stage.saga("s", &[("Out", ""), ("", "NothingRevert"), ("In", "InRevert")])).await.succeeded();
    stage.becomes("s", "failed").await;
    let log = stage.participant.log("s");
    let want = ["01 action Out", "03 action In", "03 compensate InRevert", "02 compensate NothingRevert"];
    assert_eq!(log, want);
}

#[tokio::test]
async fn old_clients_have_the_body_in_the_step() {
    let stage = Stage::open(Http).await;
    let mut saga = stage.saga("s", &[("Out", "OutRevert")]);
    saga["steps"][0]["data"] = r#"{"old": true}"#.into();
    saga.as_object_mut().expect("an object").remove("payloads");
    stage.client.submit(&saga).await.succeeded();
    stage.becomes("s", "succeed").await;
    assert_eq!(stage.participant.calls("s")[0].body, br#"{"old": true}"#);
}

#[tokio::test]
async fn what_a_client_says_nothing_about_may_be_null() {
    let stage = Stage::open(Http).await;
    let mut saga = stage.saga("s", &[("Out", "OutRevert")]);
    for name in ["custom_data", "query_prepared", "protocol", "branch_headers", "retry_limit", "wait_result"] {
        saga[name] = Value::Null;
    }
    saga["passthrough_headers"] = json!([]);
    stage.client.submit(&saga).await.succeeded();
    stage.becomes("s", "succeed").await;
}

#[tokio::test]
async fn one_transaction_may_call_over_grpc_and_http() {
    let stage = Stage::open(Grpc).await;
    let mut saga = stage.saga("s", &TRANSFER);
    saga["steps"][1]["action"] = stage.participant.url(Http, "In").into();
    stage.client.submit(&saga).await.succeeded();
    stage.ends("s", "succeed", &["01 action Out", "02 action In"]).await;
    let calls = stage.participant.calls("s");
    assert!(calls[0].headers.contains_key("grpc-accept-encoding") || calls[0].headers.contains_key("te"));
    assert_eq!(calls[1].headers["content-type"], "application/json");
}
