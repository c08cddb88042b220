//! gRPC attempts against a real server with real messages.

use std::convert::Infallible;
use std::future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use crate::participant::{act, bank_at, invalid, lost, outbound, perform, refused_url};
use axum::body::Bytes;
use prost::Message;
use reprise_engine::{Answer, Headers, Op, Operation};
use reprise_outbound::Outbound;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

/// What the bank is asked, and what it answers.
#[derive(Clone, PartialEq, Message)]
struct Pay {
    #[prost(string, tag = "1")]
    what: String,
}

/// The service: `what` says how to answer. It counts its calls.
#[derive(Clone, Default)]
pub(crate) struct Bank {
    pub(crate) calls: Arc<AtomicUsize>,
}

impl NamedService for Bank {
    const NAME: &'static str = "bank.Bank";
}

impl tower::Service<axum::http::Request<Body>> for Bank {
    type Response = axum::http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: axum::http::Request<Body>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let bank = self.clone();
        Box::pin(async {
            if request.uri().path() != "/bank.Bank/Pay" {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            Ok(Grpc::new(ProstCodec::<Pay, Pay>::default()).unary(bank, request).await)
        })
    }
}

impl UnaryService<Pay> for Bank {
    type Response = Pay;
    type Future = BoxFuture<Response<Pay>, Status>;

    fn call(&mut self, request: Request<Pay>) -> Self::Future {
        Box::pin(async move {
            match request.get_ref().what.as_str() {
                "metadata" => Ok(Response::new(Pay { what: metadata(&request) })),
                "tagged" => {
                    let mut response = Response::new(Pay { what: "tagged".into() });
                    response.metadata_mut().insert("x-tag", MetadataValue::from_static("a"));
                    response.metadata_mut().insert_bin("x-raw-bin", MetadataValue::from_bytes(&[0, 159, 255]));
                    Ok(response)
                }
                "explain" => {
                    let mut metadata = MetadataMap::new();
                    metadata.insert("x-tag", MetadataValue::from_static("b"));
                    Err(Status::with_details_and_metadata(Code::Aborted, "no", Bytes::from_static(&[8, 1]), metadata))
                }
                "refuse" => Err(Status::aborted("not enough money")),
                "wait" => Err(Status::failed_precondition("ONGOING")),
                "silent" => future::pending().await,
                other => Ok(Response::new(Pay { what: other.to_owned() })),
            }
        })
    }
}

/// One line per entry, sorted.
fn metadata(request: &Request<Pay>) -> String {
    let headers = request.metadata().clone().into_headers();
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().expect("ASCII"))).collect();
    lines.sort();
    lines.join("\n")
}

async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let serve = Server::builder().add_service(Bank::default()).serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(serve);
    url
}

pub(crate) fn pay(target: &str, what: &str) -> Operation {
    let message = Pay { what: what.into() }.encode_to_vec();
    Operation::Grpc { target: target.into(), method: "bank.Bank/Pay".into(), message }
}

pub(crate) fn paid(answer: Answer) -> String {
    let Answer::Grpc { code: 0, headers, body } = &answer else { panic!("not OK: {answer:?}") };
    assert_eq!(*headers, [], "nobody asked for them");
    Pay::decode(body.as_slice()).expect("what the bank wrote").what
}

#[tokio::test]
async fn messages_go_there_and_back() {
    let url = server().await;
    let outbound = outbound(&url);
    let long = "x".repeat(100_000);
    for target in ["bank", "bank/", url.as_str(), url.as_str()] {
        for what in ["", "coffee", long.as_str()] {
            assert_eq!(paid(act(&outbound, &pay(target, what), "{}").await), what, "{target}");
        }
    }
}

#[tokio::test]
async fn concurrent_calls_share_a_channel() {
    let outbound = outbound(&server().await);
    let operations: Vec<_> = (0..64).map(|i| pay("bank", &i.to_string())).collect();
    let calls = operations.iter().map(|operation| act(&outbound, operation, "{}"));
    let answers = futures::future::join_all(calls).await;
    for (i, answer) in answers.into_iter().enumerate() {
        assert_eq!(paid(answer), i.to_string());
    }
}

#[tokio::test]
async fn metadata_is_as_dtm_sends_it() {
    let outbound = outbound(&server().await);
    let options = r#"{"headers": {"x-shop": "7"}, "timeout_ms": 5000}"#;
    let seen = paid(perform(&outbound, &pay("bank", "metadata"), options, Op::Finish, Some("succeeded")).await);
    for want in [
        "dtm-branch_id=02",
        "dtm-dtm=",
        "dtm-gid=order-42",
        "dtm-op=finish",
        "dtm-trans_type=workflow",
        "grpc-timeout=5",
        "idempotency-key=order-42-02-finish",
        "reprise-outcome=succeeded",
        "traceparent=00-",
        "x-shop=7",
    ] {
        assert!(seen.lines().any(|line| line.starts_with(want)), "{want} is not in\n{seen}");
    }
}

