//! What DTM does wrong, and what is right.

use rstest::rstest;
use serde_json::{Value, json};

use crate::client::Protocol::{self, Grpc, Http, JsonRpc};
use crate::participant::{Reply, base64};
use crate::stage::Stage;

#[rstest]
#[case::tcc("tcc", "confirm", "OutConfirm")]
#[case::xa("xa", "commit", "Out")]
#[tokio::test]
async fn a_repeated_submit_loses_no_confirm(
    #[case] kind: &str,
    #[case] op: &str,
    #[case] name: &str,
    #[values(Http, Grpc, JsonRpc)] protocol: Protocol,
) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare(&Stage::steered("t", kind)).await.succeeded();
    let mut branch = stage.tcc_branch("t", "01", "Out");
    branch["trans_type"] = kind.into();
    branch["url"] = stage.url("Out").into();
    stage.client.register(&branch).await.succeeded();
    stage.participant.always(name, Reply::Broken);
    for _ in 0..3 {
        stage.client.submit(&Stage::steered("t", kind)).await.succeeded();
    }
    stage.participant.asked("t", name, 2).await;
    assert_eq!(stage.query("t").await["transaction"]["status"], "submitted");
    stage.participant.always(name, Reply::Success);
    let shown = stage.becomes("t", "succeed").await;
    assert!(Stage::branches(&shown).contains(&format!("01 {op} succeed")), "{shown}");
}

#[rstest]
#[case::saga("saga")]
#[case::msg("msg")]
#[tokio::test]
async fn a_repeated_submit_calls_nothing_again(#[case] kind: &str, #[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    let made = |names: [&str; 2]| match kind {
        "saga" => stage.saga("g", &names.map(|name| (name, ""))),
        _ => stage.message("g", &names),
    };
    stage.participant.answers("In", [Reply::Broken, Reply::Broken]);
    for _ in 0..3 {
        stage.client.submit(&made(["Out", "In"])).await.succeeded();
    }
    let text = stage.client.submit(&made(["Out", "Other"])).await.failure();
    assert!(text.contains("gid `g` is in use") && text.ends_with("FAILURE"), "{text}");
    stage.ends("g", "succeed", &["01 action Out", "02 action In", "02 action In", "02 action In"]).await;
}

#[rstest]
#[tokio::test]
async fn a_gid_has_one_kind(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    stage.client.prepare(&Stage::steered("t", "tcc")).await.succeeded();
    stage.client.register(&stage.tcc_branch("t", "01", "Out")).await.succeeded();
    let in_use = |text: String| assert!(text.contains("in use") && text.ends_with("FAILURE"), "{text}");
    in_use(stage.client.submit(&stage.saga("t", &[("In", "")])).await.failure());
    in_use(stage.client.submit(&stage.message("t", &["In"])).await.failure());
    in_use(stage.client.prepare(&stage.message("t", &["In"])).await.failure());
    in_use(stage.client.prepare(&Stage::steered("t", "xa")).await.failure());
    in_use(stage.client.submit(&Stage::steered("t", "xa")).await.failure());
    in_use(stage.client.abort(&Stage::steered("t", "xa")).await.failure());
    let end = json!({ "gid": "t", "trans_type": "workflow", "req_extra": { "status": "succeed" } });
    in_use(stage.client.submit(&end).await.failure());
    let branch = json!({ "gid": "t", "trans_type": "xa", "branch_id": "02", "url": stage.url("Out") });
    in_use(stage.client.register(&branch).await.failure());
    let shown = stage.query("t").await;
    assert_eq!(
        (&shown["transaction"]["trans_type"], &shown["transaction"]["status"]),
        (&json!("tcc"), &json!("prepared"))
    );
    stage.client.submit(&Stage::steered("t", "tcc")).await.succeeded();
    stage.ends("t", "succeed", &["01 confirm OutConfirm"]).await;
}

#[rstest]
#[tokio::test]
async fn gids_with_a_common_beginning_are_different(#[values(Http, Grpc, JsonRpc)] protocol: Protocol) {
    let stage = Stage::open(protocol).await;
    for gid in ["t", "t1", "t10", "t100"] {
        stage.client.prepare(&Stage::steered(gid, "tcc")).await.succeeded();
        stage.client.register(&stage.tcc_branch(gid, "01", gid)).await.succeeded();
    }
    for gid in ["t1", "t10", "t", "t100"] {
        assert_eq!(Stage::branches(&stage.query(gid).await).len(), 2);
        stage.client.submit(&Stage::steered(gid, "tcc")).await.succeeded();
        stage.ends(gid, "succeed", &[format!("01 confirm {gid}Confirm").as_str()]).await;
    }
}

