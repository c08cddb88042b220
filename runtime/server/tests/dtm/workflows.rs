//! Workflows that run in their client: progress is kept, and whoever has them is called until they end.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{self, Grpc, Http};
use crate::client::Told;
use crate::participant::{Reply, base64};
use crate::stage::Stage;

/// A workflow that is called back each second.
fn workflow(stage: &Stage, gid: &str) -> Value {
    let custom_data = json!({ "name": "transfer", "data": base64(b"{\"amount\": 30}") }).to_string();
    let protocol = if stage.client.protocol == Grpc { "grpc" } else { "http" };
    json!({ "gid": gid, "trans_type": "workflow", "custom_data": custom_data, "protocol": protocol,
        "query_prepared": stage.url("Resume"), "retry_interval": 1 })
}

fn done(gid: &str, branch: &str, status: &str, data: &str) -> Value {
    json!({ "gid": gid, "trans_type": "workflow", "branch_id": branch, "op": "action", "status": status, "data": data })
}

fn end(gid: &str, extra: Value) -> Value {
    json!({ "gid": gid, "trans_type": "workflow", "req_extra": extra })
}

#[rstest]
#[tokio::test]
async fn progress_is_kept(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let workflow = workflow(&stage, "w");
    let begun = stage.client.prepare_workflow(&workflow).await.expect("it begins");
    assert_eq!((&begun["transaction"]["status"], &begun["progresses"]), (&json!("prepared"), &json!([])));
    for _ in 0..2 {
        stage.client.register(&done("w", "01", "succeed", "paid")).await.succeeded();
    }
    stage.client.register(&done("w", "02", "failed", "poor")).await.succeeded();
    // Failure would make this run undo what the other one goes on with.
    let text = stage.client.register(&done("w", "02", "succeed", "rich")).await.ongoing();
    assert!(text.contains("`02` is reported already"), "{text}");
    let known = stage.client.prepare_workflow(&workflow).await.expect("it is known");
    let progress = |index: usize, name: &str| known["progresses"][index][name].as_str().expect("text").to_owned();
    let shown = |index| {
        [progress(index, "branch_id"), progress(index, "op"), progress(index, "status"), progress(index, "bin_data")]
    };
    assert_eq!(shown(0), ["01", "action", "succeed", base64(b"paid").as_str()]);
    assert_eq!(shown(1), ["02", "action", "failed", base64(b"poor").as_str()]);
    assert_eq!(known["progresses"].as_array().expect("a list").len(), 2);
}

#[rstest]
#[tokio::test]
async fn its_end_and_its_result_are_kept(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let workflow = workflow(&stage, "w");
    stage.client.prepare_workflow(&workflow).await.expect("it begins");
    let result = base64(b"\x00\xffreceipt");
    for _ in 0..2 {
        stage.client.submit(&end("w", json!({ "status": "succeed", "result": result }))).await.succeeded();
    }
    let known = stage.client.prepare_workflow(&workflow).await.expect("it is known");
    assert_eq!(known["transaction"]["status"], "succeed");
    assert_eq!(known["transaction"]["result"], result, "over gRPC too");
    let shown = stage.query("w").await;
    assert_eq!(shown["transaction"]["query_prepared"], stage.url("Resume"), "the end does not overwrite the beginning");
    let text = stage.client.submit(&end("w", json!({ "status": "failed" }))).await.failure();
    assert_eq!(text, "current status 'succeed', cannot sumbmit. FAILURE");
    let text = stage.client.register(&done("w", "09", "succeed", "")).await.failure();
    assert_eq!(text, "no trans with gid: w status: prepared found FAILURE");
}

#[rstest]
#[tokio::test]
async fn a_failure_has_its_reason(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let workflow = workflow(&stage, "w");
    stage.client.prepare_workflow(&workflow).await.expect("it begins");
    stage.client.submit(&end("w", json!({ "status": "failed", "rollback_reason": "poor" }))).await.succeeded();
    let known = stage.client.prepare_workflow(&workflow).await.expect("it is known");
    assert_eq!(
        (&known["transaction"]["status"], &known["transaction"]["rollback_reason"]),
        (&json!("failed"), &json!("poor"))
    );
}

#[rstest]
#[tokio::test]
async fn who_has_it_is_called_until_it_ends(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.participant.answers("Resume", [Reply::Success, Reply::Broken, Reply::Failure]);
    stage.client.prepare_workflow(&workflow(&stage, "w")).await.expect("it begins");
    let calls = stage.participant.asked("w", "Resume", 4).await;
    for call in &calls {
        let identity = (call.branch.as_str(), call.op.as_str(), call.trans_type.as_str());
        assert_eq!(identity, ("00", "transfer", "workflow"));
        // In gRPC the input is the first field of a message.
        let input = if protocol == Grpc { &call.body[2..] } else { &call.body[..] };
        assert_eq!(input, b"{\"amount\": 30}");
    }
    stage.client.submit(&end("w", json!({ "status": "succeed" }))).await.succeeded();
    stage.becomes("w", "succeed").await;
    let calls = stage.participant.log("w").len();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(stage.participant.log("w").len(), calls, "what has ended is not called");
}

