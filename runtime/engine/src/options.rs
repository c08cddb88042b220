//! Options of a branch: how long, how often, and what an answer means.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::operation::Op;
use crate::outcome::{Outcome, is_grpc_name};

/// How attempts that ended unknown are repeated. Unset fields take the runtime's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Pause after the first attempt, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_ms: Option<u32>,
    /// Growth of the pause, 1.0 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f32>,
    /// Longest pause, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u32>,
    /// Attempts in all; none means without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Share of a pause that chance may take off, 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f32>,
}

/// What a call does to the world, where its undo does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallEffect {
    /// Nothing: there is nothing to undo.
    ReadOnly,
    /// Something that can't be undone. When it has succeeded, the transaction can't fail any more: what follows is
    /// repeated until it succeeds.
    Pivot,
}

/// How much of an answer is recorded for the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerForm {
    /// The body.
    Body,
    /// Status and headers too.
    Full,
}

/// The kinds of transactions that DTM knows; sent to participants as `trans_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransType {
    /// Actions and compensations.
    Saga,
    /// Actions that follow a local transaction.
    Msg,
    /// Try, confirm, cancel.
    Tcc,
    /// XA transactions that participants make themselves.
    Xa,
    /// Code.
    Workflow,
}

impl TransType {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Saga => "saga",
            Self::Msg => "msg",
            Self::Tcc => "tcc",
            Self::Xa => "xa",
            Self::Workflow => "workflow",
        }
    }

    /// What an op is called on the wire: `compensate` in a saga, `confirm` and `cancel` in a TCC.
    #[must_use]
    pub const fn op_name(self, op: Op) -> &'static str {
        match (self, op) {
            (Self::Saga, Op::Rollback) => "compensate",
            (Self::Tcc, Op::Commit) => "confirm",
            (Self::Tcc, Op::Rollback) => "cancel",
            (Self::Saga | Self::Msg | Self::Tcc | Self::Xa | Self::Workflow, _) => op.name(),
        }
    }
}

/// What a participant is told of a call's place, where that differs from Reprise's own names: in transactions that
/// clients of DTM make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DtmIdentity {
    /// The kind of transaction.
    pub trans_type: TransType,
    /// The branch, as the client named it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub branch_id: Option<String>,
    /// The op, where it is none of the kind's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub op: Option<String>,
}

/// Most bytes of a name in an identity.
const IDENTITY_BYTES_MAX: usize = 128;

impl DtmIdentity {
    fn check(&self) -> Result<(), InvalidOptions> {
        let fits = |text: &String| text.len() <= IDENTITY_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        if self.branch_id.iter().chain(&self.op).all(fits) {
            return Ok(());
        }
        let text = format!("dtm: names are at most {IDENTITY_BYTES_MAX} visible ASCII characters");
        Err(InvalidOptions(text))
    }
}

/// One look at an answer: a header or a place in a JSON body, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerMatch {
    /// Name of a header (gRPC: metadata); names are compared without case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub header: Option<String>,
    /// A JSON pointer (RFC 6901) into the body, `/error/code`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<String>,
    /// Only for answers with an HTTP status of this range, `200-299`; for any if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub http: Option<String>,
    /// The value that must be there, `null` too; any value if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "named")]
    pub equals: Option<serde_json::Value>,
    /// What it means.
    pub outcome: Outcome,
}

/// What is named is a value, also where it is `null`.
fn named<'de, D: Deserializer<'de>>(value: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(value).map(Some)
}

impl AnswerMatch {
    fn check(&self) -> Result<(), InvalidOptions> {
        let wrong = |text: &str| Err(InvalidOptions(format!("outcome_map.matches: {text}")));
        if self.http.as_ref().is_some_and(|range| status_range(range).is_none()) {
            return wrong("`http` is a status or a range of them, as in \"200-299\"");
        }
        match (&self.header, &self.body) {
            (Some(_), None) => Ok(()),
            (None, Some(pointer)) if pointer.is_empty() || pointer.starts_with('/') => Ok(()),
            (None, Some(_)) => wrong("`body` is a JSON pointer; start it with `/`, as in \"/error/code\""),
            (Some(_), Some(_)) => wrong("`header` and `body` exclude each other; write two matches"),
            (None, None) => wrong("name a `header` or a place in the `body`"),
        }
    }
}

