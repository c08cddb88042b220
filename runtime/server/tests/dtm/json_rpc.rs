//! JSON-RPC 2.0: the form of requests and replies.

use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{Http, JsonRpc};
use crate::participant::Reply;
use crate::stage::Stage;

#[rstest]
#[case::no_json("{", 400, Value::Null, -32700)]
#[case::another_version(r#"{"jsonrpc": "1.0", "method": "newGid", "id": "1"}"#, 200, json!("1"), -32600)]
#[case::no_id(r#"{"jsonrpc": "2.0", "method": "newGid"}"#, 200, Value::Null, -32600)]
#[case::an_empty_id(r#"{"jsonrpc": "2.0", "method": "newGid", "id": ""}"#, 200, json!(""), -32600)]
#[case::no_method(r#"{"jsonrpc": "2.0", "method": "prepareWorkflow", "params": {}, "id": "1"}"#, 200, json!("1"), -32601)]
#[case::wrong_params(r#"{"jsonrpc": "2.0", "method": "submit", "params": {"gid": 7}, "id": "1"}"#, 200, json!("1"), -32602)]
#[case::no_gid(r#"{"jsonrpc": "2.0", "method": "submit", "params": {"trans_type": "saga"}, "id": "1"}"#, 200, json!("1"), -32602)]
#[case::not_prepared(r#"{"jsonrpc": "2.0", "method": "submit", "params": {"gid": "g", "trans_type": "tcc"}, "id": 7}"#, 200, json!(7), -32603)]
#[tokio::test]
async fn errors_have_codes(#[case] body: &str, #[case] status: u16, #[case] id: Value, #[case] code: i64) {
    let stage = Stage::open(Http).await;
    let (found, text) = stage.client.request("POST", "/api/json-rpc", body.to_owned()).await;
    let reply: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((found, &reply["jsonrpc"], &reply["id"]), (status, &json!("2.0"), &id), "{text}");
    assert_eq!((&reply["error"]["code"], &reply["result"]), (&json!(code), &Value::Null), "{text}");
    assert_eq!(reply.as_object().expect("an object").len(), 4, "all four members are there");
}

#[tokio::test]
async fn a_success_has_its_result() {
    let stage = Stage::open(JsonRpc).await;
    for id in [json!("a"), json!(7)] {
        let request = json!({ "jsonrpc": "2.0", "method": "newGid", "id": id });
        let (status, text) = stage.client.post("/api/json-rpc", &request).await;
        let reply: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status, &reply["id"], &reply["error"]), (200, &id, &Value::Null));
        assert_eq!(reply["result"]["gid"].as_str().expect("a gid").len(), 32);
    }
}

#[tokio::test]
async fn branches_are_called_by_json_rpc_where_the_url_names_a_method() {
    let stage = Stage::open(JsonRpc).await;
    let mut saga = stage.saga("s", &[("Out", ""), ("In", "")]);
    saga["steps"][1]["action"] = stage.participant.url(Http, "In").into();
    stage.client.submit(&saga).await.succeeded();
    stage.ends("s", "succeed", &["01 action Out", "02 action In"]).await;
    let calls = stage.participant.calls("s");
    let params: Value = serde_json::from_slice(&calls[0].body).expect("JSON");
    let want = json!({ "step": 1, "gid": "s", "trans_type": "saga", "branch_id": "01", "op": "action" });
    assert_eq!(params, want);
    assert_eq!(calls[1].body, br#"{"step":2}"#);
}

#[tokio::test]
async fn a_plain_url_is_judged_by_its_status() {
    let stage = Stage::open(JsonRpc).await;
    let mut saga = stage.saga("s", &[("Out", "OutRevert"), ("In", "InRevert")]);
    saga["steps"][1]["action"] = stage.participant.url(Http, "In").into();
    let plain = [Reply::Http(500, r#"{"error": null}"#), Reply::Http(409, r#"{"error": "poor"}"#)];
    stage.participant.answers("In", plain);
    stage.client.submit(&saga).await.succeeded();
    let calls = ["01 action Out", "02 action In", "02 action In", "02 compensate InRevert", "01 compensate OutRevert"];
    stage.ends("s", "failed", &calls).await;
}

#[tokio::test]
async fn the_codes_of_a_branch_are_read() {
    let stage = Stage::open(JsonRpc).await;
    stage.participant.answers("Out", [Reply::Ongoing, Reply::Broken]);
    stage.participant.answers("In", [Reply::Failure]);
    stage.client.submit(&stage.saga("s", &[("Out", "OutRevert"), ("In", "InRevert")])).await.succeeded();
    let calls = [
        "01 action Out",
        "01 action Out",
        "01 action Out",
        "02 action In",
        "02 compensate InRevert",
        "01 compensate OutRevert",
    ];
    stage.ends("s", "failed", &calls).await;
}
