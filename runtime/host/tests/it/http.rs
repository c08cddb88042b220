//! Ordinary HTTP clients: each request is a call of the execution, and every prefix of the journal leads to the same
//! end. The guest is `client-guest`, whose client is `wstd`'s.

use reprise_engine::{CallResult, Entry, GuestError, Operation, Phase, Rules};
use reprise_host::{Host, HostConfig};

use crate::drive::{Answer, Drive, execution_by, ok, output, phase, run_and_replay, run_and_replay_of, stopped};
use crate::guests::{client, config, host};

/// A shop that says how many bytes it got.
pub(crate) fn shop(operation: &Operation) -> CallResult {
    let Operation::Request { url, body, .. } = operation else { return ok(operation) };
    let (status, body) = match url.rsplit('/').next() {
        Some("pay") => (201, format!("paid {}", String::from_utf8_lossy(body)).into_bytes()),
        Some("count") => (200, format!("{} {}", body.len(), body.iter().all(|byte| *byte == 7)).into_bytes()),
        _ => (200, b"fine".to_vec()),
    };
    let headers = vec![
        ("x-shop".into(), b"open".to_vec()),
        ("connection".into(), b"close".to_vec()),
        ("content-type".into(), b"text/plain".to_vec()),
    ];
    CallResult::Response { status, headers, body, refused: false }
}

/// Replays everything; what was said, what was sent.
async fn said(gid: &str, input: &str, answer: Answer) -> (String, Drive) {
    let host = host();
    let done = run_and_replay(&*client(&host).await, gid, input, answer).await;
    (output(&done), done)
}

fn entries(drive: &Drive) -> impl Iterator<Item = Entry> {
    drive.journal.iter().map(|record| record.decode().expect("the journal is whole"))
}

fn requests(drive: &Drive) -> Vec<Operation> {
    let operation = |entry| if let Entry::Intended { operation, .. } = entry { Some(operation) } else { None };
    entries(drive).filter_map(operation).collect()
}

#[tokio::test]
async fn a_get_without_a_scope_has_a_branch_of_its_own() {
    let (text, done) = said("get-1", "get", shop).await;
    assert_eq!(text, "200 open 4 fine");
    assert_eq!(done.sent, ["01 action GET http://shop/items"]);
    assert_eq!(
        requests(&done),
        [Operation::Request {
            method: "GET".into(),
            url: "http://shop/items?q=1".into(),
            headers: vec![("x-test".into(), b"1".to_vec())],
            body: Vec::new(),
        }]
    );
}

#[tokio::test]
async fn what_is_no_success_for_others_is_an_answer_for_a_client() {
    for status in [301, 404, 409, 500] {
        let answer: Answer = match status {
            301 => |_| response(301),
            404 => |_| response(404),
            409 => |_| response(409),
            _ => |_| response(500),
        };
        let (text, done) = said("status", "get", answer).await;
        assert_eq!((text, phase(&done)), (format!("{status} - 2 no"), Phase::Succeeded));
    }
}

fn response(status: u16) -> CallResult {
    CallResult::Response { status, headers: Vec::new(), body: b"no".to_vec(), refused: status == 409 }
}

#[tokio::test]
async fn a_scope_gives_requests_its_branch_and_its_undo() {
    let host = host();
    let program = client(&host).await;
    let rules = Rules::default();
    let done = run_and_replay_of(&program, execution_by(rules, "scope-1", "scope"), "scope", shop).await;
    let text = output(&done);
    let parts: Vec<&str> = text.split('|').collect();
    assert_eq!(parts[0], "201 open 7 paid 30");
    assert_eq!(parts[1..3], ["200 open 4 fine", "200 open 4 fine"]);
    assert!(parts[3].contains("branch 01 has its operation already"), "a second change: {}", parts[3]);
    assert_eq!(parts[4], "200 open 4 fine");
    assert!(parts[5].contains("branch 77 does not exist"), "{}", parts[5]);
    assert_eq!(
        done.sent,
        [
            "01 action POST http://shop/pay",
            "01-r01 action GET http://shop/receipt",
            "01-r02 action GET http://shop/receipt",
            "02 action GET http://bank/balance",
        ]
    );
}

#[tokio::test]
async fn a_failed_run_undoes_what_the_client_did() {
    let host = host();
    let program = client(&host).await;
    let answer: Answer = |operation| {
        let receipt = matches!(operation, Operation::Request { url, .. } if url.ends_with("/receipt"));
        if receipt { CallResult::Invalid("no such host".into()) } else { shop(operation) }
    };
    let done = run_and_replay(&program, "scope-2", "scope", answer).await;
    assert_eq!(phase(&done), Phase::Failed);
    assert!(output(&done).contains("no such host"), "{}", output(&done));
    assert_eq!(done.sent.last().map(String::as_str), Some("01 rollback POST shop/refund"));
}

#[tokio::test]
async fn a_change_without_an_undo_is_refused_where_completeness_is_strict() {
    let host = host();
    let program = client(&host).await;
    let strict = execution_by(Rules::default(), "strict-1", "post");
    let done = run_and_replay_of(&program, strict, "post", shop).await;
    let text = output(&done);
    assert!(text.starts_with("failure: ") && text.contains("nothing says how it is undone"), "{text}");
    assert_eq!(done.sent, Vec::<String>::new());
    let (text, done) = said("lenient-1", "post", shop).await;
    assert_eq!((text.as_str(), done.sent.len()), ("201 open 7 paid 30", 1));
}

#[tokio::test]
async fn concurrent_requests_and_a_timer_come_in_the_order_of_the_journal() {
    let (text, done) = said("race-1", "race", shop).await;
    assert_eq!(text, "http://shop/b true, http://shop/a true, timer, http://shop/slow true");
    assert_eq!(done.sent.len(), 3);
}

