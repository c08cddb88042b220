//! What an answer means: success, failure, ongoing or unknown.

use serde::{Deserialize, Serialize};

use crate::operation::Convention;
use crate::options::{AnswerMatch, OutcomeMap, status_range};

/// What one attempt ended in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done.
    Success,
    /// Refused for business reasons.
    Failure,
    /// Not finished yet: ask again at a fixed interval.
    Ongoing,
    /// Anything else: repeat with backoff. `retry` names it too.
    #[serde(alias = "retry")]
    Unknown,
}

/// Headers of an answer, in order.
pub type Headers = Vec<(String, Vec<u8>)>;

/// What a participant answered, or why it did not, in one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP response.
    Http {
        /// Status code.
        status: u16,
        /// Headers, names in lower case; only where the options ask for them ([`BranchOptions::reads_headers`](crate::BranchOptions::reads_headers)).
        headers: Headers,
        /// Body.
        body: Vec<u8>,
    },
    /// A gRPC status; the message bytes if it is OK.
    Grpc {
        /// Numeric status code.
        code: u16,
        /// Metadata and trailers, as with HTTP.
        headers: Headers,
        /// Response message, or the status' text.
        body: Vec<u8>,
    },
    /// A database did what was asked; the rows as JSON.
    Rows(Vec<u8>),
    /// A database refused for business reasons: a failed check, a violated constraint; JSON that says which.
    Refused(Vec<u8>),
    /// No answer: refused connection, timeout, broken stream. The text says which.
    Lost(String),
    /// Can't be sent as it stands; the text says what to do. Final.
    Invalid(String),
}

/// gRPC status codes by number.
const GRPC_NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Answer {
    /// What the answer means: the map first, then the convention (DESIGN section 4).
    #[must_use]
    pub fn outcome(&self, convention: Convention, map: &OutcomeMap) -> Outcome {
        match self {
            Self::Http { status, headers, body } => {
                let looked = matched(Some(*status), headers, body, map);
                looked.unwrap_or_else(|| http_outcome(*status, body, convention, map))
            }
            Self::Grpc { code, headers, body } => {
                matched(None, headers, &[], map).unwrap_or_else(|| grpc_outcome(*code, body, map))
            }
            Self::Rows(_) => Outcome::Success,
            Self::Lost(_) => Outcome::Unknown,
            Self::Refused(_) | Self::Invalid(_) => Outcome::Failure,
        }
    }

    /// The status as a number: HTTP status or gRPC code; 0 without one.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Http { status, .. } => *status,
            Self::Grpc { code, .. } => *code,
            Self::Rows(_) | Self::Refused(_) | Self::Lost(_) | Self::Invalid(_) => 0,
        }
    }

    /// One line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let start = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        match self {
            Self::Http { status, body, .. } => format!("HTTP {status} {}", start(body)).trim_end().to_owned(),
            Self::Grpc { code, body, .. } if *code == 0 => format!("gRPC OK ({} bytes)", body.len()),
            Self::Grpc { code, body, .. } => format!("gRPC {} {}", grpc_name(*code), start(body)).trim_end().to_owned(),
            Self::Rows(body) => format!("SQL {} bytes", body.len()),
            Self::Refused(body) => format!("SQL {}", start(body)),
            Self::Lost(text) | Self::Invalid(text) => text.clone(),
        }
    }

    /// Headers and body; both empty without an answer.
    #[must_use]
    pub fn into_parts(self) -> (Headers, Vec<u8>) {
        match self {
            Self::Http { headers, body, .. } | Self::Grpc { headers, body, .. } => (headers, body),
            Self::Rows(body) | Self::Refused(body) => (Vec::new(), body),
            Self::Lost(_) | Self::Invalid(_) => (Vec::new(), Vec::new()),
        }
    }
}

/// What the first look that fits says.
fn matched(status: Option<u16>, headers: &Headers, body: &[u8], map: &OutcomeMap) -> Option<Outcome> {
    if map.matches.is_empty() {
        return None;
    }
    let json: Option<serde_json::Value> =
        map.matches.iter().any(|m| m.body.is_some()).then(|| serde_json::from_slice(body).ok()).flatten();
    let in_range = |m: &&AnswerMatch| {
        let range = m.http.as_ref().and_then(|range| status_range(range));
        m.http.is_none() || range.zip(status).is_some_and(|((first, last), status)| (first..=last).contains(&status))
    };
    map.matches.iter().filter(in_range).find(|m| fits(m, headers, json.as_ref())).map(|m| m.outcome)
}

