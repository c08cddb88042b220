//! SAGA over HTTP, the request log, and the admin's side.

use axum::http::{Method, StatusCode};
use futures::future::join_all;
use rstest::rstest;
use serde_json::json;

use crate::client::{
    Books::{self, MariaDb, Postgres, Redis, Sqlite},
    Client,
};

#[rstest]
#[tokio::test]
async fn a_repeat_has_the_same_answer_and_no_second_effect(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    let first = client.call("/transfer-out", "action", "alice", 30).await;
    assert_eq!(first, (200, json!({ "account": "alice", "balance": 70 })));
    client.call_as("other", "/transfer-out", "action", "alice", 5).await;
    assert_eq!(client.call("/transfer-out", "action", "alice", 30).await, first);
    assert_eq!(client.money("alice").await, (65, 0));
    assert_eq!(client.answers(), ["done", "done", "repeat"]);
    assert_eq!(client.effects().await, ["g 01 action alice -30 0 x1", "other 01 action alice -5 0 x1"]);
}

#[rstest]
#[tokio::test]
async fn a_refusal_is_repeated_and_has_nothing_to_undo(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    let first = client.call("/transfer-out", "action", "alice", 101).await;
    assert_eq!(first, (409, json!({ "error": "`alice` has too little money" })));
    client.bank.put_account("alice", 1000).await.expect("sets");
    assert_eq!(client.call("/transfer-out", "action", "alice", 101).await, first);
    assert_eq!(client.call("/transfer-out/revert", "rollback", "alice", 101).await.0, 200);
    assert_eq!(client.call("/transfer-in", "action", "nobody", 1).await.0, 409);
    assert_eq!(client.money("alice").await, (1000, 0));
    assert_eq!(client.answers(), ["refused", "repeat", "empty", "repeat"]);
    assert!(client.effects().await.is_empty());
}

#[rstest]
#[tokio::test]
async fn rollback_undoes_once_and_nothing_comes_after_it(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    client.call("/transfer-out", "action", "alice", 30).await;
    let undone = client.call("/transfer-out/revert", "rollback", "alice", 30).await;
    assert_eq!(undone, (200, json!({ "account": "alice", "balance": 100 })));
    assert_eq!(client.call("/transfer-out/revert", "rollback", "alice", 30).await, undone);

    let empty = client.call_as("h", "/transfer-in/revert", "rollback", "bob", 30).await;
    assert_eq!(empty, (200, json!({ "account": "bob", "balance": 0 })));
    assert_eq!(client.call_as("h", "/transfer-in", "action", "bob", 30).await.0, 409);
    assert_eq!(client.answers(), ["done", "done", "repeat", "empty", "late"]);
    assert_eq!((client.money("alice").await, client.money("bob").await), ((100, 0), (0, 0)));
}

#[rstest]
#[tokio::test]
async fn what_compensates_succeeds_even_when_the_money_is_spent(
    #[values(Sqlite, Postgres, MariaDb, Redis)] books: Books,
) {
    let client = Client::open_in(books).await;
    client.call_as("a", "/transfer-in", "action", "bob", 30).await;
    client.call_as("b", "/transfer-out", "action", "bob", 30).await;
    assert_eq!(client.call_as("a", "/transfer-in/revert", "rollback", "bob", 30).await.0, 200);
    assert_eq!(client.money("bob").await, (-30, 0));
}

