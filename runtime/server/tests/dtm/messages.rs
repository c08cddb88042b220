//! Two-phase messages: prepared, submitted, asked about.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{self, Grpc, Http, JsonRpc};
use crate::client::Told;
use crate::participant::Reply;
use crate::stage::Stage;

#[rstest]
#[tokio::test]
async fn a_prepared_message_waits_for_its_sender(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let message = stage.message("m", &["In", "Notify"]);
    for _ in 0..2 {
        stage.client.prepare(&message).await.succeeded();
    }
    let shown = stage.query("m").await;
    assert_eq!(shown["transaction"]["status"], "prepared");
    assert_eq!(shown["transaction"]["query_prepared"], stage.url("QueryPrepared"));
    assert_eq!(Stage::branches(&shown), ["01 action prepared", "02 action prepared"]);
    assert!(stage.participant.log("m").is_empty());
    for _ in 0..2 {
        stage.client.submit(&message).await.succeeded();
    }
    let shown = stage.ends("m", "succeed", &["01 action In", "02 action Notify"]).await;
    assert_eq!(Stage::branches(&shown), ["01 action succeed", "02 action succeed"]);
    stage.client.submit(&message).await.succeeded();
    let text = stage.client.prepare(&message).await.failure();
    assert!(text.starts_with("current status 'succeed', cannot prepare."), "{text}");
    let text = stage.client.abort(&message).await.failure();
    assert_eq!(text, "trans type: 'msg' current status 'succeed', cannot abort. FAILURE");
    assert_eq!(stage.participant.log("m").len(), 2, "each branch is called once");
}

#[rstest]
#[tokio::test]
async fn a_message_need_not_be_prepared(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    // There is no way back: what a branch refuses is tried again.
    stage.participant.answers("In", [Reply::Failure, Reply::Broken, Reply::Ongoing]);
    stage.client.submit(&stage.message("m", &["In"])).await.succeeded();
    stage.ends("m", "succeed", &["01 action In"; 4]).await;
}

#[rstest]
#[tokio::test]
async fn an_aborted_message_is_never_sent(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let message = stage.message("m", &["In"]);
    stage.client.prepare(&message).await.succeeded();
    for _ in 0..2 {
        stage.client.abort(&message).await.succeeded();
    }
    stage.ends("m", "failed", &[]).await;
    assert_eq!(stage.client.submit(&message).await.failure(), "current status 'failed', cannot sumbmit. FAILURE");
    assert!(stage.client.prepare(&message).await.failure().contains("'failed'"));
}

#[rstest]
#[case::committed(&[Reply::Success], "succeed", &["00 msg QueryPrepared", "01 action In"])]
#[case::missing(&[Reply::Failure], "failed", &["00 msg QueryPrepared"])]
#[case::not_yet_known(&[Reply::Ongoing, Reply::Success], "succeed", &["00 msg QueryPrepared", "00 msg QueryPrepared", "01 action In"])]
#[case::sender_is_down(&[Reply::Broken, Reply::Failure], "failed", &["00 msg QueryPrepared", "00 msg QueryPrepared"])]
#[tokio::test]
async fn a_lost_sender_is_asked(
    #[case] replies: &[Reply],
    #[case] status: &str,
    #[case] calls: &[&str],
    #[values(Http, Grpc, JsonRpc)] protocol: Protocol,
) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("QueryPrepared", replies.to_vec());
    let mut message = stage.message("m", &["In"]);
    message["timeout_to_fail"] = 1.into();
    stage.client.prepare(&message).await.succeeded();
    stage.ends("m", status, calls).await;
}

#[rstest]
#[tokio::test]
async fn the_sender_is_asked_as_branches_are_called(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("QueryPrepared", [Reply::Late(Duration::from_secs(20))]);
    let mut message = stage.message("m", &["In"]);
    message["timeout_to_fail"] = 1.into();
    message["request_timeout"] = 1.into();
    message["branch_headers"] = json!({ "x-tenant": "blue" });
    stage.client.prepare(&message).await.succeeded();
    let calls = stage.participant.asked("m", "QueryPrepared", 2).await;
    assert!(calls.iter().all(|call| call.headers["x-tenant"] == "blue" && call.trans_type == "msg"));
    stage.becomes("m", "succeed").await;
}

#[tokio::test]
async fn a_query_back_is_a_get() {
    let stage = Stage::open(Http).await;
    let mut message = stage.message("m", &["In"]);
    message["timeout_to_fail"] = 1.into();
    stage.client.prepare(&message).await.succeeded();
    stage.becomes("m", "succeed").await;
    let calls = stage.participant.calls("m");
    assert_eq!((calls[0].method.as_str(), calls[0].trans_type.as_str()), ("GET", "msg"));
    assert_eq!(calls[1].method.as_str(), "POST");
}

#[rstest]
#[tokio::test]
async fn a_message_may_be_delayed(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let mut message = stage.message("m", &["In"]);
    message["custom_data"] = r#"{"delay": 2}"#.into();
    let begun = std::time::Instant::now();
    stage.client.submit(&message).await.succeeded();
    let calls = stage.participant.asked("m", "In", 1).await;
    assert!(calls[0].at - begun >= Duration::from_secs(2));
    let shown = stage.becomes("m", "succeed").await;
    assert_eq!(shown["transaction"]["custom_data"], r#"{"delay":2}"#);
}

#[tokio::test]
async fn branches_of_a_message_may_be_called_at_once() {
    let stage = Stage::open(Http).await;
    let late = Duration::from_millis(400);
    stage.participant.answers("In", [Reply::Late(late)]);
    let mut message = stage.message("m", &["In", "Notify"]);
    message["concurrent"] = true.into();
    stage.client.submit(&message).await.succeeded();
    let shown = stage.becomes("m", "succeed").await;
    let calls = stage.participant.calls("m");
    assert!(calls.len() == 2 && calls[1].at - calls[0].at < late, "{:?}", stage.participant.log("m"));
    assert_eq!(shown["transaction"]["concurrent"], true);
}

#[rstest]
#[tokio::test]
async fn who_can_not_be_asked_can_not_prepare(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let mut message = stage.message("m", &["In"]);
    message["query_prepared"] = "".into();
    let told = stage.client.prepare(&message).await;
    assert!(matches!(&told, Told::Other(_, text) if text.contains("query_prepared")), "{told:?}");
    assert_eq!(stage.query("m").await["transaction"], Value::Null);
    // Without preparing there is nothing to ask.
    stage.client.submit(&message).await.succeeded();
    stage.becomes("m", "succeed").await;
}

#[rstest]
#[tokio::test]
async fn a_prepared_message_is_submitted_by_its_name(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare(&stage.message("m", &["In"])).await.succeeded();
    stage.client.submit(&json!({ "gid": "m", "trans_type": "msg" })).await.succeeded();
    stage.ends("m", "succeed", &["01 action In"]).await;
}