fn fits(look: &AnswerMatch, headers: &Headers, json: Option<&serde_json::Value>) -> bool {
    if let Some(name) = &look.header {
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut values = headers.iter().filter(|(has, _)| has.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        return match &look.equals {
            None => values.next().is_some(),
            Some(want) => values.any(|value| *value == text(want).into_bytes()),
        };
    }
    let found = look.body.as_ref().and_then(|pointer| json?.pointer(pointer));
    found.is_some_and(|found| look.equals.as_ref().is_none_or(|want| want == found))
}

/// Whether a gRPC status code has this name.
pub(crate) fn is_grpc_name(name: &str) -> bool {
    GRPC_NAMES.contains(&name)
}

fn grpc_name(code: u16) -> &'static str {
    GRPC_NAMES.get(usize::from(code)).copied().unwrap_or("UNKNOWN")
}

fn http_outcome(status: u16, body: &[u8], convention: Convention, map: &OutcomeMap) -> Outcome {
    let narrowest = map
        .http
        .iter()
        .filter_map(|(range, outcome)| status_range(range).map(|(first, last)| (first, last, *outcome)))
        .filter(|(first, last, _)| (*first..=*last).contains(&status))
        .min_by_key(|(first, last, _)| last - first);
    if let Some((_, _, outcome)) = narrowest {
        return outcome;
    }
    if map.dtm_result != Some(false)
        && let Some(outcome) = dtm_result(body)
    {
        return outcome;
    }
    match (status, convention) {
        (200..=299, _) => Outcome::Success,
        (409, _) => Outcome::Failure,
        (425, _) => Outcome::Ongoing,
        (408 | 429 | 500 | 502..=504, Convention::Plain) | (_, Convention::Transaction) => Outcome::Unknown,
        (_, Convention::Plain) => Outcome::Success,
    }
}

/// The member `dtm_result` of a JSON object, and nothing else that merely contains the word.
fn dtm_result(body: &[u8]) -> Option<Outcome> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        dtm_result: Option<std::borrow::Cow<'a, str>>,
    }
    // Most bodies don't name it: look before parsing.
    body.windows(10).any(|w| w == b"dtm_result").then_some(())?;
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    match body.dtm_result?.as_ref() {
        "FAILURE" => Some(Outcome::Failure),
        "ONGOING" => Some(Outcome::Ongoing),
        _ => None,
    }
}

