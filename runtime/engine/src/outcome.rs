//! What an answer means: success, failure, ongoing or unknown.

use serde::{Deserialize, Serialize};

use crate::options::{OutcomeMap, status_range};

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
    /// Anything else: repeat with backoff.
    Unknown,
}

/// What a participant answered, or why it did not, in one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP response.
    Http {
        /// Status code.
        status: u16,
        /// Body.
        body: Vec<u8>,
    },
    /// A gRPC status; the message bytes if it is OK.
    Grpc {
        /// Numeric status code.
        code: u16,
        /// Response message, or the status' text.
        body: Vec<u8>,
    },
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
    /// What the answer means: the map first, then DTM's protocol (DESIGN section 4).
    #[must_use]
    pub fn outcome(&self, map: &OutcomeMap) -> Outcome {
        match self {
            Self::Http { status, body } => http_outcome(*status, body, map),
            Self::Grpc { code, .. } => grpc_outcome(*code, map),
            Self::Lost(_) => Outcome::Unknown,
            Self::Invalid(_) => Outcome::Failure,
        }
    }

    /// The status as a number: HTTP status or gRPC code; 0 without an answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Http { status, .. } => *status,
            Self::Grpc { code, .. } => *code,
            Self::Lost(_) | Self::Invalid(_) => 0,
        }
    }

    /// One line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let start = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        match self {
            Self::Http { status, body } => format!("HTTP {status} {}", start(body)).trim_end().to_owned(),
            Self::Grpc { code, body } if *code == 0 => format!("gRPC OK ({} bytes)", body.len()),
            Self::Grpc { code, body } => format!("gRPC {} {}", grpc_name(*code), start(body)).trim_end().to_owned(),
            Self::Lost(text) | Self::Invalid(text) => text.clone(),
        }
    }
}

fn grpc_name(code: u16) -> &'static str {
    GRPC_NAMES.get(usize::from(code)).copied().unwrap_or("UNKNOWN")
}

fn http_outcome(status: u16, body: &[u8], map: &OutcomeMap) -> Outcome {
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
    match status {
        200..=299 => Outcome::Success,
        409 => Outcome::Failure,
        425 => Outcome::Ongoing,
        _ => Outcome::Unknown,
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

fn grpc_outcome(code: u16, map: &OutcomeMap) -> Outcome {
    if let Some(outcome) = map.grpc.get(grpc_name(code)) {
        return *outcome;
    }
    match grpc_name(code) {
        "OK" => Outcome::Success,
        "ABORTED" => Outcome::Failure,
        "FAILED_PRECONDITION" => Outcome::Ongoing,
        _ => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, body: &str) -> Answer {
        Answer::Http { status, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn answers_mean_what_dtm_says() {
        let grpc = |code| Answer::Grpc { code, body: Vec::new() };
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
            assert_eq!(answer.outcome(&OutcomeMap::default()), want, "{answer:?}");
        }
    }

    #[test]
    fn a_map_comes_first_and_the_narrowest_range_wins() {
        let map: OutcomeMap = serde_json::from_str(
            r#"{"http": {"400-499": "failure", "404": "success"}, "grpc": {"NOT_FOUND": "failure"}, "dtm_result": false}"#,
        )
        .expect("valid");
        assert_eq!(http(404, "").outcome(&map), Outcome::Success);
        assert_eq!(http(422, "").outcome(&map), Outcome::Failure);
        assert_eq!(http(200, r#"{"dtm_result":"FAILURE"}"#).outcome(&map), Outcome::Success);
        assert_eq!(Answer::Grpc { code: 5, body: Vec::new() }.outcome(&map), Outcome::Failure);
    }
}