/// What answers of a service with other conventions mean.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutcomeMap {
    /// `"404"` or `"500-599"` to an outcome; the narrowest range wins.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub http: BTreeMap<String, Outcome>,
    /// `"NOT_FOUND"` and so on to an outcome.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub grpc: BTreeMap<String, Outcome>,
    /// Looks at headers and bodies, before all else; the first that fits decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<AnswerMatch>,
    /// Whether a body `{"dtm_result": "FAILURE"}` counts; on unless set to false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtm_result: Option<bool>,
}

/// Options of a branch. All unset is the runtime's defaults.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BranchOptions {
    /// Longest time of one attempt, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// Longest time of all attempts together, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u32>,
    /// How to repeat.
    #[serde(skip_serializing_if = "RetryPolicy::is_unset")]
    pub retry: RetryPolicy,
    /// Pause after an "ongoing" answer, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ongoing_ms: Option<u32>,
    /// Headers or metadata to send.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What answers mean.
    #[serde(skip_serializing_if = "OutcomeMap::is_unset")]
    pub outcome_map: OutcomeMap,
    /// Sent as `idempotency-key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether a branch whose action was refused is rolled back too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compensate_failed: Option<bool>,
    /// What the call does, where nothing is registered that undoes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<CallEffect>,
    /// How much of the answer is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerForm>,
    /// What a participant of DTM is told of the call's place. The runtime's own programs set it, guests can't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtm: Option<DtmIdentity>,
}

impl RetryPolicy {
    fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

impl OutcomeMap {
    fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// Options that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("branch options: {0}")]
pub struct InvalidOptions(String);

impl BranchOptions {
    /// Lays the options of a JSON object over these; what it does not name stays.
    ///
    /// # Errors
    /// [`InvalidOptions`]: no JSON object, an unknown name or a value out of range; the text says which.
    pub fn merge_json(&mut self, json: &str) -> Result<(), InvalidOptions> {
        let wrong = |e: serde_json::Error| InvalidOptions(e.to_string());
        // A struct would also read an array; options have names.
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).map_err(wrong)?;
        let new: Self = serde_json::from_value(object.into()).map_err(wrong)?;
        if new.dtm.is_some() {
            return Err(InvalidOptions("`dtm` is set by the runtime's own programs alone".into()));
        }
        new.check()?;
        self.lay_over(new);
        Ok(())
    }

    /// Lays other options over these; what they don't name stays.
    pub fn lay_over(&mut self, new: Self) {
        let Self {
            timeout_ms,
            deadline_ms,
            retry,
            ongoing_ms,
            headers,
            outcome_map,
            idempotency_key,
            compensate_failed,
            effect,
            answer,
            dtm,
        } = new;
        self.timeout_ms = timeout_ms.or(self.timeout_ms);
        self.deadline_ms = deadline_ms.or(self.deadline_ms);
        self.retry = RetryPolicy {
            initial_ms: retry.initial_ms.or(self.retry.initial_ms),
            factor: retry.factor.or(self.retry.factor),
            max_ms: retry.max_ms.or(self.retry.max_ms),
            attempts: retry.attempts.or(self.retry.attempts),
            jitter: retry.jitter.or(self.retry.jitter),
        };
        self.ongoing_ms = ongoing_ms.or(self.ongoing_ms);
        self.headers.extend(headers);
        self.outcome_map.http.extend(outcome_map.http);
        self.outcome_map.grpc.extend(outcome_map.grpc);
        if !outcome_map.matches.is_empty() {
            self.outcome_map.matches = outcome_map.matches;
        }
        self.outcome_map.dtm_result = outcome_map.dtm_result.or(self.outcome_map.dtm_result);
        self.idempotency_key = idempotency_key.or(self.idempotency_key.take());
        self.compensate_failed = compensate_failed.or(self.compensate_failed);
        self.effect = effect.or(self.effect);
        self.answer = answer.or(self.answer);
        self.dtm = dtm.or(self.dtm.take());
    }

    /// Whether headers of the answer are needed: to judge it or for the guest.
    #[must_use]
    pub fn reads_headers(&self) -> bool {
        self.answer == Some(AnswerForm::Full) || self.outcome_map.matches.iter().any(|look| look.header.is_some())
    }

    /// The options as they are recorded: JSON, empty if nothing is set.
    #[must_use]
    pub fn to_recorded(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        serde_json::to_string(self).expect("options are plain data with text keys")
    }

