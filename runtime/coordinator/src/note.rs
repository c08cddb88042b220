//! What an execution's row says beside its phase: for people, and for the next activation.

use reprise_engine::Timestamp;
use serde::{Deserialize, Serialize};

/// The note on an execution's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Note {
    /// Calls that wait for their next attempt while the execution is parked.
    Waiting {
        /// Which.
        calls: Vec<WaitingCall>,
    },
    /// Why it is quarantined.
    Quarantined {
        /// `diverged`, `trap`, `limit`, `misuse`, `fuel`, `memory`, `journal`, `component`.
        reason: String,
        /// What happened and what to do.
        message: String,
        /// Where in the guest.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        backtrace: Option<String>,
    },
}

/// A call between two attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingCall {
    /// `call 3`, `registration 1` and so on: unique within the execution.
    pub slot: String,
    /// Attempts made.
    pub made: u32,
    /// How many of them ended unknown.
    pub unknown: u32,
    /// When the next one is due.
    pub next_at: Timestamp,
    /// What the last one ended in.
    pub error: String,
}

impl Note {
    /// As stored.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a note is plain data")
    }

    /// Reads a stored note; one that this version can't read is no note.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}
