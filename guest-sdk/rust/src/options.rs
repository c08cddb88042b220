//! Options of a branch, as the runtime's `set-options` takes them.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// Options of a branch: how long, how often, with which headers, and what answers mean. What is not set is the
/// runtime's default.
///
/// ```
/// use std::time::Duration;
/// use reprise_guest::{Options, Outcome, OutcomeMap};
///
/// let options = Options::new()
///     .timeout(Duration::from_secs(2))
///     .attempts(5)
///     .backoff(Duration::from_millis(100), 2.0, Duration::from_secs(10))
///     .header("x-tenant", "acme")
///     .outcomes(OutcomeMap::new().http("404", Outcome::Failure));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_ms: Option<u32>,
    #[serde(skip_serializing_if = "Retry::is_unset")]
    pub(crate) retry: Retry,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ongoing_ms: Option<u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "OutcomeMap::is_unset")]
    pub(crate) outcome_map: OutcomeMap,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compensate_failed: Option<bool>,
}

impl Options {
    /// No option set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Longest time of one attempt.
    #[must_use]
    pub fn timeout(mut self, length: Duration) -> Self {
        self.timeout_ms = Some(milliseconds(length));
        self
    }

    /// Longest time of all attempts together; then the call ends as [`CallError::Deadline`](crate::CallError::Deadline).
    #[must_use]
    pub fn deadline(mut self, length: Duration) -> Self {
        self.deadline_ms = Some(milliseconds(length));
        self
    }

    /// Most attempts; then the call ends as [`CallError::Exhausted`](crate::CallError::Exhausted).
    #[must_use]
    pub fn attempts(mut self, most: u32) -> Self {
        self.retry.attempts = Some(most);
        self
    }

    /// Pause after the first attempt, its growth from one to the next, and the longest pause.
    #[must_use]
    pub fn backoff(mut self, initial: Duration, factor: f32, longest: Duration) -> Self {
        self.retry.initial_ms = Some(milliseconds(initial));
        self.retry.factor = Some(factor);
        self.retry.max_ms = Some(milliseconds(longest));
        self
    }

    /// Pause after an answer "ongoing".
    #[must_use]
    pub fn ongoing_interval(mut self, length: Duration) -> Self {
        self.ongoing_ms = Some(milliseconds(length));
        self
    }

    /// A header (gRPC: metadata) to send.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// What answers of a service with other conventions mean.
    #[must_use]
    pub fn outcomes(mut self, map: OutcomeMap) -> Self {
        self.outcome_map = map;
        self
    }

    /// Sent as `idempotency-key`.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Roll the branch back also when its action was refused.
    #[must_use]
    pub fn compensate_failed(mut self) -> Self {
        self.compensate_failed = Some(true);
        self
    }

    /// What `set-options` takes; none if nothing is set.
    pub(crate) fn to_json(&self) -> Option<String> {
        (*self != Self::default())
            .then(|| serde_json::to_string(self).expect("plain data with text keys has a JSON form"))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Options {
    /// Lays other options over these, as the runtime does; what they don't name stays.
    pub(crate) fn lay_over(&mut self, new: Self) {
        let (old_retry, retry) = (self.retry, new.retry);
        self.timeout_ms = new.timeout_ms.or(self.timeout_ms);
        self.deadline_ms = new.deadline_ms.or(self.deadline_ms);
        self.retry = Retry {
            initial_ms: retry.initial_ms.or(old_retry.initial_ms),
            factor: retry.factor.or(old_retry.factor),
            max_ms: retry.max_ms.or(old_retry.max_ms),
            attempts: retry.attempts.or(old_retry.attempts),
        };
        self.ongoing_ms = new.ongoing_ms.or(self.ongoing_ms);
        self.headers.extend(new.headers);
        self.outcome_map.http.extend(new.outcome_map.http);
        self.outcome_map.grpc.extend(new.outcome_map.grpc);
        self.outcome_map.dtm_result = new.outcome_map.dtm_result.or(self.outcome_map.dtm_result);
        self.idempotency_key = new.idempotency_key.or(self.idempotency_key.take());
        self.compensate_failed = new.compensate_failed.or(self.compensate_failed);
    }
}

/// How attempts that ended unknown are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) initial_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) factor: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempts: Option<u32>,
}

impl Retry {
    fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// What answers of a service with other conventions than 409, 425, ABORTED and FAILED_PRECONDITION mean.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutcomeMap {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) http: BTreeMap<String, Outcome>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) grpc: BTreeMap<String, Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dtm_result: Option<bool>,
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

    /// Don't read an outcome out of a body `{"dtm_result": "FAILURE"}`.
    #[must_use]
    pub fn ignore_dtm_result(mut self) -> Self {
        self.dtm_result = Some(false);
        self
    }

    fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// What an operation ended in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

fn milliseconds(length: Duration) -> u32 {
    u32::try_from(length.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_sent() {
        assert_eq!(Options::new().to_json(), None);
        let options = Options::new()
            .deadline(Duration::from_secs(1))
            .attempts(3)
            .header("a", "b")
            .outcomes(OutcomeMap::new().http("404", Outcome::Failure))
            .compensate_failed();
        assert_eq!(
            options.to_json().as_deref(),
            Some(concat!(
                r#"{"deadline_ms":1000,"retry":{"attempts":3},"headers":{"a":"b"},"#,
                r#""outcome_map":{"http":{"404":"failure"}},"compensate_failed":true}"#
            ))
        );
    }
}