#[tokio::test]
async fn who_reports_is_not_called_for_a_while() {
    // Between two reports it leaves memory, as what takes longer does.
    let stage = Stage::with(Http, |config| config.idle_ms = 50).await;
    let every = Duration::from_secs(4);
    let mut workflow = workflow(&stage, "w");
    workflow["retry_interval"] = every.as_secs().into();
    let begun = Instant::now();
    stage.client.prepare_workflow(&workflow).await.expect("it begins");
    for branch in ["01", "02"] {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stage.client.register(&done("w", branch, "succeed", "")).await.succeeded();
    }
    let reported = Instant::now();
    let first = stage.participant.asked("w", "Resume", 1).await[0].at;
    assert!(reported > begun + every, "the first call was due before the last report");
    assert!(first >= reported + every - Duration::from_millis(500), "{:?} after a report", first - reported);
}

#[rstest]
#[tokio::test]
async fn another_input_is_answered_with_what_is_kept(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare_workflow(&workflow(&stage, "w")).await.expect("it begins");
    stage.client.submit(&end("w", json!({ "status": "succeed", "result": base64(b"receipt") }))).await.succeeded();
    let mut again = workflow(&stage, "w");
    again["custom_data"] = json!({ "name": "transfer", "data": base64(b"{ \"amount\": 30 }") }).to_string().into();
    let known = stage.client.prepare_workflow(&again).await.expect("it is known");
    let shown = (&known["transaction"]["status"], &known["transaction"]["result"]);
    assert_eq!(shown, (&json!("succeed"), &json!(base64(b"receipt"))));
}

#[tokio::test]
async fn an_empty_input_is_asked_for_by_get() {
    let stage = Stage::open(Http).await;
    let mut workflow = workflow(&stage, "w");
    workflow["custom_data"] = r#"{"name": "transfer", "data": null}"#.into();
    stage.client.prepare_workflow(&workflow).await.expect("it begins");
    let calls = stage.participant.asked("w", "Resume", 1).await;
    assert_eq!((calls[0].method.as_str(), calls[0].op.as_str()), ("GET", "transfer"));
}

#[rstest]
#[case::none(json!({}))]
#[case::another(json!({ "status": "aborting" }))]
#[tokio::test]
async fn an_end_needs_a_status(#[case] extra: Value, #[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare_workflow(&workflow(&stage, "w")).await.expect("it begins");
    let told = stage.client.submit(&end("w", extra)).await;
    assert!(matches!(&told, Told::Other(_, text) if text.contains("req_extra.status")), "{told:?}");
    assert_eq!(stage.query("w").await["transaction"]["status"], "prepared");
}

#[rstest]
#[tokio::test]
async fn an_unknown_workflow_can_not_end(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let told = stage.client.submit(&end("w", json!({ "status": "succeed" }))).await;
    assert!(matches!(&told, Told::Other(_, text) if text == "no TransGlobal with gid: w found"), "{told:?}");
    let text = stage.client.abort(&end("w", json!({}))).await;
    assert!(matches!(text, Told::Other(..)), "{text:?}");
}

#[rstest]
#[tokio::test]
async fn only_its_client_rolls_it_back(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare_workflow(&workflow(&stage, "w")).await.expect("it begins");
    let text = stage.client.abort(&end("w", json!({}))).await.failure();
    assert_eq!(text, "trans type: 'workflow' current status 'prepared', cannot abort. FAILURE");
}

#[rstest]
#[tokio::test]
async fn a_gid_of_something_else_is_refused(#[values(Http, Grpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare(&Stage::steered("w", "tcc")).await.succeeded();
    let refused = stage.client.prepare_workflow(&workflow(&stage, "w")).await.expect_err("it is a TCC");
    assert!(refused.failure().contains("gid w is in use"));
    if protocol == Http {
        // Go's client looks for a transaction in every answer, and panics where there is none.
        let (status, text) = stage.client.post("/api/dtmsvr/prepareWorkflow", &workflow(&stage, "w")).await;
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status, &answer["transaction"]["status"]), (409, &json!("failed")));
        assert!(answer["transaction"]["rollback_reason"].as_str().expect("a reason").contains("in use"), "{text}");
    }
}
