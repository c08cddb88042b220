//! The API's answers as the command line reads them; what it does not know it passes over.

use std::fmt;

use reprise_engine::Phase;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::moment::Moment;

/// `PUT /v1/workflows/{name}`.
#[derive(Debug, Deserialize)]
pub(super) struct Deployed {
    pub(super) workflow: String,
    pub(super) version: u64,
    pub(super) digest: String,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
}

/// `POST /v1/executions/{gid}` without a wait; more of it is not needed.
#[derive(Debug, Deserialize)]
pub(super) struct Admitted {
    pub(super) gid: String,
}

/// `GET /v1/executions/{gid}`, and an item of a list, which has no branches.
#[derive(Debug, Deserialize)]
pub(super) struct Execution {
    pub(super) gid: String,
    pub(super) workflow: String,
    pub(super) digest: String,
    pub(super) phase: Phase,
    pub(super) activity: Activity,
    /// Another node works on it than the one that answers.
    #[serde(default)]
    pub(super) elsewhere: bool,
    pub(super) created_at: Moment,
    pub(super) updated_at: Moment,
    /// Of one that is drawn, not of an item of a list.
    pub(super) closed_at: Option<Moment>,
    pub(super) wake_at: Option<Moment>,
    pub(super) entries: Option<u32>,
    /// As the workflow wrote it, if it is JSON.
    pub(super) output: Option<Box<RawValue>>,
    /// If it is not.
    pub(super) output_base64: Option<String>,
    pub(super) failure: Option<Failure>,
    pub(super) note: Option<Note>,
    #[serde(default)]
    pub(super) calls: Vec<Call>,
    #[serde(default)]
    pub(super) branches: Vec<Branch>,
    /// Why there are no branches.
    pub(super) journal_error: Option<String>,
}

/// Whether somebody works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Activity {
    Active,
    Parked,
    Quarantined,
    Finished,
    /// Of a newer server.
    #[serde(other)]
    Other,
}

/// Why a workflow gave up.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) details: Option<Box<RawValue>>,
    pub(super) details_base64: Option<String>,
}

/// What it waits for, or why it is quarantined.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Note {
    Waiting {
        calls: Vec<WaitingCall>,
    },
    Prepared {
        query_back: String,
        due: Moment,
    },
    Steered {
        due: Moment,
        calls: Option<String>,
    },
    Newer {
        message: String,
    },
    Quarantined {
        reason: String,
        message: String,
        backtrace: Option<String>,
    },
    /// Of a newer server.
    #[serde(other)]
    Other,
}

/// A call between two attempts while the execution is parked.
#[derive(Debug, Deserialize)]
pub(super) struct WaitingCall {
    pub(super) slot: String,
    #[serde(alias = "made")]
    pub(super) attempts: u32,
    #[serde(alias = "next_at")]
    pub(super) next_attempt_at: Moment,
    pub(super) waiting_for: Option<String>,
    #[serde(alias = "error")]
    pub(super) last_error: Option<String>,
}

/// A call in flight.
#[derive(Debug, Deserialize)]
pub(super) struct Call {
    pub(super) branch: String,
    pub(super) op: String,
    pub(super) call: String,
    pub(super) attempts: u32,
    /// None while an attempt is under way, or waits for something without a time.
    pub(super) next_attempt_at: Option<Moment>,
    /// What the next attempt waits for at its participant.
    pub(super) waiting_for: Option<String>,
    pub(super) last_error: Option<String>,
    #[serde(default)]
    pub(super) stuck: bool,
}

/// A branch and its operations.
#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    /// `00` is the execution as a whole.
    pub(super) id: String,
    pub(super) ops: Vec<OpView>,
}

/// One operation.
#[derive(Debug, Deserialize)]
pub(super) struct OpView {
    pub(super) op: String,
    pub(super) call: String,
    pub(super) state: OpState,
    pub(super) attempts: Option<u32>,
    pub(super) intended_at: Option<Moment>,
    pub(super) completed_at: Option<Moment>,
    pub(super) error: Option<String>,
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OpState {
    Registered,
    InFlight,
    Success,
    Failure,
    Exhausted,
    Deadline,
    Canceled,
    Invalid,
    NotNeeded,
    /// Of a newer server.
    #[serde(other)]
    Other,
}

/// `GET /v1/executions`; the items are kept as they are, for `--output json`.
#[derive(Debug, Deserialize)]
pub(super) struct Executions {
    pub(super) executions: Vec<Box<RawValue>>,
    pub(super) next: Option<Cursor>,
}

/// `GET /v1/participants`; the items are kept as they are, for `--output json`.
#[derive(Debug, Deserialize)]
pub(super) struct Participants {
    pub(super) participants: Vec<Box<RawValue>>,
}

/// A service that workflows call.
#[derive(Debug, Deserialize)]
pub(super) struct Participant {
    pub(super) name: String,
    pub(super) host: String,
    pub(super) paused: bool,
    pub(super) breaker: Option<Breaker>,
    pub(super) in_flight: u64,
    pub(super) waiting: u64,
    pub(super) outcomes: Outcomes,
}

/// How a participant's breaker stands.
#[derive(Debug, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(super) enum Breaker {
    Closed,
    Open {
        until: Moment,
    },
    HalfOpen,
    /// Of a newer server.
    #[serde(other)]
    Other,
}

/// How often attempts ended in what.
#[derive(Debug, Deserialize)]
pub(super) struct Outcomes {
    pub(super) success: u64,
    pub(super) failure: u64,
    pub(super) ongoing: u64,
    pub(super) unknown: u64,
}

/// `GET /v1/executions/{gid}/journal`; the items are kept as they are, for `--output json`.
#[derive(Debug, Deserialize)]
pub(super) struct Journal {
    pub(super) entries: Vec<Box<RawValue>>,
    pub(super) next: Option<Cursor>,
}

/// An item of a journal.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) seq: u32,
    pub(super) at: Moment,
    #[serde(default = "broken")]
    pub(super) kind: String,
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) entry: Members,
    /// Why it can't be read.
    pub(super) error: Option<String>,
}

/// The members of an object, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn broken() -> String {
    "broken".to_owned()
}

/// Where the next page begins: whatever the server says, given back to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Value")]
pub(super) struct Cursor(pub(super) String);

impl From<Value> for Cursor {
    fn from(value: Value) -> Self {
        Self(value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
    }
}

impl Execution {
    /// Whether nothing can change any more.
    pub(super) fn is_over(&self) -> bool {
        self.phase.is_closed() && self.activity == Activity::Finished
    }
}
