//! What answers mean where a service has conventions of its own.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// What answers of a service with other conventions than 409, 425, ABORTED and FAILED_PRECONDITION mean.
///
/// Looks at headers and bodies come before all else, and the first that fits decides; then statuses, of which the
/// narrowest range wins; then the conventions.
///
/// ```
/// use reprise_guest::{Outcome, OutcomeMap};
///
/// let map = OutcomeMap::new()
///     .http("404", Outcome::Failure)
///     .http("500-599", Outcome::Unknown)
///     .grpc("NOT_FOUND", Outcome::Failure)
///     .header_equals("x-state", "later", Outcome::Ongoing)
///     .body_equals("/error/code", 7, Outcome::Failure)
///     .has_body("/error", Outcome::Unknown);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct OutcomeMap {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    http: BTreeMap<String, Outcome>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    grpc: BTreeMap<String, Outcome>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<Match>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dtm_result: Option<bool>,
}

/// One look at an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Match {
    #[serde(flatten)]
    place: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    equals: Option<Value>,
    outcome: Outcome,
}

/// Where a look goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Header(String),
    Body(String),
}

impl OutcomeMap {
    /// Nothing but the conventions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An HTTP status, `"404"`, or a range of them, `"500-599"`.
    #[must_use]
    pub fn http(mut self, status: impl Into<String>, outcome: Outcome) -> Self {
        self.http.insert(status.into(), outcome);
        self
    }

    /// A gRPC status by its name, `"NOT_FOUND"`.
    #[must_use]
    pub fn grpc(mut self, code: impl Into<String>, outcome: Outcome) -> Self {
        self.grpc.insert(code.into(), outcome);
        self
    }

    /// The answer has this header (gRPC: metadata), whatever its value.
    #[must_use]
    pub fn has_header(self, name: impl Into<String>, outcome: Outcome) -> Self {
        self.look(Place::Header(name.into()), None, outcome)
    }

    /// The answer has this header (gRPC: metadata) with this value.
    #[must_use]
    pub fn header_equals(self, name: impl Into<String>, value: impl Into<String>, outcome: Outcome) -> Self {
        self.look(Place::Header(name.into()), Some(Value::String(value.into())), outcome)
    }

    /// The JSON body has something at this JSON pointer (RFC 6901), `/error/code`.
    #[must_use]
    pub fn has_body(self, pointer: impl Into<String>, outcome: Outcome) -> Self {
        self.look(Place::Body(pointer.into()), None, outcome)
    }

    /// The JSON body has this value at this JSON pointer (RFC 6901).
    #[must_use]
    pub fn body_equals(self, pointer: impl Into<String>, value: impl Into<Value>, outcome: Outcome) -> Self {
        self.look(Place::Body(pointer.into()), Some(value.into()), outcome)
    }

    /// Don't read an outcome out of a body `{"dtm_result": "FAILURE"}`.
    #[must_use]
    pub fn ignore_dtm_result(mut self) -> Self {
        self.dtm_result = Some(false);
        self
    }

    fn look(mut self, place: Place, equals: Option<Value>, outcome: Outcome) -> Self {
        self.matches.push(Match { place, equals, outcome });
        self
    }

    pub(crate) fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// What an operation ended in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done.
    Success,
    /// Refused for good.
    Failure,
    /// Not yet done; asked again at a fixed interval.
    Ongoing,
    /// Nobody knows; tried again with growing pauses.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_objects_of_the_interface() {
        let map = OutcomeMap::new()
            .has_header("x-declined", Outcome::Failure)
            .header_equals("x-state", "later", Outcome::Ongoing)
            .has_body("/error", Outcome::Unknown)
            .body_equals("/error/code", 7, Outcome::Failure);
        assert_eq!(
            serde_json::to_string(&map).expect("text keys"),
            concat!(
                r#"{"matches":[{"header":"x-declined","outcome":"failure"},"#,
                r#"{"header":"x-state","equals":"later","outcome":"ongoing"},"#,
                r#"{"body":"/error","outcome":"unknown"},{"body":"/error/code","equals":7,"outcome":"failure"}]}"#
            )
        );
    }
}
