//! `wait_result`: what a client is told that waits for the end.

use rstest::rstest;
use serde_json::Value;

use crate::client::Protocol::{self, Grpc, Http, JsonRpc};
use crate::participant::Reply;
use crate::stage::Stage;

fn waiting(mut trans: Value) -> Value {
    trans["wait_result"] = true.into();
    trans
}

async fn impatient(protocol: Protocol) -> Stage {
    Stage::with(protocol, |config| config.dtm.wait_ms = 300).await
}

#[rstest]
#[tokio::test]
async fn the_end_of_a_saga_is_told(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let good = waiting(stage.saga("good", &[("Out", "OutRevert")]));
    let bad = waiting(stage.saga("bad", &[("Out", "OutRevert"), ("In", "InRevert")]));
    stage.participant.always("In", Reply::Failure);
    for _ in 0..2 {
        stage.client.submit(&good).await.succeeded();
        let text = stage.client.submit(&bad).await.failure();
        assert!(text.contains(&stage.url("In")) && text.contains("poor") && text.ends_with("FAILURE"), "{text}");
    }
    assert_eq!(stage.query("good").await["transaction"]["status"], "succeed");
    assert_eq!(stage.query("bad").await["transaction"]["status"], "failed");
    assert_eq!(stage.participant.log("good"), ["01 action Out"], "the same again calls nobody");
}

#[rstest]
#[case::ongoing(Reply::Ongoing)]
#[case::unknown(Reply::Broken)]
#[tokio::test]
async fn what_goes_on_is_not_told_as_a_failure(
    #[case] reply: Reply,
    #[values(Http, Grpc, JsonRpc)] protocol: Protocol,
) {
    let stage = impatient(protocol).await;
    stage.participant.always("Out", reply);
    let text = stage.client.submit(&waiting(stage.saga("s", &[("Out", "OutRevert")]))).await.ongoing();
    assert!(text.contains("'s' is 'submitted'") && text.contains("query"), "{text}");
    stage.participant.always("Out", Reply::Success);
    stage.becomes("s", "succeed").await;
}

#[rstest]
#[tokio::test]
async fn a_message_is_never_told_as_a_failure(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = impatient(protocol).await;
    stage.participant.always("In", Reply::Failure);
    let message = waiting(stage.message("m", &["In"]));
    stage.client.submit(&message).await.ongoing();
    stage.participant.always("In", Reply::Success);
    stage.becomes("m", "succeed").await;
    stage.client.submit(&message).await.succeeded();
}

#[rstest]
#[case::tcc("tcc")]
#[case::xa("xa")]
#[tokio::test]
async fn the_end_of_a_commit_is_told(#[case] kind: &str, #[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = impatient(protocol).await;
    stage.client.prepare(&Stage::steered("t", kind)).await.succeeded();
    let mut branch = stage.tcc_branch("t", "01", "Out");
    branch["trans_type"] = kind.into();
    branch["url"] = stage.url("OutConfirm").into();
    stage.client.register(&branch).await.succeeded();
    stage.participant.always("OutConfirm", Reply::Broken);
    let submit = waiting(Stage::steered("t", kind));
    let text = stage.client.submit(&submit).await.ongoing();
    assert!(text.contains("submitted"), "{text}");
    stage.participant.always("OutConfirm", Reply::Success);
    stage.becomes("t", "succeed").await;
    stage.client.submit(&submit).await.succeeded();
}

#[rstest]
#[tokio::test]
async fn who_aborts_and_waits_is_told_when_all_is_undone(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare(&Stage::steered("t", "tcc")).await.succeeded();
    stage.client.register(&stage.tcc_branch("t", "01", "Out")).await.succeeded();
    stage.client.abort(&waiting(Stage::steered("t", "tcc"))).await.succeeded();
    assert_eq!(stage.query("t").await["transaction"]["status"], "failed");
    assert_eq!(stage.participant.log("t"), ["01 cancel OutCancel"]);
}
