//! Pages of transactions.

use rstest::rstest;
use serde_json::Value;

use crate::client::Protocol::Http;
use crate::participant::Reply;
use crate::stage::Stage;

/// One transaction of each kind and status, in this order; what is shown is newest first.
async fn many() -> Stage {
    let stage = Stage::open(Http).await;
    let client = &stage.client;
    stage.participant.always("Poor", Reply::Failure);
    stage.participant.always("Broken", Reply::Broken);
    client.submit(&stage.saga("s-done", &[("Out", "")])).await.succeeded();
    stage.becomes("s-done", "succeed").await;
    client.submit(&stage.saga("s-poor", &[("Poor", "PoorRevert")])).await.succeeded();
    stage.becomes("s-poor", "failed").await;
    client.submit(&stage.saga("s-open", &[("Broken", "")])).await.succeeded();
    client.prepare(&stage.message("m-prepared", &["In"])).await.succeeded();
    client.submit(&stage.message("m-open", &["Broken"])).await.succeeded();
    client.prepare(&Stage::steered("t-prepared", "tcc")).await.succeeded();
    client.prepare(&Stage::steered("t-aborting", "tcc")).await.succeeded();
    let mut branch = stage.tcc_branch("t-aborting", "01", "Out");
    branch["cancel"] = stage.url("Broken").into();
    client.register(&branch).await.succeeded();
    client.abort(&Stage::steered("t-aborting", "tcc")).await.succeeded();
    client.prepare(&Stage::steered("x-prepared", "xa")).await.succeeded();
    stage
}

fn gids(page: &Value) -> Vec<&str> {
    page["transactions"].as_array().into_iter().flatten().map(|each| each["gid"].as_str().expect("a gid")).collect()
}

const ALL: [&str; 8] = ["x-prepared", "t-aborting", "t-prepared", "m-open", "m-prepared", "s-open", "s-poor", "s-done"];

#[tokio::test]
async fn pages_follow_each_other() {
    let stage = many().await;
    for limit in [1, 2, 3, 5, 8, 100] {
        let (mut shown, mut position) = (Vec::new(), String::new());
        loop {
            let path = format!("/all?limit={limit}&position={position}");
            let (status, page) = stage.client.get(&path).await;
            assert!(status == 200 && gids(&page).len() <= limit, "{page}");
            shown.extend(gids(&page).into_iter().map(str::to_owned));
            position = page["next_position"].as_str().expect("text").to_owned();
            if position.is_empty() {
                break;
            }
        }
        assert_eq!(shown, ALL, "limit {limit}");
    }
}

#[rstest]
#[case("status=prepared", &["x-prepared", "t-prepared", "m-prepared"])]
#[case("status=submitted", &["m-open", "s-open"])]
#[case("status=aborting", &["t-aborting"])]
#[case("status=succeed", &["s-done"])]
#[case("status=failed", &["s-poor"])]
#[case("transType=msg", &["m-open", "m-prepared"])]
#[case("transType=tcc&status=prepared", &["t-prepared"])]
#[case("transType=workflow", &[])]
#[case("gid=s-poor", &["s-poor"])]
#[case("gid=none", &[])]
#[case("createTimeStart=1&createTimeEnd=99999999999999", &ALL)]
#[case("createTimeEnd=1000", &[])]
#[case("createTimeStart=99999999999999", &[])]
#[tokio::test]
async fn pages_are_filtered(#[case] filter: &str, #[case] want: &[&str]) {
    let stage = many().await;
    let (status, page) = stage.client.get(&format!("/all?{filter}")).await;
    assert_eq!((status, gids(&page).as_slice(), &page["next_position"]), (200, want, &Value::from("")));
}

#[rstest]
#[case("status=done")]
#[case("transType=sage")]
#[case("position=abc")]
#[case("createTimeStart=now")]
#[tokio::test]
async fn a_wrong_filter_is_told(#[case] filter: &str) {
    let stage = Stage::open(Http).await;
    let (status, answer) = stage.client.get(&format!("/all?{filter}")).await;
    assert!(status == 400 && answer["message"].is_string(), "{status} {answer}");
}

#[tokio::test]
async fn what_is_shown_has_dtms_members() {
    let stage = many().await;
    let (_, page) = stage.client.get("/all?gid=s-done").await;
    let shown = &page["transactions"][0];
    let written: jiff::Timestamp = shown["create_time"].as_str().expect("text").parse().expect("RFC 3339");
    assert!(jiff::Timestamp::now().duration_since(written).as_secs() < 60);
    for (name, want) in [("trans_type", "saga"), ("status", "succeed"), ("protocol", "http")] {
        assert_eq!(shown[name], want, "{name}");
    }
    assert!(shown["id"].is_i64() && shown["update_time"].is_string() && shown["concurrent"] == false, "{shown}");
}
