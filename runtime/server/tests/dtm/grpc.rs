//! gRPC: what is its own.

use reprise::dtm::pb;
use rstest::rstest;
use serde_json::json;
use tonic::Code;

use crate::client::Protocol::Grpc;
use crate::client::request;
use crate::stage::Stage;

#[rstest]
#[case::no_gid(json!({ "trans_type": "saga" }), Code::InvalidArgument)]
#[case::unknown(json!({ "gid": "none", "trans_type": "tcc" }), Code::NotFound)]
#[case::in_use(json!({ "gid": "used", "trans_type": "tcc" }), Code::Aborted)]
#[tokio::test]
async fn errors_have_codes(#[case] trans: serde_json::Value, #[case] code: Code) {
    let stage = Stage::open(Grpc).await;
    stage.client.submit(&stage.saga("used", &[("Out", "")])).await.succeeded();
    let refused = stage.client.grpc.clone().submit(request(&trans)).await.expect_err("it is refused");
    assert_eq!(refused.code(), code, "{refused}");
}

#[tokio::test]
async fn steps_that_are_no_json_are_refused() {
    let stage = Stage::open(Grpc).await;
    let trans = pb::DtmRequest { steps: "[".into(), ..request(&stage.saga("s", &[])) };
    let refused = stage.client.grpc.clone().submit(trans).await.expect_err("it is refused");
    assert!(refused.code() == Code::InvalidArgument && refused.message().contains("Steps"), "{refused}");
}

#[tokio::test]
async fn messages_need_not_be_text() {
    let stage = Stage::open(Grpc).await;
    let payload = vec![0x0a, 0xff, 0x00, 0x80];
    let trans = pb::DtmRequest { bin_payloads: vec![payload.clone()], ..request(&stage.saga("s", &[("Out", "")])) };
    stage.client.grpc.clone().submit(trans).await.expect("it is taken");
    stage.becomes("s", "succeed").await;
    let calls = stage.participant.calls("s");
    assert_eq!(calls[0].body, payload);
    assert_eq!(calls[0].headers["dtm-dtm"], "", "as DTM sends it");
}

#[tokio::test]
async fn the_service_describes_itself() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let stage = Stage::open(Grpc).await;
    let mut client = ServerReflectionClient::new(stage.client.channel.clone());
    let list = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut replies =
        client.server_reflection_info(futures::stream::iter([list])).await.expect("it answers").into_inner();
    let reply = replies.message().await.expect("an answer").expect("one").message_response;
    let Some(MessageResponse::ListServicesResponse(services)) = reply else { panic!("no list: {reply:?}") };
    assert!(services.service.iter().any(|service| service.name == "dtmgimp.Dtm"), "{services:?}");
}