fn grpc_outcome(code: u16, message: &[u8], map: &OutcomeMap) -> Outcome {
    if let Some(outcome) = map.grpc.get(grpc_name(code)) {
        return *outcome;
    }
    match grpc_name(code) {
        "OK" => Outcome::Success,
        // DTM's older protocol.
        "ABORTED" if message == b"ONGOING" => Outcome::Ongoing,
        "ABORTED" => Outcome::Failure,
        "FAILED_PRECONDITION" => Outcome::Ongoing,
        _ => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, body: &str) -> Answer {
        Answer::Http { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn answers_mean_what_dtm_says() {
        let grpc = |code| Answer::Grpc { code, headers: Vec::new(), body: Vec::new() };
        for (answer, want) in [
            (http(200, "{}"), Outcome::Success),
            (http(201, ""), Outcome::Success),
            (http(409, ""), Outcome::Failure),
            (http(425, ""), Outcome::Ongoing),
            (http(500, ""), Outcome::Unknown),
            (http(302, ""), Outcome::Unknown),
            (http(200, r#"{"dtm_result":"FAILURE"}"#), Outcome::Failure),
            (http(200, r#"{"dtm_result":"ONGOING"}"#), Outcome::Ongoing),
            (http(200, r#"{"dtm_result":"SUCCESS"}"#), Outcome::Success),
            (http(200, r#"{"note":"dtm_result FAILURE"}"#), Outcome::Success),
            (http(200, "FAILURE"), Outcome::Success),
            (grpc(0), Outcome::Success),
            (grpc(10), Outcome::Failure),
            (grpc(9), Outcome::Ongoing),
            (grpc(14), Outcome::Unknown),
            (Answer::Lost("refused".into()), Outcome::Unknown),
        ] {
            assert_eq!(answer.outcome(Convention::Transaction, &OutcomeMap::default()), want, "{answer:?}");
        }
    }

    #[test]
    fn a_map_comes_first_and_the_narrowest_range_wins() {
        let map: OutcomeMap = serde_json::from_str(
            r#"{"http": {"400-499": "failure", "404": "success"}, "grpc": {"NOT_FOUND": "failure"}, "dtm_result": false}"#,
        )
        .expect("valid");
        assert_eq!(http(404, "").outcome(Convention::Transaction, &map), Outcome::Success);
        assert_eq!(http(422, "").outcome(Convention::Transaction, &map), Outcome::Failure);
        assert_eq!(http(200, r#"{"dtm_result":"FAILURE"}"#).outcome(Convention::Transaction, &map), Outcome::Success);
        assert_eq!(
            Answer::Grpc { code: 5, headers: Vec::new(), body: Vec::new() }.outcome(Convention::Transaction, &map),
            Outcome::Failure
        );
    }

    #[test]
    fn an_ordinary_client_sees_what_will_not_pass_by_itself() {
        for (status, want) in [
            (200, Outcome::Success),
            (302, Outcome::Success),
            (404, Outcome::Success),
            (409, Outcome::Failure),
            (425, Outcome::Ongoing),
            (429, Outcome::Unknown),
            (501, Outcome::Success),
            (503, Outcome::Unknown),
        ] {
            assert_eq!(http(status, "").outcome(Convention::Plain, &OutcomeMap::default()), want, "{status}");
        }
    }

    #[test]
    fn looks_at_headers_and_bodies_come_before_the_status() {
        let map: OutcomeMap = serde_json::from_str(
            r#"{"matches": [
                {"header": "X-Declined", "outcome": "failure"},
                {"header": "x-state", "equals": "later", "outcome": "ongoing"},
                {"body": "/error/code", "equals": 7, "outcome": "failure"},
                {"body": "/error", "equals": null, "outcome": "success"},
                {"body": "/error", "outcome": "retry"}
            ]}"#,
        )
        .expect("valid");
        let answer = |headers: &[(&str, &str)], body: &str| {
            let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
            Answer::Http { status: 200, headers, body: body.into() }.outcome(Convention::Transaction, &map)
        };
        assert_eq!(answer(&[("x-declined", "")], "{}"), Outcome::Failure);
        assert_eq!(answer(&[("x-state", "later")], "{}"), Outcome::Ongoing);
        assert_eq!(answer(&[("x-state", "now")], "{}"), Outcome::Success);
        assert_eq!(answer(&[], r#"{"error": {"code": 7}}"#), Outcome::Failure);
        assert_eq!(answer(&[], r#"{"error": {"code": 8}}"#), Outcome::Unknown);
        assert_eq!(answer(&[], r#"{"error": null}"#), Outcome::Success);
        assert_eq!(answer(&[], "no JSON"), Outcome::Success);
    }

    #[test]
    fn a_look_may_be_for_some_statuses_only() {
        let map: OutcomeMap =
            serde_json::from_str(r#"{"matches": [{"http": "200-299", "body": "/error", "outcome": "retry"}]}"#)
                .expect("valid");
        let outcome = |status, body: &str| {
            let answer = Answer::Http { status, headers: Vec::new(), body: body.into() };
            answer.outcome(Convention::Transaction, &map)
        };
        assert_eq!(outcome(200, r#"{"error": 1}"#), Outcome::Unknown);
        assert_eq!(outcome(409, r#"{"error": 1}"#), Outcome::Failure);
        let grpc = Answer::Grpc { code: 0, headers: Vec::new(), body: Vec::new() };
        assert_eq!(grpc.outcome(Convention::Transaction, &map), Outcome::Success);
    }

    #[test]
    fn an_older_dtm_service_says_ongoing_in_the_text() {
        let aborted = |text: &str| Answer::Grpc { code: 10, headers: Vec::new(), body: text.into() };
        let outcome = |answer: Answer| answer.outcome(Convention::Transaction, &OutcomeMap::default());
        assert_eq!(outcome(aborted("ONGOING")), Outcome::Ongoing);
        assert_eq!(outcome(aborted("poor")), Outcome::Failure);
    }
}
