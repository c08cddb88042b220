//! Clients as tonic generates them, on the channel of a branch: messages, metadata, timeouts, statuses.
#![cfg(feature = "tonic")]

use std::time::Duration;

use http::uri::PathAndQuery;
use reprise_guest::{
    Failure, GrpcChannel, Transaction,
    testing::{Answer, TestHost},
};
use tonic::{Code, Request, Response, Status, metadata::MetadataValue};
use tonic_prost::ProstCodec;

const PAY: &str = "GRPC bank/bank.v1.Bank/Pay";

/// What a generated client does for a method `Pay(string) returns (string)`.
async fn pay(channel: GrpcChannel, request: impl tonic::IntoRequest<String>) -> Result<Response<String>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await?;
    let path = PathAndQuery::from_static("/bank.v1.Bank/Pay");
    client.unary(request.into_request(), path, ProstCodec::default()).await
}

fn text(text: &str) -> Answer {
    Answer::encode(&text.to_owned())
}

#[test]
fn messages_and_metadata_go_both_ways() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<String, Failure> {
        let mut request = Request::new("alice".to_owned());
        request.metadata_mut().append("x-tenant", MetadataValue::from_static("acme"));
        request.metadata_mut().append("x-tenant", MetadataValue::from_static("west"));
        request.metadata_mut().insert_bin("x-key-bin", MetadataValue::from_bytes(&[0, 255]));
        let response = pay(tx.grpc("bank").read_only(), request).await?;
        let metadata = response.metadata();
        let state = metadata.get("x-state").map(|value| value.to_str().map(str::to_owned)).transpose()?;
        let key = metadata.get_bin("x-key-bin").map(MetadataValue::to_bytes).transpose()?;
        Ok(format!("{} {state:?} {key:?}", response.into_inner()))
    }
    let run = TestHost::new()
        .on(PAY, |request| {
            text(&request.decode::<String>()).header("x-state", "paid").header("x-key-bin", [1, 254]).header("te", "x")
        })
        .run(workflow, ());
    assert_eq!(run.result.as_deref(), Ok(r#"alice Some("paid") Some(b"\x01\xfe")"#));
    let headers: Vec<_> = run.calls[0].headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("x-key-bin", "AP8"), ("x-tenant", "acme,west")]);
}

#[test]
fn a_refusal_is_a_status_with_details_and_a_failure_with_its_text() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<String, Failure> {
        let channel = tx.grpc("bank").read_only();
        let status = pay(channel.clone(), "a".to_owned()).await.expect_err("refused");
        let reason = status.metadata().get("x-reason").and_then(|value| value.to_str().ok());
        reprise_guest::log::info(format_args!(
            "{} {} {:?} {reason:?}",
            status.code(),
            status.message(),
            status.details()
        ));
        Ok(pay(channel, "b".to_owned()).await?.into_inner())
    }
    let run = TestHost::new()
        .on(PAY, |_| {
            Answer::status(10, "too little money")
                .header("grpc-status-details-bin", [8, 10])
                .header("x-reason", "balance")
        })
        .run(workflow, ());
    assert_eq!(run.log[0].1, format!("{} too little money [8, 10] Some(\"balance\")", Code::Aborted));
    let failure = run.result.expect_err("refused");
    assert_eq!(failure.message, "the participant refused: too little money");
    assert_eq!(failure.details, b"too little money");
}

#[test]
fn a_timeout_is_that_of_an_attempt() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        let mut request = Request::new("alice".to_owned());
        request.set_timeout(Duration::from_millis(250));
        let branch = tx.branch().options(reprise_guest::Options::new().attempts(1)).read_only();
        let status = pay(branch.grpc("bank"), request).await.expect_err("late");
        assert_eq!(status.code(), Code::Unavailable);
        Err(status.into())
    }
    let run = TestHost::new().on(PAY, |_| text("").after(Duration::from_secs(9))).run(workflow, ());
    assert_eq!(run.elapsed, Duration::from_millis(250));
    let message = run.result.expect_err("late").message;
    assert_eq!(message, "no success within the allowed attempts: 1 attempt: no answer within 250ms");
}

#[test]
fn a_branch_has_one_call() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        let channel = tx.branch().read_only().grpc("bank");
        pay(channel.clone(), "a".to_owned()).await?;
        let status = pay(channel, "b".to_owned()).await.expect_err("the second one");
        assert_eq!(status.code(), Code::FailedPrecondition);
        Err(status.into())
    }
    let run = TestHost::new().on(PAY, |_| text("")).run(workflow, ());
    let message = run.result.expect_err("the second one").message;
    assert_eq!(message, "branch 01 has its operation already; open another one with `new-branch`");
    assert_eq!(run.calls.len(), 1);
}

#[test]
fn what_is_registered_is_the_call_of_the_closure() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        let branch = tx
            .branch()
            .on_commit_grpc("bank", async |bank| pay(bank, "confirm".to_owned()).await)
            .on_rollback_grpc("bank", async |bank| pay(bank, "undo".to_owned()).await);
        pay(branch.grpc("bank"), "try".to_owned()).await?;
        Ok(())
    }
    let run = TestHost::new().on(PAY, |_| text("")).run(workflow, ());
    assert_eq!(run.trace[1], "01 commit GRPC bank/bank.v1.Bank/Pay: success");
    assert_eq!(run.calls[1].decode::<String>(), "confirm");
}

#[test]
fn what_can_not_be_registered_is_a_mistake_of_the_branch() {
    async fn workflow(tx: &Transaction, metadata: bool) -> Result<(), Failure> {
        let branch = if metadata {
            tx.branch().on_rollback_grpc("bank", async |bank| {
                let mut request = Request::new(String::new());
                request.metadata_mut().insert("x-tenant", MetadataValue::from_static("acme"));
                pay(bank, request).await
            })
        } else {
            tx.branch().on_rollback_grpc("bank", async |_| Ok(()))
        };
        pay(branch.grpc("bank"), String::new()).await?;
        Ok(())
    }
    for (metadata, want) in [(true, "are options of the branch"), (false, "has to call one method of its channel")] {
        let message = TestHost::new().run(workflow, metadata).result.expect_err(want).message;
        assert!(message.contains(want), "{message}");
    }
}

#[test]
fn streams_are_refused() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        let mut client = tonic::client::Grpc::new(tx.grpc("bank").read_only());
        client.ready().await?;
        let messages = futures::stream::iter(["a".to_owned(), "b".to_owned()]);
        let path = PathAndQuery::from_static("/bank.v1.Bank/PayAll");
        let codec = ProstCodec::<String, String>::default();
        let status = client.client_streaming(Request::new(messages), path, codec).await.expect_err("two messages");
        assert_eq!(status.code(), Code::Unimplemented);
        Err(status.into())
    }
    let run = TestHost::new().run(workflow, ());
    assert!(run.result.expect_err("two messages").message.contains("a workflow makes unary calls only"));
    assert!(run.calls.is_empty());
}
