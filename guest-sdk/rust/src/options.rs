//! Options of a branch, as the runtime's `set-options` takes them.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::outcome_map::OutcomeMap;

/// Options of a branch: how long, how often, with which headers, what answers mean, and what the call does where nothing
/// undoes it. What is not set is the runtime's default.
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
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<u32>,
    #[serde(skip_serializing_if = "Retry::is_unset")]
    retry: Retry,
    #[serde(skip_serializing_if = "Option::is_none")]
    ongoing_ms: Option<u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "OutcomeMap::is_unset")]
    outcome_map: OutcomeMap,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compensate_failed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<Effect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
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

    /// Share of a pause that chance takes off, 0.0 to 1.0, so that calls don't come back all at once.
    #[must_use]
    pub fn jitter(mut self, share: f32) -> Self {
        self.retry.jitter = Some(share);
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

    /// The call changes nothing, so there is nothing to undo.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.effect = Some(Effect::ReadOnly);
        self
    }

    /// There is no way back from the call. When it has succeeded the transaction can't fail any more: what follows is
    /// repeated until it succeeds, and the workflow has to return `Ok`.
    #[must_use]
    pub fn pivot(mut self) -> Self {
        self.effect = Some(Effect::Pivot);
        self
    }

    /// The reply has the answer's headers (gRPC: metadata) too: [`Reply::headers`](crate::Reply::headers). They are
    /// recorded, so ask for them where they are needed.
    #[must_use]
    pub fn full_answer(mut self) -> Self {
        self.answer = Some(Answer::Full);
        self
    }

    /// What `set-options` takes; none if nothing is set.
    pub(crate) fn to_json(&self) -> Option<String> {
        (*self != Self::default())
            .then(|| serde_json::to_string(self).expect("plain data with text keys has a JSON form"))
    }
}

/// How attempts that ended unknown are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
struct Retry {
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<f32>,
}

/// What the call does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Effect {
    ReadOnly,
    Pivot,
}

/// How much of an answer is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Full,
}

impl Retry {
    fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

fn milliseconds(length: Duration) -> u32 {
    u32::try_from(length.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome_map::Outcome;

    #[test]
    fn only_what_is_set_is_sent() {
        assert_eq!(Options::new().to_json(), None);
        let options = Options::new()
            .deadline(Duration::from_secs(1))
            .attempts(3)
            .header("a", "b")
            .outcomes(OutcomeMap::new().http("404", Outcome::Failure))
            .compensate_failed()
            .jitter(0.5)
            .pivot()
            .full_answer();
        assert_eq!(
            options.to_json().as_deref(),
            Some(concat!(
                r#"{"deadline_ms":1000,"retry":{"attempts":3,"jitter":0.5},"headers":{"a":"b"},"#,
                r#""outcome_map":{"http":{"404":"failure"}},"compensate_failed":true,"effect":"pivot","answer":"full"}"#
            ))
        );
    }
}
