//! Faults on demand over HTTP; the crash is in [`crate::binary`].

use std::time::Duration;

use axum::http::Method;
use rstest::rstest;
use serde_json::json;
use tokio::time::timeout;

use crate::client::Client;

#[rstest]
#[case("fail", 409)]
#[case("ongoing", 425)]
#[case("error", 500)]
#[tokio::test]
async fn goes_wrong_twice_and_then_well(#[case] kind: &str, #[case] status: u16) {
    let client = Client::open().await;
    client.fault(&json!({ "path": "/transfer-in", "kind": kind, "times": 2 }).to_string()).await;
    let mut got = Vec::new();
    for _ in 0..3 {
        got.push(client.call("/transfer-in", "action", "bob", 30).await.0);
    }
    assert_eq!(got, [status, status, 200]);
    let fault = format!("fault:{kind}");
    assert_eq!(client.answers(), [fault.as_str(), fault.as_str(), "done"]);
    assert_eq!(client.effects().await, ["g 01 action bob 30 0 x1"]);
}

#[tokio::test]
async fn a_lost_answer_is_found_again() {
    let client = Client::open().await;
    client.fault(r#"{"path":"/transfer-in","kind":"drop-reply","times":1}"#).await;
    assert_eq!(client.call("/transfer-in", "action", "bob", 30).await.0, 500);
    assert_eq!(client.money("bob").await, (30, 0));
    assert_eq!(client.call("/transfer-in", "action", "bob", 30).await, (200, json!({"account":"bob","balance":30})));
    assert_eq!(client.answers(), ["fault:drop-reply", "repeat"]);
    assert_eq!(client.effects().await, ["g 01 action bob 30 0 x1"]);
}

#[tokio::test]
async fn hits_only_what_it_names_until_it_is_cleared() {
    let client = Client::open().await;
    client.fault(r#"{"path":"/transfer-in","account":"bob","gid":"bad","op":"action","kind":"fail"}"#).await;
    assert_eq!(client.call_as("good", "/transfer-in", "action", "bob", 1).await.0, 200);
    assert_eq!(client.call_as("bad", "/transfer-in", "action", "alice", 1).await.0, 200);
    for _ in 0..3 {
        assert_eq!(client.call_as("bad", "/transfer-in", "action", "bob", 1).await.0, 409);
    }
    let (_, faults) = client.send(Method::GET, "/faults", "").await;
    assert_eq!(faults[0]["kind"], "fail");
    client.send(Method::DELETE, "/faults", "").await;
    assert_eq!(client.call_as("bad2", "/transfer-in", "action", "bob", 1).await.0, 200);
    assert!(client.bank.faults().is_empty());
}

#[tokio::test]
async fn an_unknown_fault_is_no_fault() {
    let client = Client::open().await;
    let (status, _) = client.send(Method::POST, "/faults", r#"{"path":"/x","kind":"explode"}"#).await;
    assert!(status.is_client_error());
    assert!(client.bank.faults().is_empty());
}

#[tokio::test]
async fn a_hang_never_answers_and_does_nothing() {
    let client = Client::open().await;
    client.fault(r#"{"path":"/transfer-in","kind":"hang","times":1}"#).await;
    give_up_at("fault:hang", &client).await;
    assert_eq!(client.money("bob").await, (0, 0));
    assert_eq!(client.call("/transfer-in", "action", "bob", 30).await.0, 200);
}

/// The case a barrier is for: the caller gives up and rolls back, and only then does the action get to work.
#[tokio::test]
async fn a_delayed_action_arrives_after_its_rollback() {
    let client = Client::open().await;
    client.fault(r#"{"path":"/transfer-in","kind":"delay","delay_ms":700,"times":1}"#).await;
    give_up_at("pending", &client).await;
    assert_eq!(client.call("/transfer-in/revert", "rollback", "bob", 30).await.0, 200);
    until(|| client.answers()[0] != "pending").await;
    assert_eq!(client.answers(), ["late", "empty"]);
    assert_eq!(client.money("bob").await, (0, 0));
}

/// Sends an action and hangs up as soon as the log has it with this answer.
async fn give_up_at(answer: &str, client: &Client) {
    tokio::select! {
        answered = client.call("/transfer-in", "action", "bob", 30) => panic!("it answered {answered:?}"),
        () = until(|| client.answers() == [answer]) => {}
    }
}

async fn until(holds: impl Fn() -> bool) {
    let polled = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), polled).await.expect("it comes to that");
}

#[tokio::test]
async fn a_notification_can_go_wrong_too() {
    let client = Client::open().await;
    client.fault(r#"{"path":"/notify","kind":"error","times":1}"#).await;
    assert_eq!(client.send(Method::POST, "/notify", "x").await.0.as_u16(), 500);
    assert_eq!(client.send(Method::POST, "/notify", "x").await.0.as_u16(), 200);
}
