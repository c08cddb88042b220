//! Requests that a guest's own HTTP client made: sent as they are, with the identity, to whom they name and to nobody
//! else.

use std::collections::BTreeMap;

use crate::participant::{act, bank_at, invalid, lost, outbound};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::any;
use reprise_engine::{Answer, Headers, Operation};
use reprise_outbound::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const OWN: &str = "branch_id=02&gid=order-42&op=action&trans_type=workflow";

async fn server() -> String {
    let router = Router::new()
        .route("/redirect", any(async || Redirect::temporary("/elsewhere")))
        .route("/cookies", any(async || ([(header::SET_COOKIE, "a=1")], [(header::VARY, "x")], "c").into_response()))
        .route("/long/{bytes}", any(async |axum::extract::Path(n): axum::extract::Path<usize>| vec![7_u8; n]))
        .route("/streamed/{bytes}", any(async |axum::extract::Path(n): axum::extract::Path<usize>| streamed(n)))
        .fallback(echo)
        .layer(DefaultBodyLimit::disable());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn streamed(bytes: usize) -> Body {
    let chunk = move |start: usize| Ok::<_, std::convert::Infallible>(Bytes::from(vec![7; (bytes - start).min(1_000)]));
    Body::from_stream(futures::stream::iter((0..bytes).step_by(1_000).map(chunk)))
}

async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &headers {
        seen.entry(name.to_string()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let seen = json!({ "method": method.as_str(), "path": uri.path(), "query": uri.query(), "headers": seen,
        "bytes": body.len() });
    (StatusCode::IM_A_TEAPOT, seen.to_string())
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Operation {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    Operation::Request { method: method.into(), url: url.into(), headers, body: body.to_vec() }
}

fn parts(answer: Answer) -> (u16, Headers, Vec<u8>) {
    assert!(matches!(answer, Answer::Http { .. }), "no answer: {answer:?}");
    let status = answer.status();
    let (headers, body) = answer.into_parts();
    (status, headers, body)
}

async fn echoed(outbound: &Outbound, operation: &Operation) -> Value {
    let (status, _, body) = parts(act(outbound, operation, "{}").await);
    assert_eq!(status, 418, "any status is an answer");
    serde_json::from_slice(&body).expect("what echo wrote")
}

#[tokio::test]
async fn a_stranger_gets_the_request_as_it_is_and_the_identity_as_headers() {
    let url = server().await;
    let outbound = Outbound::new(OutboundConfig::default()).expect("valid");
    let own = [("content-type", "text/x"), ("x-twice", "1"), ("x-twice", "2"), ("host", "other"), ("te", "trailers")];
    let seen = echoed(&outbound, &request("PATCH", &format!("{url}/a%20b?gid=mine&x=%2F#part"), &own, b"body")).await;
    assert_eq!((&seen["method"], &seen["path"], &seen["bytes"]), (&json!("PATCH"), &json!("/a%20b"), &json!(4)));
    assert_eq!(seen["query"], "gid=mine&x=%2F", "not ours to change");
    for (name, want) in [
        ("content-type", json!(["text/x"])),
        ("x-twice", json!(["1", "2"])),
        ("host", json!([url.trim_start_matches("http://")])),
        ("te", Value::Null),
        ("content-length", json!(["4"])),
        ("dtm-gid", json!(["order-42"])),
        ("dtm-branch-id", json!(["02"])),
        ("dtm-op", json!(["action"])),
        ("idempotency-key", json!(["order-42-02-action"])),
    ] {
        assert_eq!(seen["headers"][name], want, "{name}");
    }
    assert!(seen["headers"].get("accept").is_none_or(|accept| *accept == json!(["*/*"])), "no JSON by default");
}

#[tokio::test]
async fn a_participant_gets_the_branch_in_the_query_and_its_credentials_stay_with_it() {
    let url = server().await;
    let mut config = bank_at(&format!("{url}/bank"));
    config.allow_urls = false;
    let bank = config.participants.get_mut("bank").expect("there");
    bank.headers = [("authorization".into(), "Bearer b".into()), ("x-from".into(), "participant".into())].into();
    let mut desk = bank.clone();
    desk.url = format!("{url}/bank/desk");
    desk.headers = [("authorization".into(), "Bearer d".into())].into();
    config.participants.insert("desk".into(), desk);
    let open = Outbound::new(OutboundConfig { allow_urls: true, ..config.clone() }).expect("valid");
    let closed = Outbound::new(config).expect("valid");
    for (path, credentials) in [
        ("/bank/pay?op=forged&x=1", Some("Bearer b")),
        ("/bank", Some("Bearer b")),
        ("/bank/desk/x", Some("Bearer d")),
        ("/bank/desks", Some("Bearer b")),
        ("/banks", None),
        ("/bank/../x", None),
        ("/bank/%2e%2e/x", None),
        ("/bank\\..\\..\\x", None),
        ("/", None),
    ] {
        let call = request("POST", &format!("{url}{path}"), &[("x-from", "guest")], b"");
        let seen = echoed(&open, &call).await;
        let want = credentials.map_or(Value::Null, |text| json!([text]));
        assert_eq!(seen["headers"]["authorization"], want, "{path}");
        assert_eq!(seen["headers"]["x-from"], json!(["guest"]), "the request's own header stands");
        let query = seen["query"].as_str().unwrap_or_default();
        assert_eq!(query.ends_with(OWN) && !query.contains("forged"), credentials.is_some(), "{path}: {query}");
        let reached = act(&closed, &call, "{}").await;
        assert_eq!(matches!(reached, Answer::Http { .. }), credentials.is_some(), "{path}: {reached:?}");
    }
    // Another name of the same machine is another host.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let seen = echoed(&open, &request("GET", &format!("{elsewhere}/bank/pay"), &[], b"")).await;
    assert_eq!(seen["headers"].get("authorization"), None);
}

#[tokio::test]
async fn the_answer_comes_back_whole() {
    let url = server().await;
    let outbound = outbound(&url);
    let (status, headers, body) =
        parts(act(&outbound, &request("GET", &format!("{url}/cookies"), &[], b""), "{}").await);
    assert_eq!((status, body.as_slice()), (200, &b"c"[..]));
    for (name, value) in [("set-cookie", "a=1"), ("vary", "x"), ("content-length", "1")] {
        assert!(headers.contains(&(name.to_owned(), value.as_bytes().to_vec())), "{name}: {headers:?}");
    }
    let (status, headers, _) = parts(act(&outbound, &request("GET", &format!("{url}/redirect"), &[], b""), "{}").await);
    assert_eq!(status, 307, "the guest's client follows it, or not");
    assert!(headers.contains(&("location".to_owned(), b"/elsewhere".to_vec())), "{headers:?}");
    let odd = echoed(&outbound, &request("purge", &format!("{url}/x"), &[], b"")).await;
    assert_eq!(odd["method"], "purge");
}

#[tokio::test]
async fn bodies_of_any_size_up_to_the_limit() {
    let url = server().await;
    let mut config = bank_at(&url);
    config.response_bytes_max = 3 << 20;
    let outbound = Outbound::new(config).expect("valid");
    let seen = echoed(&outbound, &request("PUT", &format!("{url}/x"), &[], &vec![1; 3 << 20])).await;
    assert_eq!(seen["bytes"], 3 << 20);
    for kind in ["long", "streamed"] {
        let get = |bytes: usize| request("GET", &format!("{url}/{kind}/{bytes}"), &[], b"");
        let (_, headers, body) = parts(act(&outbound, &get(3 << 20), "{}").await);
        assert_eq!(body.len(), 3 << 20);
        assert!(headers.iter().all(|(name, _)| name != "transfer-encoding"), "{headers:?}");
        let text = lost(act(&outbound, &get((3 << 20) + 1), "{}").await);
        assert!(text.contains("longer than 3145728 bytes") && text.contains("limits.response_bytes"), "{text}");
    }
    let head = request("HEAD", &format!("{url}/long/{}", 4 << 20), &[], b"");
    let (status, _, body) = parts(act(&outbound, &head, "{}").await);
    assert_eq!((status, body.len()), (200, 0), "the length of a body that does not come is no matter");
}

#[tokio::test]
async fn what_cannot_be_sent_says_what_to_do() {
    let outbound = outbound("http://127.0.0.1:1");
    for (call, want) in [
        (request("GET", "ftp://host/x?t=secret", &[], b""), "`ftp://host/x` is no usable URL: only http and https"),
        (request("GET", "bank/x", &[], b""), "`bank/x` is no usable URL: relative URL without a base"),
        (request("GET", "http://me:secret@host/", &[], b""), "must not hold a user or password"),
        (request("CONNECT", "http://host/", &[], b""), "`CONNECT` is no HTTP method"),
        (request("GE T", "http://host/", &[], b""), "`GE T` is no HTTP method"),
        (request("GET", "http://host/", &[("a b", "secret")], b""), "header `a b` is no header name"),
        (request("GET", "http://host/", &[("a", "secret\n")], b""), "header `a` has a value with control characters"),
    ] {
        let text = invalid(act(&outbound, &call, "{}").await);
        assert!(text.contains(want) && !text.contains("secret"), "{call}: {text}");
    }
}
