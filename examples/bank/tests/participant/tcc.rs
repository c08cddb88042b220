//! TCC over HTTP: freeze, then confirm or cancel. Reprise sends the ops `action`, `commit`, `rollback`.

use rstest::rstest;
use serde_json::json;

use crate::client::{
    Books::{self, MariaDb, Postgres, Redis, Sqlite},
    Client,
};

#[rstest]
#[tokio::test]
async fn try_freezes_and_confirm_takes(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    let tried = client.call_as("g-out", "/transfer-out/try", "action", "alice", 30).await;
    assert_eq!(tried, (200, json!({ "account": "alice", "balance": 100 })));
    client.call_as("g-in", "/transfer-in/try", "action", "bob", 30).await;
    assert_eq!((client.money("alice").await, client.money("bob").await), ((100, 30), (0, 0)));

    for _ in 0..2 {
        let taken = client.call_as("g-out", "/transfer-out/confirm", "commit", "alice", 30).await;
        assert_eq!(taken, (200, json!({ "account": "alice", "balance": 70 })));
        client.call_as("g-in", "/transfer-in/confirm", "commit", "bob", 30).await;
    }
    assert_eq!((client.money("alice").await, client.money("bob").await), ((70, 0), (30, 0)));
    assert_eq!(client.answers(), ["done", "done", "done", "done", "repeat", "repeat"]);
}

#[rstest]
#[tokio::test]
async fn cancel_frees_once(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    client.call_as("g-out", "/transfer-out/try", "action", "alice", 30).await;
    client.call_as("g-in", "/transfer-in/try", "action", "bob", 30).await;
    for _ in 0..2 {
        client.call_as("g-out", "/transfer-out/cancel", "rollback", "alice", 30).await;
        client.call_as("g-in", "/transfer-in/cancel", "rollback", "bob", 30).await;
    }
    assert_eq!((client.money("alice").await, client.money("bob").await), ((100, 0), (0, 0)));
    assert_eq!(
        client.effects().await,
        [
            "g-out 01 action alice 0 30 x1",
            "g-in 01 action bob 0 0 x1",
            "g-out 01 rollback alice 0 -30 x1",
            "g-in 01 rollback bob 0 0 x1",
        ]
    );
}

#[rstest]
#[tokio::test]
async fn frozen_money_cannot_be_promised_again(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    client.call_as("a", "/transfer-out/try", "action", "alice", 60).await;
    assert_eq!(client.call_as("b", "/transfer-out/try", "action", "alice", 50).await.0, 409);
    assert_eq!(client.call_as("c", "/transfer-out", "action", "alice", 50).await.0, 409);
    client.call_as("a", "/transfer-out/cancel", "cancel", "alice", 60).await;
    assert_eq!(client.call_as("d", "/transfer-in/try", "action", "nobody", 1).await.0, 409);
}

#[rstest]
#[tokio::test]
async fn the_words_of_dtm_mean_the_same(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    client.call_as("a", "/transfer-out/try", "try", "alice", 60).await;
    client.call_as("a", "/transfer-out/cancel", "cancel", "alice", 60).await;
    client.call_as("b", "/transfer-out/cancel", "cancel", "alice", 60).await;
    client.call_as("b", "/transfer-out/try", "try", "alice", 60).await;
    assert_eq!(client.answers(), ["done", "done", "empty", "late"]);
    assert_eq!(client.money("alice").await, (100, 0));
}

#[rstest]
#[tokio::test]
async fn a_refused_confirm_is_asked_again(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    assert_eq!(client.call("/transfer-out/confirm", "commit", "alice", 30).await.0, 409);
    client.call("/transfer-out/try", "action", "alice", 30).await;
    assert_eq!(client.call("/transfer-out/confirm", "commit", "alice", 30).await.0, 200);
    assert_eq!(client.money("alice").await, (70, 0));
}