#[tokio::test]
async fn a_response_that_is_too_late_is_given_up() {
    let (text, done) = said("timeout-1", "timeout", shop).await;
    assert_eq!(text, "late|200 open 4 fine");
    let kinds: Vec<&str> = entries(&done).map(|entry| entry.kind_name()).collect();
    assert!(kinds.contains(&"op-canceled"), "{kinds:?}");
}

#[tokio::test]
async fn timeouts_of_the_client_are_the_runtimes_business() {
    let (text, _) = said("options-1", "options", shop).await;
    assert_eq!(text, "200");
}

#[tokio::test]
async fn bodies_of_some_megabytes_pass_both_ways() {
    let (text, _) = said("upload-1", "upload 3000000", shop).await;
    assert_eq!(text, "200 open 12 3000000 true");
    let large: Answer = |_| {
        let headers = vec![("content-length".into(), b"3145728".to_vec())];
        CallResult::Response { status: 200, headers, body: vec![b'x'; 3 << 20], refused: false }
    };
    let (text, _) = said("download-1", "get", large).await;
    assert_eq!(text, "200 - 3145728 xxxxxxxxxxxxxxxxxxxx");
}

#[tokio::test]
async fn a_body_over_its_limit_is_an_error_that_names_the_setting() {
    let (text, done) = said("upload-2", "upload 5000000", shop).await;
    assert!(text.starts_with("failure: ") && text.contains("limits.payload_bytes"), "{text}");
    assert_eq!(done.sent, Vec::<String>::new());
    // The body alone fits, but not with what stands around it.
    let (text, done) = said("upload-3", &format!("upload {}", 4 << 20), shop).await;
    assert!(text.contains("limits.payload_bytes") && text.contains("POST http://shop/count"), "{text}");
    assert_eq!(done.sent, Vec::<String>::new());
}

#[tokio::test]
async fn bodies_that_are_never_sent_are_bounded_together() {
    let host = Host::new(HostConfig { import_bytes_max: 10 << 20, ..config() }).expect("a good configuration");
    let done = run_and_replay(&*client(&host).await, "many-1", "many 8", shop).await;
    assert_eq!(output(&done), "3 true", "three of 3 MiB fit into 10 MiB");
}

#[tokio::test]
async fn headers_of_the_connection_are_not_sent() {
    let (text, done) = said("headers-1", "headers", shop).await;
    assert_eq!(text, "201");
    let [Operation::Request { method, headers, body, .. }] = &requests(&done)[..] else { panic!("one request") };
    assert_eq!((method.as_str(), body.as_slice()), ("PUT", &b"30"[..]));
    let names: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    assert_eq!(names, [("x-two", &b"1"[..]), ("x-two", b"2"), ("accept", b"*/*")]);
}

#[tokio::test]
async fn requests_that_are_not_whole_are_not_sent() {
    for (word, want) in [
        ("dropped", "dropped before it was finished"),
        ("length", "HttpRequestBodySize(Some(2))"),
        ("trailers", "trailers of a request are not sent"),
        ("scheme", "HttpProtocolError"),
        ("tunnel", "HttpRequestMethodInvalid"),
    ] {
        let (text, done) = said("half", word, shop).await;
        assert!(text.contains(want), "{word}: {text}");
        assert_eq!(done.sent, Vec::<String>::new(), "{word}");
    }
    let (text, _) = said("half", "length", shop).await;
    assert!(text.contains("HttpRequestBodySize(Some(0))"), "a request without a body: {text}");
}

#[tokio::test]
async fn a_request_that_failed_leaves_the_next_one_alone() {
    for (word, want, end) in
        [("early", "finish the body first", r#"true Ok("201")"#), ("large", "limits.payload_bytes", r#" Ok("201")"#)]
    {
        let (text, done) = said("next", word, shop).await;
        assert!(text.contains(want) && text.ends_with(end), "{word}: {text}");
        assert_eq!(done.sent, ["01 action GET http://shop/pay"], "{word}");
    }
}

#[tokio::test]
async fn only_a_wait_makes_a_response_ready() {
    let (text, _) = said("ask-1", "ask", shop).await;
    // The driver answers the second request first.
    assert_eq!(text, "(true, false, false) [1] (false, true, true) (true, true) (true, true)");
}

#[tokio::test]
async fn results_without_an_answer_are_errors_of_the_client() {
    let cases: [(Answer, &str); 4] = [
        (|_| CallResult::Exhausted { attempts: 3, error: "HTTP 503".into() }, "attempts: 3: HTTP 503"),
        (|_| CallResult::Deadline { attempts: 1, error: "late".into() }, "HttpResponseTimeout"),
        (|_| CallResult::Invalid("unknown participant".into()), "unknown participant"),
        (|_| CallResult::Canceled, "canceled"),
    ];
    for (answer, want) in cases {
        let (text, done) = said("errors", "get", answer).await;
        assert!(text.starts_with("failure: ") && text.contains(want), "{want}: {text}");
        assert_eq!(phase(&done), Phase::Failed);
    }
}

#[tokio::test]
async fn another_request_on_replay_stops_the_guest() {
    let host = host();
    let program = client(&host).await;
    let mut live = Drive::begin("path", "get", shop);
    live.run(&program).await.expect("it runs");
    let mut other = Drive::begin("path", "post", shop);
    other.collect();
    let mut journal = other.journal;
    journal.extend_from_slice(&live.journal[1..3]);
    let failure = Drive::resume(&journal, shop).run(&program).await.expect_err("the paths differ");
    assert!(matches!(stopped(&failure), Some(GuestError::Diverged(_))), "{failure:?}");
    assert!(failure.to_string().contains("POST http://shop/pay"), "{failure}");
}