#[rstest]
#[case("/transfer-in", r#"{"account":"bob","amount":1}"#)]
#[case("/transfer-in?gid=g&trans_type=workflow&branch_id=01", r#"{"account":"bob","amount":1}"#)]
#[case("/transfer-in?gid=g&trans_type=workflow&branch_id=01&op=action", r#"{"account":"bob""#)]
#[case("/transfer-in?gid=g&trans_type=workflow&branch_id=01&op=action", r#"{"account":"bob","amount":1.5}"#)]
#[case("/transfer-in?gid=g&trans_type=workflow&branch_id=01&op=action", r#"{"account":"bob","amount":0}"#)]
#[case("/transfer-in?gid=g&trans_type=workflow&branch_id=01&op=action", r#"{"account":"bob","amount":-1}"#)]
#[tokio::test]
async fn a_wrong_request_is_told_so(#[case] uri: &str, #[case] body: &str) {
    let client = Client::open().await;
    let (status, answer) = client.send(Method::POST, uri, body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert!(answer["error"].is_string(), "{answer}");
    assert_eq!(client.answers(), ["invalid"]);
}

#[rstest]
#[tokio::test]
async fn the_log_shows_each_request_and_can_be_emptied(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    client.call("/transfer-in", "action", "bob", 30).await;
    let (status, _) = client.send(Method::POST, "/notify?gid=g&committed=true", "all done").await;
    assert_eq!(status, StatusCode::OK);
    let (_, log) = client.send(Method::GET, "/requests", "").await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(
        log,
        json!([
            {
                "n": 1, "protocol": "http", "path": "/transfer-in", "gid": "g", "branch_id": "01", "op": "action",
                "trans_type": "workflow", "account": "bob", "amount": 30, "answer": "done", "status": 200,
                "traceparent": traceparent,
            },
            {
                "n": 2, "protocol": "http", "path": "/notify", "gid": null, "branch_id": null, "op": null,
                "trans_type": null, "account": null, "amount": null, "answer": "done", "status": 200,
                "traceparent": traceparent, "query": "gid=g&committed=true", "body": "all done",
            },
        ])
    );
    client.send(Method::DELETE, "/requests", "").await;
    assert_eq!(client.send(Method::GET, "/requests", "").await.1, json!([]));
}

#[rstest]
#[tokio::test]
async fn the_admin_sets_and_lists_accounts(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    let (_, account) = client.send(Method::PUT, "/accounts/carol", r#"{"balance":7}"#).await;
    assert_eq!(account, json!({ "account": "carol", "balance": 7, "frozen": 0 }));
    client.send(Method::PUT, "/accounts/alice", r#"{"balance":1}"#).await;
    let (status, _) = client.send(Method::PUT, "/accounts/alice", r#"{"balance":-1}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (_, accounts) = client.send(Method::GET, "/accounts", "").await;
    assert_eq!(
        accounts,
        json!([
            { "account": "alice", "balance": 1, "frozen": 0 },
            { "account": "bob", "balance": 0, "frozen": 0 },
            { "account": "carol", "balance": 7, "frozen": 0 },
        ])
    );
    assert_eq!(client.send(Method::GET, "/health", "").await.0, StatusCode::OK);

    client.call("/transfer-in", "action", "bob", 30).await;
    let effect = json!([{
        "gid": "g", "branch_id": "01", "op": "action", "account": "bob", "count": 1,
        "delta_balance": 30, "delta_frozen": 0,
    }]);
    assert_eq!(client.send(Method::GET, "/effects?gid=g", "").await.1, effect);
    assert_eq!(client.send(Method::GET, "/effects?gid=h", "").await.1, json!([]));
}

#[rstest]
#[tokio::test]
async fn many_at_once_take_effect_once_and_money_is_kept(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let client = Client::open_in(books).await;
    let transfers = (0..20).flat_map(|n| {
        let gid = format!("g{n}");
        let client = &client;
        (0..3).map(move |_| {
            let gid = gid.clone();
            async move {
                let (out, _) = client.call_as(&gid, "/transfer-out", "action", "alice", 10).await;
                match out {
                    200 => client.call_as(&format!("{gid}-in"), "/transfer-in", "action", "bob", 10).await.0,
                    _ => client.call_as(&gid, "/transfer-out/revert", "rollback", "alice", 10).await.0,
                }
            }
        })
    });
    let statuses = join_all(transfers).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!((client.money("alice").await, client.money("bob").await), ((0, 0), (100, 0)));
    assert!(client.effects().await.iter().all(|effect| effect.ends_with("x1")));
}