#[rstest]
#[case::failure_in_a_text(Reply::Http(200, r#"{"note": "no FAILURE, no ONGOING"}"#), "succeed", 1)]
#[case::failure_in_an_error(Reply::Http(500, "FAILURE of the disk"), "succeed", 2)]
#[case::created(Reply::Http(201, ""), "succeed", 1)]
#[case::no_content(Reply::Http(204, ""), "succeed", 1)]
#[case::said_in_the_body(Reply::Http(200, r#"{"dtm_result": "FAILURE"}"#), "failed", 1)]
#[case::ongoing_in_the_body(Reply::Http(200, r#"{"dtm_result": "ONGOING"}"#), "succeed", 2)]
#[tokio::test]
async fn an_answer_means_what_it_says(#[case] reply: Reply, #[case] status: &str, #[case] calls: usize) {
    let stage = Stage::open(Http).await;
    stage.participant.answers("Out", [reply]);
    stage.client.submit(&stage.saga("s", &[("Out", "")])).await.succeeded();
    stage.becomes("s", status).await;
    assert_eq!(stage.participant.log("s").len(), calls);
}

#[tokio::test]
async fn slow_workflows_do_not_wait_for_each_other() {
    let stage = Stage::open(Http).await;
    let slow = std::time::Duration::from_secs(2);
    stage.participant.always("Resume", Reply::Late(slow));
    let begun = std::time::Instant::now();
    for gid in 0..8 {
        let workflow = json!({ "gid": format!("w{gid}"), "trans_type": "workflow", "custom_data": "{\"name\": \"w\"}",
            "query_prepared": stage.url("Resume"), "retry_interval": 1 });
        stage.client.prepare_workflow(&workflow).await.expect("it begins");
    }
    for gid in 0..8 {
        stage.participant.asked(&format!("w{gid}"), "Resume", 1).await;
    }
    assert!(begun.elapsed() < 4 * slow, "one after the other they would take {:?}", 8 * slow);
}

#[tokio::test]
async fn a_workflow_that_is_under_way_is_not_called_twice() {
    let stage = Stage::open(Http).await;
    let long = std::time::Duration::from_secs(4);
    stage.participant.always("Resume", Reply::Late(long));
    let workflow = json!({ "gid": "w", "trans_type": "workflow", "custom_data": "{\"name\": \"w\"}",
        "query_prepared": stage.url("Resume"), "retry_interval": 1 });
    stage.client.prepare_workflow(&workflow).await.expect("it begins");
    let calls = stage.participant.asked("w", "Resume", 2).await;
    assert!(calls[1].at - calls[0].at >= long, "the second call waits for the end of the first");
}

#[tokio::test]
async fn long_inputs_and_results_are_kept() {
    let stage = Stage::open(Http).await;
    let input = base64(&[7; 6_000]);
    let custom_data = json!({ "name": "w", "data": input }).to_string();
    let workflow = json!({ "gid": "w", "trans_type": "workflow", "custom_data": custom_data,
        "query_prepared": stage.url("Resume") });
    stage.client.prepare_workflow(&workflow).await.expect("it begins");
    let result = "r".repeat(15_000);
    let end = json!({ "gid": "w", "trans_type": "workflow", "req_extra": { "status": "succeed", "result": result } });
    stage.client.submit(&end).await.succeeded();
    let shown = stage.query("w").await;
    assert_eq!(shown["transaction"]["result"], result);
    let kept: Value = serde_json::from_str(shown["transaction"]["custom_data"].as_str().expect("text")).expect("JSON");
    assert_eq!((&kept["name"], &kept["data"]), (&json!("w"), &json!(input)));
}

#[tokio::test]
async fn more_than_ninety_nine_branches_are_kept() {
    let stage = Stage::open(Http).await;
    let names: Vec<String> = (0..120).map(|number| format!("B{number}")).collect();
    let steps: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    stage.client.submit(&stage.saga("s", &steps)).await.succeeded();
    let shown = stage.becomes("s", "succeed").await;
    assert_eq!(Stage::branches(&shown)[239], "120 action succeed");
}
