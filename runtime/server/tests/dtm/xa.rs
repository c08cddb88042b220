//! XA: participants prepare by themselves, and are told the decision at the URL they registered.

use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{self, Grpc, Http, JsonRpc};
use crate::participant::Reply;
use crate::stage::Stage;

async fn with_two_branches(protocol: Protocol) -> Stage {
    let stage = Stage::open(protocol).await;
    stage.client.prepare(&Stage::steered("x", "xa")).await.succeeded();
    for (branch, name) in [("01", "Out"), ("02", "In")] {
        let branch = json!({ "gid": "x", "trans_type": "xa", "branch_id": branch, "url": stage.url(name) });
        for _ in 0..2 {
            stage.client.register(&branch).await.succeeded();
        }
    }
    stage
}

#[rstest]
#[case::commit("submit", "commit", "succeed")]
#[case::rollback("abort", "rollback", "failed")]
#[tokio::test]
async fn the_decision_is_told_at_the_same_url(
    #[case] method: &str,
    #[case] op: &str,
    #[case] status: &str,
    #[values(Http, Grpc, JsonRpc)] protocol: Protocol,
) {
    let stage = with_two_branches(protocol).await;
    stage.participant.answers("In", [Reply::Broken, Reply::Failure]);
    for _ in 0..2 {
        stage.client.say(method, &Stage::steered("x", "xa")).await.succeeded();
    }
    let shown = stage.becomes("x", status).await;
    let second = format!("02 {op} In");
    let want = [second.clone(), second.clone(), second, format!("01 {op} Out")];
    assert_eq!(stage.participant.log("x"), want);
    let rows = Stage::branches(&shown);
    assert_eq!(rows.iter().filter(|row| row.ends_with(&format!("{op} succeed"))).count(), 2, "{rows:?}");
    for call in stage.participant.calls("x") {
        assert_eq!((call.trans_type.as_str(), call.method.as_str()), ("xa", "POST"));
        if protocol != JsonRpc {
            assert_eq!(call.body, b"");
        }
    }
}

#[rstest]
#[tokio::test]
async fn what_nobody_decides_is_rolled_back(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let mut xa = Stage::steered("x", "xa");
    xa["timeout_to_fail"] = 1.into();
    stage.client.prepare(&xa).await.succeeded();
    let branch = json!({ "gid": "x", "trans_type": "xa", "branch_id": "01", "url": stage.url("Out") });
    stage.client.register(&branch).await.succeeded();
    let shown = stage.ends("x", "failed", &["01 rollback Out"]).await;
    assert_eq!(shown["transaction"]["rollback_reason"], "Timeout after 1 seconds");
}

#[rstest]
#[case("/api/dtmsvr/registerXaBranch", "xa")]
#[case("/api/dtmsvr/registerTccBranch", "tcc")]
#[tokio::test]
async fn older_names_of_register_branch_are_served(#[case] path: &str, #[case] kind: &str) {
    let stage = Stage::open(Http).await;
    stage.client.prepare(&Stage::steered("x", kind)).await.succeeded();
    let url = stage.url("Out");
    let branch = json!({ "gid": "x", "trans_type": kind, "branch_id": "01", "url": url, "confirm": url, "cancel": url,
        "data": Value::Null });
    let (status, text) = stage.client.post(path, &branch).await;
    assert_eq!((status, text.as_str()), (200, r#"{"dtm_result":"SUCCESS"}"#));
    stage.client.submit(&Stage::steered("x", kind)).await.succeeded();
    stage.becomes("x", "succeed").await;
}
