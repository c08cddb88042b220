//! Topics: who subscribes, and who gets what is sent.

use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{self, Grpc, Http, JsonRpc};
use crate::client::Told;
use crate::stage::Stage;

async fn subscribe(stage: &Stage, name: &str) {
    let url = stage.url(name).replace('?', "%3F").replace('=', "%3D");
    let (status, answer) = stage.client.get(&format!("/subscribe?topic=orders&url={url}&remark=r")).await;
    assert_eq!((status, &answer), (200, &json!({ "dtm_result": "SUCCESS" })));
}

fn to_topic(stage: &Stage, gid: &str) -> Value {
    let mut message = stage.message(gid, &["First"]);
    message["steps"] = json!([{ "action": stage.url("First") }, { "action": "topic://orders" }]);
    message["payloads"] = json!(["{}", r#"{"order": 7}"#]);
    message
}

#[rstest]
#[tokio::test]
async fn every_subscriber_gets_a_message(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let told = stage.client.submit(&to_topic(&stage, "none")).await;
    assert!(matches!(&told, Told::Other(_, text) if text.contains("topic not found: \"orders\"")), "{told:?}");
    subscribe(&stage, "Stock").await;
    stage.client.submit(&to_topic(&stage, "one")).await.succeeded();
    stage.ends("one", "succeed", &["01 action First", "02 action Stock"]).await;
    subscribe(&stage, "Mail").await;
    stage.client.submit(&to_topic(&stage, "two")).await.succeeded();
    let shown = stage.ends("two", "succeed", &["01 action First", "02-01 action Stock", "02-02 action Mail"]).await;
    let want = ["01 action succeed", "02-01 action succeed", "02-02 action succeed"];
    assert_eq!(Stage::branches(&shown), want);
    for call in &stage.participant.calls("two")[1..] {
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        assert_eq!(body["order"], 7);
    }
}

#[rstest]
#[tokio::test]
async fn those_count_who_had_subscribed_when_it_was_prepared(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    subscribe(&stage, "Stock").await;
    let message = to_topic(&stage, "m");
    stage.client.prepare(&message).await.succeeded();
    subscribe(&stage, "Mail").await;
    stage.client.prepare(&message).await.succeeded();
    stage.client.submit(&message).await.succeeded();
    stage.ends("m", "succeed", &["01 action First", "02 action Stock"]).await;
}

#[rstest]
#[tokio::test]
async fn a_prepared_message_outlives_its_topic(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    subscribe(&stage, "Stock").await;
    let message = to_topic(&stage, "m");
    stage.client.prepare(&message).await.succeeded();
    let (status, _) = stage.client.request("DELETE", "/api/dtmsvr/topic/orders", String::new()).await;
    assert_eq!(status, 200);
    stage.client.prepare(&message).await.succeeded();
    stage.client.submit(&message).await.succeeded();
    stage.ends("m", "succeed", &["01 action First", "02 action Stock"]).await;
}

#[tokio::test]
async fn a_deleted_topic_delivers_no_more() {
    let stage = Stage::open(Http).await;
    subscribe(&stage, "Stock").await;
    stage.client.submit(&to_topic(&stage, "one")).await.succeeded();
    stage.becomes("one", "succeed").await;
    let (status, text) = stage.client.request("DELETE", "/api/dtmsvr/topic/orders", String::new()).await;
    assert_eq!((status, text.as_str()), (200, r#"{"dtm_result":"SUCCESS"}"#));
    let told = stage.client.submit(&to_topic(&stage, "two")).await;
    assert!(matches!(&told, Told::Other(400, text) if text.contains("topic not found")), "{told:?}");
    let (status, text) = stage.client.request("DELETE", "/api/dtmsvr/topic/orders", String::new()).await;
    assert!(status == 404 && text.contains("no such a topic"), "{status} {text}");
}

#[tokio::test]
async fn an_unsubscribed_url_gets_nothing() {
    let stage = Stage::open(Http).await;
    subscribe(&stage, "Stock").await;
    subscribe(&stage, "Mail").await;
    let unsubscribe = format!("/unsubscribe?topic=orders&url={}", stage.url("Stock"));
    assert_eq!(stage.client.get(&unsubscribe).await.0, 200);
    stage.client.submit(&to_topic(&stage, "m")).await.succeeded();
    stage.ends("m", "succeed", &["01 action First", "02 action Mail"]).await;
}

#[rstest]
#[case("/subscribe?topic=&url=http://x", "empty topic")]
#[case("/subscribe?topic=orders", "empty url")]
#[case("/subscribe?topic=orders&url=http://a", "this url exists")]
#[case("/unsubscribe?topic=other&url=http://a", "no such a topic")]
#[case("/unsubscribe?topic=orders&url=http://b", "no such an url")]
#[case("/unsubscribe?topic=empty&url=http://a", "this topic is empty")]
#[tokio::test]
async fn what_can_not_be_changed_is_told(#[case] path: &str, #[case] says: &str) {
    let stage = Stage::open(Http).await;
    for path in [
        "/subscribe?topic=orders&url=http://a",
        "/subscribe?topic=empty&url=http://a",
        "/unsubscribe?topic=empty&url=http://a",
    ] {
        assert_eq!(stage.client.get(path).await.0, 200);
    }
    let (status, answer) = stage.client.get(path).await;
    assert!(
        status >= 400 && status != 409 && answer["message"].as_str().expect("a message").contains(says),
        "{status} {answer}"
    );
}

#[tokio::test]
async fn topics_are_changed_over_grpc_too() {
    let stage = Stage::open(Grpc).await;
    let topic = |url: String| reprise::dtm::pb::DtmTopicRequest { topic: "orders".into(), url, remark: "r".into() };
    let mut client = stage.client.grpc.clone();
    for name in ["Stock", "Mail"] {
        client.subscribe(topic(stage.url(name))).await.expect("subscribed");
    }
    client.unsubscribe(topic(stage.url("Stock"))).await.expect("unsubscribed");
    stage.client.submit(&to_topic(&stage, "m")).await.succeeded();
    stage.ends("m", "succeed", &["01 action First", "02 action Mail"]).await;
    client.delete_topic(topic(String::new())).await.expect("deleted");
    let gone = client.delete_topic(topic(String::new())).await.expect_err("it is gone");
    assert_eq!(gone.code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn topics_are_shown_as_keys_and_values() {
    let stage = Stage::open(Http).await;
    for path in [
        "/subscribe?topic=b&url=http://1&remark=one",
        "/subscribe?topic=a&url=http://1",
        "/subscribe?topic=b&url=http://2",
    ] {
        assert_eq!(stage.client.get(path).await.0, 200);
    }
    let (_, one) = stage.client.get("/queryKV?cat=topics&key=b").await;
    let entry = &one["kv"][0];
    assert_eq!((&entry["cat"], &entry["k"], &entry["version"]), (&json!("topics"), &json!("b"), &json!(2)));
    let subscribers: Value = serde_json::from_str(entry["v"].as_str().expect("text")).expect("JSON");
    assert_eq!(subscribers, json!([{ "url": "http://1", "remark": "one" }, { "url": "http://2", "remark": "" }]));
    let (_, first) = stage.client.get("/scanKV?cat=topics&limit=1").await;
    assert_eq!((&first["kv"][0]["k"], &first["next_position"]), (&json!("a"), &json!("a")));
    let (_, rest) = stage.client.get("/scanKV?cat=topics&position=a").await;
    assert_eq!((&rest["kv"][0]["k"], &rest["next_position"]), (&json!("b"), &json!("")));
    assert_eq!(stage.client.get("/queryKV?cat=topics&key=none").await.1, json!({ "kv": [] }));
    assert_eq!(stage.client.get("/scanKV?cat=other").await.1, json!({ "kv": [], "next_position": "" }));
}
