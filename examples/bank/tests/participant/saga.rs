//! One URL per branch: `POST` does it, `DELETE` undoes it, and the path says which branch it is.

use axum::http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::client::{
    Books::{self, MariaDb, Postgres, Redis, Sqlite},
    Client,
};

const SALARY: &str = r#"{"account": "bob", "amount": 30}"#;

async fn post(client: &Client, uri: &str) -> (u16, Value) {
    let (status, body) = client.send(Method::POST, uri, SALARY).await;
    (status.as_u16(), body)
}

async fn delete(client: &Client, uri: &str) -> (u16, Value) {
    let (status, body) = client.send(Method::DELETE, uri, SALARY).await;
    (status.as_u16(), body)
}

#[rstest]
#[tokio::test]
async fn the_method_says_what_is_done_and_the_path_for_whom(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    let paid = (200, json!({ "account": "bob", "balance": 30 }));
    assert_eq!(post(&client, "/transfer-in/g/1").await, paid);
    assert_eq!(post(&client, "/transfer-in/g/1").await, paid);
    assert_eq!(post(&client, "/transfer-in/g/2").await.1, json!({ "account": "bob", "balance": 60 }));
    let undone = (200, json!({ "account": "bob", "balance": 30 }));
    assert_eq!(delete(&client, "/transfer-in/g/1").await, undone);
    assert_eq!(delete(&client, "/transfer-in/g/1").await, undone);
    assert_eq!(client.answers(), ["done", "repeat", "done", "done", "repeat"]);
    assert_eq!(
        client.effects().await,
        ["g 1 action bob 30 0 x1", "g 2 action bob 30 0 x1", "g 1 compensate bob -30 0 x1"]
    );
}

#[tokio::test]
async fn a_compensation_that_comes_first_is_empty_and_the_commit_after_it_late() {
    let client = Client::open().await;
    assert_eq!(delete(&client, "/transfer-in/g/1").await, (200, json!({ "account": "bob", "balance": 0 })));
    assert_eq!(post(&client, "/transfer-in/g/1").await.0, 409);
    assert_eq!(client.answers(), ["empty", "late"]);
    assert_eq!(client.money("bob").await, (0, 0));
}

#[tokio::test]
async fn the_other_direction_has_the_same_form() {
    let client = Client::open().await;
    assert_eq!(post(&client, "/transfer-out/g/1").await.0, 409, "bob has nothing");
    client.bank.put_account("bob", 100).await.expect("sets");
    assert_eq!(post(&client, "/transfer-out/h/1").await.0, 200);
    assert_eq!(delete(&client, "/transfer-out/h/1").await.0, 200);
    assert_eq!(client.money("bob").await, (100, 0));
}

#[tokio::test]
async fn the_log_names_the_route_and_faults_hit_it() {
    let client = Client::open().await;
    client.fault(r#"{"path": "/transfer-in/{gid}/{branch_id}", "op": "action", "kind": "error", "times": 1}"#).await;
    assert_eq!(post(&client, "/transfer-in/g/1").await.0, 500);
    assert_eq!(post(&client, "/transfer-in/g/1").await.0, 200);
    let entry = client.bank.requests().pop().expect("two requests");
    assert_eq!(entry.path, "/transfer-in/{gid}/{branch_id}");
    assert_eq!((entry.gid.as_deref(), entry.branch_id.as_deref()), (Some("g"), Some("1")));
    let (status, answer) = client.send(Method::POST, "/transfer-in/g/1", r#"{"account": "bob"}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert_eq!(client.send(Method::GET, "/transfer-in/g/1", "").await.0, StatusCode::METHOD_NOT_ALLOWED);
}