#[tokio::test]
async fn a_status_is_an_answer() {
    let outbound = outbound(&server().await);
    for (what, code, text) in [("refuse", 10, "not enough money"), ("wait", 9, "ONGOING")] {
        let answer = act(&outbound, &pay("bank", what), "{}").await;
        assert_eq!(answer, Answer::Grpc { code, headers: vec![], body: text.into() });
    }
    let unknown = Operation::Grpc { target: "bank".into(), method: "/bank.Bank/Steal".into(), message: vec![] };
    let want = Answer::Grpc { code: 12, headers: vec![], body: "no such method".into() };
    assert_eq!(act(&outbound, &unknown, "{}").await, want);
}

#[tokio::test]
async fn metadata_comes_back_where_it_is_asked_for() {
    let outbound = outbound(&server().await);
    let full = r#"{"answer": "full"}"#;
    let (headers, _) = act(&outbound, &pay("bank", "tagged"), full).await.into_parts();
    let value = |headers: &Headers, name: &str| {
        headers.iter().find(|(has, _)| has == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!(value(&headers, "x-tag"), b"a");
    assert_eq!(value(&headers, "x-raw-bin"), [0, 159, 255], "the bytes, not their base64");
    let answer = act(&outbound, &pay("bank", "explain"), full).await;
    assert_eq!(answer.status(), 10);
    let (headers, body) = answer.into_parts();
    assert_eq!(body, b"no");
    assert_eq!(value(&headers, "x-tag"), b"b");
    assert_eq!(value(&headers, "grpc-status-details-bin"), [8, 1]);
}

#[tokio::test]
async fn a_whole_url_of_a_participant_gets_its_credentials() {
    let url = server().await;
    let mut config = bank_at(&url);
    config.allow_urls = false;
    config.participants.get_mut("bank").expect("there").headers = [("x-key".into(), "k".into())].into();
    let outbound = Outbound::new(config).expect("valid");
    let seen = paid(act(&outbound, &pay(&url, "metadata"), "{}").await);
    assert!(seen.lines().any(|line| line == "x-key=k"), "{seen}");
    let other = invalid(act(&outbound, &pay("http://127.0.0.1:1", "metadata"), "{}").await);
    assert!(other.contains("allow_urls"), "{other}");
}

#[tokio::test]
async fn silence_is_lost() {
    let url = server().await;
    let outbound = outbound(&url);
    let text = lost(act(&outbound, &pay("bank", "silent"), r#"{"timeout_ms": 30}"#).await);
    assert_eq!(text, format!("no answer within 30 ms from {}", url.trim_start_matches("http://")));
}

#[tokio::test]
async fn a_refused_connection_is_lost_and_the_channel_recovers() {
    let url = refused_url();
    let address = url.trim_start_matches("http://").to_owned();
    let outbound = outbound(&url);
    let text = lost(act(&outbound, &pay("bank", "coffee"), "{}").await);
    assert!(text.starts_with(&format!("no answer from {address}: ")) && text.contains("refused"), "{text}");
    let listener = TcpListener::bind(&address).await.expect("the port is free again");
    tokio::spawn(Server::builder().add_service(Bank::default()).serve_with_incoming(TcpIncoming::from(listener)));
    assert_eq!(paid(act(&outbound, &pay("bank", "coffee"), "{}").await), "coffee");
}

#[tokio::test]
async fn a_long_message_is_lost() {
    let mut config = bank_at(&server().await);
    config.response_bytes_max = 100;
    let outbound = Outbound::new(config).expect("valid");
    let text = lost(act(&outbound, &pay("bank", &"x".repeat(101)), "{}").await);
    assert!(text.contains("limits.response_bytes"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_sent_says_what_to_do() {
    let outbound = outbound("http://127.0.0.1:1");
    for (target, method, want) in [
        ("shop", "bank.Bank/Pay", "no participant `shop`; configured: bank"),
        ("bank/x", "bank.Bank/Pay", "gRPC target `bank/x` is neither a participant nor http(s)://host:port"),
        ("http://127.0.0.1:1/x", "bank.Bank/Pay", "gRPC target `http://127.0.0.1:1/x`"),
        ("http://me:secret@127.0.0.1:1", "bank.Bank/Pay", "user or password"),
        ("http://me:secret@:1", "bank.Bank/Pay", "gRPC target `:1`"),
        ("bank", "Pay", "`Pay` is no gRPC method; write package.Service/Method"),
    ] {
        let operation = Operation::Grpc { target: target.into(), method: method.into(), message: vec![] };
        let text = invalid(act(&outbound, &operation, "{}").await);
        assert!(text.contains(want) && !text.contains("secret"), "{target} {method}: {text}");
    }
}
