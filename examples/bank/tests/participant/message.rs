//! Two-phase messages: the local half, and the query-back, with a runtime that only takes notes.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    http::{Method, StatusCode, Uri},
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::{
    Books::{self, MariaDb, Postgres, Redis, Sqlite},
    Client,
};

/// A runtime that agrees to everything.
struct Runtime {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Runtime {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("has one"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        let router = Router::new().fallback(async move |uri: Uri| {
            notes.lock().unwrap_or_else(PoisonError::into_inner).push(uri.path().to_owned());
            StatusCode::ACCEPTED
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, heard }
    }

    /// The paths it was asked for, since the last time.
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn send(client: &Client, runtime: &str, gid: &str, amount: i64) -> (u16, Value) {
    let body = json!({
        "account": "alice", "amount": amount, "runtime": runtime, "gid": gid, "workflow": "deliver", "input": {},
    });
    let (status, body) = client.send(Method::POST, "/local-transfer-out", &body.to_string()).await;
    (status.as_u16(), body)
}

async fn ask(client: &Client, gid: &str) -> u16 {
    let uri = format!("/query-prepared?gid={gid}&trans_type=msg&branch_id=00&op=msg");
    client.send(Method::GET, &uri, "").await.0.as_u16()
}

#[rstest]
#[tokio::test]
async fn is_sent_if_the_local_half_commits(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let (client, runtime) = (Client::open_in(books).await, Runtime::start().await);
    let sent = send(&client, &runtime.url, "m", 30).await;
    assert_eq!(sent, (200, json!({ "account": "alice", "balance": 70 })));
    assert_eq!(runtime.heard(), ["/v1/executions/m", "/v1/executions/m/submit"]);
    assert_eq!(send(&client, &runtime.url, "m", 30).await, sent);
    assert_eq!(runtime.heard(), ["/v1/executions/m", "/v1/executions/m/submit"]);
    assert_eq!(ask(&client, "m").await, 200);
    assert_eq!(client.answers(), ["done", "repeat", "done"]);
    assert_eq!(client.effects().await, ["m 00 msg alice -30 0 x1"]);
}

#[rstest]
#[tokio::test]
async fn is_dropped_if_the_local_half_refuses(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let (client, runtime) = (Client::open_in(books).await, Runtime::start().await);
    assert_eq!(send(&client, &runtime.url, "m", 101).await.0, 409);
    assert_eq!(runtime.heard(), ["/v1/executions/m", "/v1/executions/m/abort"]);
    assert_eq!(ask(&client, "m").await, 409);
    assert_eq!(client.answers(), ["refused", "refused"]);
    assert!(client.effects().await.is_empty());
}

#[rstest]
#[tokio::test]
async fn the_local_half_cannot_follow_a_no(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let (client, runtime) = (Client::open_in(books).await, Runtime::start().await);
    assert_eq!((ask(&client, "m").await, ask(&client, "m").await), (409, 409));
    assert_eq!(send(&client, &runtime.url, "m", 30).await.0, 409);
    assert_eq!(runtime.heard(), ["/v1/executions/m", "/v1/executions/m/abort"]);
    assert_eq!(client.answers(), ["refused", "refused", "late"]);
    assert_eq!(client.money("alice").await, (100, 0));
}

#[rstest]
#[tokio::test]
async fn nothing_is_done_that_is_not_prepared(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    assert_eq!(send(&client, "http://127.0.0.1:1", "m", 30).await.0, 500);
    assert_eq!(client.money("alice").await, (100, 0));
    assert_eq!(ask(&client, "m").await, 409);
}

#[rstest]
#[case(json!({ "account": "alice", "amount": 1, "gid": "m", "workflow": "w" }), "runtime")]
#[case(json!({ "account": "alice", "amount": 0, "gid": "m", "workflow": "w", "runtime": "http://x" }), "more than 0")]
#[case(json!({ "account": "alice", "amount": 1, "gid": "", "workflow": "w", "runtime": "http://x" }), "gid")]
#[tokio::test]
async fn a_wrong_request_is_told_so(#[case] body: Value, #[case] said: &str) {
    let client = Client::open().await;
    let (status, answer) = client.send(Method::POST, "/local-transfer-out", &body.to_string()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().is_some_and(|text| text.contains(said)), "{answer}");
    assert_eq!(client.answers(), ["invalid"]);
}
