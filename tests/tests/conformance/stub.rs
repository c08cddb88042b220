//! The participant `stub` and the database `ledger`: the same answer to the same call, whenever it is made.

#![expect(clippy::wildcard_enum_match_arm, reason = "a stub answers all else in one way")]

use reprise_engine::{CallResult, Operation};

/// The reply of `POST stub/text`: everything that JSON writes in a way of its own.
pub(crate) const TEXT: &str = "¡Hé! 世界 🌍 \"quoted\" \\ / <&> \u{1}\t\n\u{7f}";

/// The refusal of `POST stub/a` where a scenario wants one.
pub(crate) const REFUSAL: &str = "kein Konto für Zoë";

/// How many bytes `POST stub/big` answers.
pub(crate) const BIG: usize = 1_500_000;

/// What `POST stub/big` answers.
pub(crate) fn big() -> Vec<u8> {
    (0..=240).cycle().take(BIG).collect()
}

/// What most scenarios are answered.
pub(crate) fn answer(operation: &Operation) -> CallResult {
    match operation {
        Operation::Http { target, .. } => success(200, http(target)),
        Operation::Grpc { .. } => success(0, vec![0x08, 0x2a]),
        Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => {
            success(0, br#"[{"affected":1,"rows":[]}]"#.to_vec())
        }
        Operation::Request { url, .. } => CallResult::Response {
            status: 200,
            headers: vec![("content-type".into(), b"application/json".to_vec())],
            body: http(url.trim_start_matches("http://").trim_start_matches("stub.test")),
            refused: false,
        },
    }
}

/// The path decides.
fn http(target: &str) -> Vec<u8> {
    let path = target.trim_start_matches("stub").trim_start_matches('/');
    match path {
        "a" | "a/try" => br#"{"n":11}"#.to_vec(),
        "b" | "b/try" => br#"{"n":22}"#.to_vec(),
        "big" => big(),
        "empty" => Vec::new(),
        "text" => TEXT.into(),
        number if number.parse::<u32>().is_ok() => format!(r#"{{"n":{number}}}"#).into(),
        _ => b"{}".to_vec(),
    }
}

/// `POST stub/a` is refused.
pub(crate) fn refusal(operation: &Operation) -> CallResult {
    match operation {
        Operation::Http { target, .. } if target == "stub/a" => {
            CallResult::Failure { status: 409, body: REFUSAL.into() }
        }
        _ => answer(operation),
    }
}

/// `POST stub/undo` says that it has to be done again.
pub(crate) fn again(operation: &Operation) -> CallResult {
    match operation {
        Operation::Http { target, .. } if target == "stub/undo" => success(200, br#"{"again":true}"#.to_vec()),
        _ => answer(operation),
    }
}

/// Nobody answers, and the attempts are used up.
pub(crate) fn exhausted(_: &Operation) -> CallResult {
    CallResult::Exhausted { attempts: 3, error: "HTTP 503".into() }
}

/// Nobody answers until the deadline.
pub(crate) fn too_late(_: &Operation) -> CallResult {
    CallResult::Deadline { attempts: 7, error: "HTTP 503".into() }
}

/// A whole answer.
pub(crate) fn whole(_: &Operation) -> CallResult {
    let headers = vec![("content-type".into(), b"application/json".to_vec()), ("x-kind".into(), "blue é".into())];
    CallResult::Response { status: 203, headers, body: b"{}".to_vec(), refused: false }
}

fn success(status: u16, body: Vec<u8>) -> CallResult {
    CallResult::Success { status, body }
}
