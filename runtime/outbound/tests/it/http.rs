//! HTTP attempts against a real server.

use std::collections::BTreeMap;
use std::future;
use std::time::Duration;

use crate::participant::{act, bank_at, invalid, lost, outbound, perform, refused_url};
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version};
use axum::response::Redirect;
use axum::routing::any;
use reprise_engine::{Answer, BranchId, BranchOptions, Op, Operation, SqlOperation};
use reprise_outbound::{Call, Outbound, OutboundError, Participant};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const CONFLICT: &str = r#"{"dtm_result":"FAILURE"}"#;

/// Starts a participant and tells its URL.
async fn server() -> String {
    let router = Router::new()
        .route(
            "/status/{status}",
            any(async |Path(status): Path<u16>| (StatusCode::from_u16(status).expect("a status"), CONFLICT)),
        )
        .route("/redirect", any(async || Redirect::temporary("/echo")))
        .route("/silent", any(future::pending::<()>))
        .route("/long/{bytes}", any(async |Path(bytes): Path<usize>| "x".repeat(bytes)))
        .route("/streamed/{bytes}", any(async |Path(bytes): Path<usize>| chunked(bytes)))
        .fallback(echo);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A body without a length in front.
fn chunked(bytes: usize) -> axum::body::Body {
    let chunks = (0..bytes).map(|_| Ok::<_, std::convert::Infallible>(Bytes::from_static(b"x")));
    axum::body::Body::from_stream(futures::stream::iter(chunks))
}

async fn echo(method: Method, uri: Uri, version: Version, headers: HeaderMap, body: Bytes) -> String {
    let text = |value: &axum::http::HeaderValue| value.to_str().expect("ASCII").to_owned();
    let headers: BTreeMap<_, _> = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    json!({
        "method": method.as_str(), "path": uri.path(), "query": uri.query(), "version": format!("{version:?}"),
        "headers": headers, "body": String::from_utf8_lossy(&body),
    })
    .to_string()
}

fn http(method: &str, target: &str, body: &str) -> Operation {
    Operation::Http { method: method.into(), target: target.into(), body: body.into() }
}

fn echoed(answer: Answer) -> Value {
    let Answer::Http { status: 200, headers, body } = &answer else { panic!("no echo: {answer:?}") };
    assert_eq!(*headers, [], "nobody asked for them");
    serde_json::from_slice(body).expect("what echo wrote")
}

#[tokio::test]
async fn a_call_carries_its_identity_and_defaults() {
    let outbound = outbound(&server().await);
    let seen = echoed(act(&outbound, &http("POST", "bank/pay", "{}"), "{}").await);
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["path"], "/pay");
    assert_eq!(seen["query"], "branch_id=02&gid=order-42&op=action&trans_type=workflow");
    assert_eq!(seen["body"], "{}");
    assert_eq!(seen["version"], "HTTP/1.1");
    for (name, want) in [
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("dtm-gid", "order-42"),
        ("dtm-trans-type", "workflow"),
        ("dtm-branch-id", "02"),
        ("dtm-op", "action"),
        ("idempotency-key", "order-42-02-action"),
    ] {
        assert_eq!(seen["headers"][name], want, "{name}");
    }
    let traceparent = seen["headers"]["traceparent"].as_str().expect("sent");
    assert!(traceparent.starts_with("00-") && traceparent.ends_with("-01"), "{traceparent}");
    assert_eq!(seen["headers"].get("reprise-outcome"), None);
}