    /// Reads what [`Self::to_recorded`] wrote, at any version.
    ///
    /// # Errors
    /// [`InvalidOptions`]: the text is damaged or written by a newer version.
    pub fn from_recorded(text: &str) -> Result<Self, InvalidOptions> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|e| InvalidOptions(e.to_string()))
    }

    /// Recorded options for messages: values of headers, which may be credentials, are left out.
    #[must_use]
    pub fn describe_recorded(text: &str) -> String {
        match Self::from_recorded(text) {
            Ok(mut options) if !options.headers.is_empty() => {
                options.headers.values_mut().for_each(|value| "...".clone_into(value));
                options.to_recorded()
            }
            Ok(_) => text.to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Checks ranges; [`Self::merge_json`] does it by itself.
    ///
    /// # Errors
    /// [`InvalidOptions`] names what is out of range.
    pub fn check(&self) -> Result<(), InvalidOptions> {
        let err = |text: String| Err(InvalidOptions(text));
        if self.retry.attempts == Some(0) {
            return err("retry.attempts is 0; use 1 or more".into());
        }
        if self.retry.factor.is_some_and(|f| !(1.0..=100.0).contains(&f)) {
            return err("retry.factor is out of range; use 1 to 100".into());
        }
        if self.timeout_ms == Some(0) || self.deadline_ms == Some(0) {
            return err("timeout_ms and deadline_ms are 1 or more".into());
        }
        if self.retry.jitter.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return err("retry.jitter is out of range; use 0 to 1".into());
        }
        for range in self.outcome_map.http.keys() {
            if status_range(range).is_none() {
                return err(format!("outcome_map.http: {range:?} is no status; use \"404\" or \"500-599\""));
            }
        }
        for name in self.outcome_map.grpc.keys() {
            if !is_grpc_name(name) {
                return err(format!("outcome_map.grpc: {name:?} is no status code; use a name like \"NOT_FOUND\""));
            }
        }
        self.dtm.iter().try_for_each(DtmIdentity::check)?;
        self.outcome_map.matches.iter().try_for_each(AnswerMatch::check)
    }
}

/// `"404"` or `"500-599"` as first and last status.
pub(crate) fn status_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (100..=999).contains(&first).then_some(())?;
    (first <= last && last <= 999).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_options_change_only_what_they_name() {
        let mut options = BranchOptions::default();
        options.merge_json(r#"{"timeout_ms": 5, "retry": {"attempts": 3}, "headers": {"a": "1"}}"#).expect("valid");
        options.merge_json(r#"{"retry": {"initial_ms": 9}, "headers": {"b": "2"}}"#).expect("valid");
        assert_eq!(options.timeout_ms, Some(5));
        assert_eq!(options.retry, RetryPolicy { initial_ms: Some(9), attempts: Some(3), ..RetryPolicy::default() });
        assert_eq!(options.headers.len(), 2);
    }

    #[test]
    fn mistakes_are_named() {
        for (json, want) in [
            ("[]", "expected a map"),
            (r#"{"timeout": 1}"#, "unknown field `timeout`"),
            (r#"{"retry": {"attempts": 0}}"#, "retry.attempts"),
            (r#"{"retry": {"factor": 0.5}}"#, "retry.factor"),
            (r#"{"outcome_map": {"http": {"4xx": "failure"}}}"#, "4xx"),
            (r#"{"outcome_map": {"http": {"404": "maybe"}}}"#, "maybe"),
            (r#"{"outcome_map": {"grpc": {"GONE": "failure"}}}"#, "GONE"),
            (r#"{"outcome_map": {"matches": [{"outcome": "failure"}]}}"#, "name a `header`"),
            (r#"{"outcome_map": {"matches": [{"header": "x", "http": "2xx", "outcome": "failure"}]}}"#, "200-299"),
            (r#"{"outcome_map": {"matches": [{"body": "code", "outcome": "failure"}]}}"#, "start it with `/`"),
            (r#"{"retry": {"jitter": 2}}"#, "retry.jitter"),
            (r#"{"effect": "none"}"#, "pivot"),
            (r#"{"dtm": {"trans_type": "saga"}}"#, "the runtime's own"),
        ] {
            let error = BranchOptions::default().merge_json(json).expect_err(json).to_string();
            assert!(error.contains(want), "{json}: {error}");
        }
    }
}
