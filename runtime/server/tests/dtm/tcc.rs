//! TCC: branches registered one by one, confirmed or canceled in reverse order.

use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{self, Grpc, Http, JsonRpc};
use crate::client::Told;
use crate::participant::Reply;
use crate::stage::Stage;

async fn with_two_branches(protocol: Protocol) -> Stage {
    let stage = Stage::open(protocol).await;
    for _ in 0..2 {
        stage.client.prepare(&Stage::steered("t", "tcc")).await.succeeded();
    }
    stage.client.register(&stage.tcc_branch("t", "01", "Out")).await.succeeded();
    stage.client.register(&stage.tcc_branch("t", "02", "In")).await.succeeded();
    stage
}

#[rstest]
#[tokio::test]
async fn a_submit_confirms(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = with_two_branches(protocol).await;
    let shown = stage.query("t").await;
    assert_eq!(shown["transaction"]["status"], "prepared");
    let want = ["01 cancel prepared", "01 confirm prepared", "02 cancel prepared", "02 confirm prepared"];
    assert_eq!(Stage::branches(&shown), want);
    assert_eq!(shown["branches"][0]["url"], stage.url("OutCancel"));
    assert!(stage.participant.log("t").is_empty());
    for _ in 0..2 {
        stage.client.submit(&Stage::steered("t", "tcc")).await.succeeded();
    }
    let shown = stage.ends("t", "succeed", &["02 confirm InConfirm", "01 confirm OutConfirm"]).await;
    let want = ["01 cancel prepared", "01 confirm succeed", "02 cancel prepared", "02 confirm succeed"];
    assert_eq!(Stage::branches(&shown), want);
    for call in stage.participant.calls("t") {
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        assert_eq!((body["amount"].as_i64(), call.trans_type.as_str()), (Some(30), "tcc"));
    }
    let text = stage.client.abort(&Stage::steered("t", "tcc")).await.failure();
    assert_eq!(text, "trans type: 'tcc' current status 'succeed', cannot abort. FAILURE");
}

#[rstest]
#[tokio::test]
async fn an_abort_cancels(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = with_two_branches(protocol).await;
    // What is refused is tried again.
    stage.participant.answers("InCancel", [Reply::Failure, Reply::Ongoing]);
    let mut abort = Stage::steered("t", "tcc");
    abort["rollback_reason"] = "no money".into();
    for _ in 0..2 {
        stage.client.abort(&abort).await.succeeded();
    }
    let calls = ["02 cancel InCancel", "02 cancel InCancel", "02 cancel InCancel", "01 cancel OutCancel"];
    let shown = stage.ends("t", "failed", &calls).await;
    assert_eq!(shown["transaction"]["rollback_reason"], "no money");
    let text = stage.client.submit(&Stage::steered("t", "tcc")).await.failure();
    assert_eq!(text, "current status 'failed', cannot sumbmit. FAILURE");
}

#[rstest]
#[case::its_own(Some(1), None)]
#[case::configured(None, Some(1))]
#[tokio::test]
async fn what_nobody_decides_is_canceled(
    #[case] own: Option<u64>,
    #[case] configured: Option<u64>,
    #[values(Http, Grpc, JsonRpc)] protocol: Protocol,
) {
    let stage = Stage::with(protocol, |config| {
        config.dtm.timeout_to_fail_s = configured.unwrap_or(config.dtm.timeout_to_fail_s);
    })
    .await;
    let mut tcc = Stage::steered("t", "tcc");
    tcc["timeout_to_fail"] = own.into();
    stage.client.prepare(&tcc).await.succeeded();
    stage.client.register(&stage.tcc_branch("t", "01", "Out")).await.succeeded();
    let shown = stage.ends("t", "failed", &["01 cancel OutCancel"]).await;
    assert_eq!(shown["transaction"]["rollback_reason"], "Timeout after 1 seconds");
    let text = stage.client.register(&stage.tcc_branch("t", "02", "In")).await.failure();
    assert_eq!(text, "no trans with gid: t status: prepared found FAILURE");
}

#[rstest]
#[tokio::test]
async fn a_branch_is_registered_once(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let branch = stage.tcc_branch("t", "0102", "Out");
    assert_eq!(
        stage.client.register(&branch).await.failure(),
        "no trans with gid: t status: prepared found FAILURE",
        "it is not prepared"
    );
    stage.client.prepare(&Stage::steered("t", "tcc")).await.succeeded();
    for _ in 0..2 {
        stage.client.register(&branch).await.succeeded();
    }
    let text = stage.client.register(&stage.tcc_branch("t", "0102", "In")).await.failure();
    assert!(text.contains("`0102` is registered already"), "{text}");
    stage.client.submit(&Stage::steered("t", "tcc")).await.succeeded();
    stage.ends("t", "succeed", &["0102 confirm OutConfirm"]).await;
}

#[rstest]
#[case::no_id(json!({ "branch_id": "" }), "branch_id")]
#[case::no_kind(json!({ "trans_type": "tco" }), "tco")]
#[case::a_saga(json!({ "trans_type": "saga" }), "saga")]
#[case::no_url(json!({ "confirm": "nowhere" }), "nowhere")]
#[tokio::test]
async fn a_wrong_branch_is_refused(
    #[case] change: Value,
    #[case] says: &str,
    #[values(Http, Grpc, JsonRpc)] protocol: Protocol,
) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare(&Stage::steered("t", "tcc")).await.succeeded();
    let mut branch = stage.tcc_branch("t", "01", "Out");
    for (name, value) in change.as_object().expect("an object") {
        branch[name] = value.clone();
    }
    let told = stage.client.register(&branch).await;
    assert!(matches!(&told, Told::Other(_, text) if text.contains(says)), "{told:?}");
    assert_eq!(stage.query("t").await["branches"], json!([]));
}

#[rstest]
#[tokio::test]
async fn options_hold_for_every_branch(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let mut tcc = Stage::steered("t", "tcc");
    tcc["branch_headers"] = json!({ "x-tenant": "blue" });
    tcc["retry_interval"] = 2.into();
    stage.client.prepare(&tcc).await.succeeded();
    stage.client.register(&stage.tcc_branch("t", "01", "Out")).await.succeeded();
    stage.participant.answers("OutConfirm", [Reply::Broken]);
    stage.client.submit(&tcc).await.succeeded();
    let calls = stage.participant.asked("t", "OutConfirm", 2).await;
    assert!(calls.iter().all(|call| call.headers["x-tenant"] == "blue"));
    assert!(calls[1].at - calls[0].at >= std::time::Duration::from_secs(1));
}

#[rstest]
#[case::tcc("tcc")]
#[case::xa("xa")]
#[tokio::test]
async fn what_was_not_prepared_can_not_be_submitted(
    #[case] kind: &str,
    #[values(Http, Grpc, JsonRpc)] protocol: Protocol,
) {
    let stage = Stage::open(protocol).await;
    for method in ["submit", "abort"] {
        let told = stage.client.say(method, &Stage::steered("t", kind)).await;
        assert!(matches!(&told, Told::Other(_, text) if text == "no TransGlobal with gid: t found"), "{told:?}");
    }
}