#[tokio::test]
async fn options_and_participant_change_the_headers() {
    let mut config = bank_at(&server().await);
    let bank = config.participants.get_mut("bank").expect("there");
    bank.headers = [("Authorization".into(), "Bearer b".into()), ("x-from".into(), "participant".into())].into();
    let outbound = Outbound::new(config).expect("valid");
    let options = r#"{"headers": {"Content-Type": "text/plain", "X-From": "branch", "dtm-gid": "forged",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "idempotency_key": "mine"}"#;
    let seen = echoed(act(&outbound, &http("POST", "bank/x", "a"), options).await);
    for (name, want) in [
        ("content-type", "text/plain"),
        ("authorization", "Bearer b"),
        ("x-from", "branch"),
        ("dtm-gid", "order-42"),
        ("idempotency-key", "mine"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ] {
        assert_eq!(seen["headers"][name], want, "{name}");
    }
}

#[tokio::test]
async fn a_branchs_own_key_is_its_actions() {
    let outbound = outbound(&server().await);
    let operation = http("POST", "bank/x", "a");
    let answer = perform(&outbound, &operation, r#"{"idempotency_key": "mine"}"#, Op::Rollback, None).await;
    assert_eq!(echoed(answer)["headers"]["idempotency-key"], "order-42-02-rollback");
}

#[tokio::test]
async fn an_action_that_must_succeed_says_so() {
    let outbound = outbound(&server().await);
    let (gid, operation) = ("order-42".parse().expect("valid gid"), http("POST", "bank/x?must_succeed=forged", ""));
    for (op, must_succeed, want) in [
        (Op::Action, true, "branch_id=02&gid=order-42&op=action&trans_type=workflow&must_succeed=true"),
        (Op::Action, false, "branch_id=02&gid=order-42&op=action&trans_type=workflow"),
        (Op::Commit, true, "branch_id=02&gid=order-42&op=commit&trans_type=workflow"),
    ] {
        let options = BranchOptions::default();
        let branch = BranchId::of_run(2);
        let call = Call {
            gid: &gid,
            branch,
            op,
            operation: &operation,
            options: &options,
            must_succeed,
            attempt: 1,
            outcome: None,
        };
        let seen = echoed(outbound.perform(call).await);
        assert_eq!(seen["query"], want);
        assert_eq!(seen["headers"].get("reprise-must-succeed").is_some(), want.contains("must_succeed"));
    }
}

#[tokio::test]
async fn targets_become_urls() {
    let url = server().await;
    let outbound = outbound(&format!("{url}/base/"));
    let own = "branch_id=02&gid=order-42&op=action&trans_type=workflow";
    for (target, path, query) in [
        ("bank/x", "/base/x", own.to_owned()),
        ("bank", "/base", own.to_owned()),
        ("bank/", "/base/", own.to_owned()),
        ("bank?a=1", "/base", format!("a=1&{own}")),
        ("bank/x?a=%20b&gid=forged&c&%67id=forged#part", "/base/x", format!("a=%20b&c&{own}")),
        ("bank/x?outcome=kept", "/base/x", format!("outcome=kept&{own}")),
        ("bank//other.host/x", "/base//other.host/x", own.to_owned()),
        ("bank/{gid}/{branch_id}", "/base/order-42/02", own.to_owned()),
        (&format!("{url}/{{op}}/{{trans_type}}"), "/action/workflow", own.to_owned()),
        (&format!("{url}/whole?op=forged&a=1"), "/whole", format!("a=1&{own}")),
    ] {
        let seen = echoed(act(&outbound, &http("GET", target, ""), "{}").await);
        assert_eq!((seen["path"].as_str(), seen["query"].as_str()), (Some(path), Some(query.as_str())), "{target}");
    }
}

#[tokio::test]
async fn the_finish_operation_tells_the_outcome() {
    let outbound = outbound(&server().await);
    let call = http("POST", "bank/done?outcome=forged", "");
    let seen = echoed(perform(&outbound, &call, "{}", Op::Finish, Some("failed")).await);
    assert_eq!(seen["query"], "branch_id=02&gid=order-42&op=finish&trans_type=workflow&outcome=failed");
    assert_eq!(seen["headers"]["reprise-outcome"], "failed");
    assert_eq!(seen["headers"]["content-length"], "0", "an empty body is said to be empty");
}

#[tokio::test]
async fn a_get_without_a_body_sends_none() {
    let outbound = outbound(&server().await);
    for (method, body, length) in [("GET", "", None), ("DELETE", "", None), ("DELETE", "x", Some("1"))] {
        let seen = echoed(act(&outbound, &http(method, "bank/x", body), "{}").await);
        assert_eq!(seen["headers"].get("content-length").and_then(Value::as_str), length, "{method} {body:?}");
        assert_eq!(seen["headers"].get("transfer-encoding"), None);
    }
}

#[tokio::test]
async fn every_status_is_an_answer() {
    let outbound = outbound(&server().await);
    for status in [200, 201, 400, 404, 409, 425, 429, 500, 503] {
        let answer = act(&outbound, &http("POST", &format!("bank/status/{status}"), ""), "{}").await;
        assert_eq!(answer, Answer::Http { status, headers: vec![], body: CONFLICT.into() });
    }
    let redirect = act(&outbound, &http("GET", "bank/redirect", ""), "{}").await;
    assert_eq!(redirect.status(), 307);
}

#[tokio::test]
async fn http2_is_spoken_where_configured() {
    let mut config = bank_at(&server().await);
    config.participants.get_mut("bank").expect("there").http2_prior_knowledge = true;
    let outbound = Outbound::new(config).expect("valid");
    let seen = echoed(act(&outbound, &http("POST", "bank/x", "body"), "{}").await);
    assert_eq!((&seen["version"], &seen["body"]), (&json!("HTTP/2.0"), &json!("body")));
}

#[tokio::test]
async fn the_nearest_timeout_counts() {
    let mut config = bank_at(&server().await);
    config.default_timeout = Duration::from_millis(20);
    let silent = http("POST", "bank/silent", "");
    let host = config.participants["bank"].url.trim_start_matches("http://").to_owned();
    let by_default = Outbound::new(config.clone()).expect("valid");
    config.participants.get_mut("bank").expect("there").timeout = Some(Duration::from_millis(30));
    let by_participant = Outbound::new(config).expect("valid");
    for (outbound, options, ms) in
        [(&by_default, "{}", 20), (&by_participant, "{}", 30), (&by_participant, r#"{"timeout_ms": 10}"#, 10)]
    {
        let text = lost(act(outbound, &silent, options).await);
        assert_eq!(text, format!("no answer within {ms} ms from {host}"));
    }
}

#[tokio::test]
async fn a_refused_connection_is_lost_without_secrets() {
    let url = refused_url();
    let outbound = outbound(&url);
    let text = lost(act(&outbound, &http("POST", "bank/x?token=secret", ""), "{}").await);
    let host = url.trim_start_matches("http://");
    assert!(text.starts_with(&format!("can't connect to {host}: ")), "{text}");
    assert!(text.contains("refused") && !text.contains("secret"), "{text}");
    let unknown = lost(act(&outbound, &http("GET", "http://no-such-host.invalid/x?token=secret", ""), "{}").await);
    assert!(unknown.starts_with("can't connect to no-such-host.invalid:80: "), "{unknown}");
    assert!(!unknown.contains("secret"), "{unknown}");
}

#[tokio::test]
async fn a_server_without_tls_is_lost_to_https() {
    let url = server().await.replace("http://", "https://");
    let outbound = outbound(&url);
    let grpc = Operation::Grpc { target: "bank".into(), method: "bank.Bank/Pay".into(), message: vec![] };
    for operation in [http("GET", "bank/x", ""), grpc] {
        let text = lost(act(&outbound, &operation, "{}").await);
        assert!(text.contains("InvalidContentType"), "{operation}: {text}");
    }
}

#[tokio::test]
async fn a_connection_closed_in_the_middle_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let outbound = outbound(&url);
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.expect("the request goes on");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await.expect("the caller listens");
    };
    let call = http("POST", "bank/x", "");
    let (answer, ()) = tokio::join!(act(&outbound, &call, "{}"), serve);
    let text = lost(answer);
    let want = format!("the answer from {} broke off after 3 bytes: ", url.trim_start_matches("http://"));
    assert!(text.starts_with(&want), "{text}");
}

#[tokio::test]
async fn a_long_response_is_lost() {
    let mut config = bank_at(&server().await);
    config.response_bytes_max = 10;
    let outbound = Outbound::new(config).expect("valid");
    for kind in ["long", "streamed"] {
        let fits = act(&outbound, &http("GET", &format!("bank/{kind}/10"), ""), "{}").await;
        assert_eq!(fits, Answer::Http { status: 200, headers: vec![], body: b"xxxxxxxxxx".to_vec() });
        let text = lost(act(&outbound, &http("GET", &format!("bank/{kind}/11"), ""), "{}").await);
        assert!(text.contains("limits.response_bytes") && text.contains("10 bytes"), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_says_what_to_do() {
    let mut config = bank_at("http://127.0.0.1:1/base");
    config.participants.insert("shop".into(), Participant::at("http://127.0.0.1:1"));
    let outbound = Outbound::new(config).expect("valid");
    let header = |text: &str| format!(r#"{{"headers": {{{text}}}}}"#);
    for (operation, options, want) in [
        (
            http("GET", "stock/x", ""),
            "{}".into(),
            "no participant `stock`; configured: bank, shop. Add [participants.stock]",
        ),
        (http("GET", "bank@evil/x", ""), "{}".into(), "no participant `bank@evil`"),
        (http("GET", "", ""), "{}".into(), "no participant ``"),
        (http("GET", "bank/../x", ""), "{}".into(), "leaves the participant's path `/base`"),
        (http("GET", "bank/%2e%2e/x", ""), "{}".into(), "leaves the participant's path"),
        (http("GET", "bank/\\..\\..\\x", ""), "{}".into(), "leaves the participant's path"),
        (http("GET", "http://:9/x?t=secret", ""), "{}".into(), "`http://:9/x` is no usable URL: empty host"),
        (http("GET", "http://me:secret@host/x", ""), "{}".into(), "must not hold a user or password"),
        (http("GE T", "bank/x", ""), "{}".into(), "`GE T` is no HTTP method"),
        (http("get", "bank/x", ""), "{}".into(), "upper case"),
        (http("CONNECT", "bank/x", ""), "{}".into(), "`CONNECT` is no HTTP method"),
        (http("GET", "bank/x", ""), header(r#""a b": "1""#), "header `a b` is no header name"),
        (http("GET", "bank/x", ""), header(r#""a": "secret\n""#), "header `a` has a value with control characters"),
        (http("GET", "bank/x", ""), header(r#""Host": "x""#), "header `Host` belongs to the connection"),
        (http("GET", "bank/x", ""), r#"{"idempotency_key": "\n"}"#.into(), "header `idempotency-key`"),
        (
            Operation::Sql(SqlOperation { database: "ledger".into(), statements: vec![] }),
            "{}".into(),
            "no database `ledger`; configured: none",
        ),
        (
            Operation::Xa(SqlOperation { database: "ledger".into(), statements: vec![] }),
            "{}".into(),
            "no database `ledger`; configured: none",
        ),
    ] {
        let text = invalid(act(&outbound, &operation, &options).await);
        assert!(text.contains(want) && !text.contains("secret"), "{operation}: {text}");
    }
}

#[tokio::test]
async fn whole_urls_can_be_switched_off() {
    let mut config = bank_at("http://127.0.0.1:1");
    config.allow_urls = false;
    let outbound = Outbound::new(config).expect("valid");
    for other in ["HTTP://127.0.0.1:2/x", "https://127.0.0.1:1/x", "http://localhost:1/x"] {
        let text = invalid(act(&outbound, &http("GET", other, ""), "{}").await);
        assert!(text.contains("allow_urls"), "{other}: {text}");
    }
    lost(act(&outbound, &http("GET", "HTTP://127.0.0.1:1/x", ""), "{}").await);
}

#[test]
fn participants_are_checked_at_the_start() {
    let with_header = |name: &str, value: &str| {
        let mut participant = Participant::at("http://a");
        participant.headers.insert(name.into(), value.into());
        participant
    };
    let with = |toml: &str| {
        let text = format!("url = 'http://a'\n{toml}");
        toml::from_str::<Participant>(&text).expect("types are right")
    };
    for (name, participant, want) in [
        ("bank", Participant::at("bank:80"), "write http(s)://host:port"),
        ("bank", Participant::at("127.0.0.1:80"), "write http(s)://host:port"),
        ("bank", Participant::at("http://me:secret@a"), "set headers.authorization instead"),
        ("bank", Participant::at("http://a?key=secret"), "query"),
        ("a/b", Participant::at("http://a"), "its name"),
        ("bank", with("timeout_ms = 0"), "timeout_ms is 0"),
        ("bank", with("retry = { attempts = 0 }"), "retry.attempts is 0"),
        ("bank", with("retry = { jitter = 2 }"), "retry.jitter"),
        ("bank", with("deadline_ms = 0"), "deadline_ms"),
        ("bank", with("outcome_map = { http = { '4xx' = 'failure' } }"), "outcome_map.http: \"4xx\""),
        ("bank", with("outcome_map = { grpc = { NOT_THERE = 'failure' } }"), "outcome_map.grpc: \"NOT_THERE\""),
        ("bank", with("outcome_map = { matches = [{ outcome = 'failure' }] }"), "outcome_map.matches"),
        ("bank", with("rate = { per_second = 0 }"), "rate.per_second"),
        ("bank", with("rate = { per_second = -1.5 }"), "rate.per_second"),
        ("bank", with("breaker = { failures = 1, open_ms = 0 }"), "breaker.open_ms"),
        ("bank", with_header("connection", "close"), "belongs to the connection"),
        ("bank", with_header("authorization", "secret\n"), "header `authorization`"),
    ] {
        let mut config = bank_at("http://a");
        config.participants.insert(name.into(), participant);
        let error: OutboundError = Outbound::new(config).expect_err(want);
        let text = error.to_string();
        assert!(text.starts_with(&format!("participant `{name}`: ")) && text.contains(want), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
