//! What an execution's row says beside its phase: for people, and for the next activation.

use reprise_engine::Timestamp;
use serde::{Deserialize, Serialize};

use crate::calls::Slot;

/// The note on an execution's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Note {
    /// Calls that wait for their next attempt while the execution is parked.
    Waiting {
        /// Which.
        calls: Vec<WaitingCall>,
    },
    /// A message that was prepared: its sender has not said yet that its local transaction is committed.
    Prepared {
        /// Who is asked.
        query_back: String,
        /// When, if the sender does not say so by itself.
        due: Timestamp,
    },
    /// It is steered from outside, and nobody has decided it.
    Steered {
        /// When something happens by itself.
        due: Timestamp,
        /// Who is called then; it is rolled back if nobody is.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        calls: Option<String>,
    },
    /// Its journal holds what only a newer runtime can read: it waits for one.
    Newer {
        /// What it holds.
        message: String,
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
    /// What it waits for at its participant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waiting_for: Option<String>,
    /// What the last one ended in.
    pub error: String,
}

impl WaitingCall {
    /// Whether it asks the sender of a message that is prepared, or calls who steers an execution.
    #[must_use]
    pub fn is_query_back(&self) -> bool {
        self.slot == Slot::QueryBack.to_string()
    }
}

impl Note {
    /// The note on the row of an execution that goes on: from here on its calls may be sent. Should the process die,
    /// none of them may count as never sent.
    pub(crate) fn under_way(self) -> Self {
        match self {
            Self::Waiting { mut calls } => {
                calls.iter_mut().for_each(|call| call.made = call.made.max(1));
                Self::Waiting { calls }
            }
            other @ (Self::Prepared { .. } | Self::Steered { .. } | Self::Newer { .. } | Self::Quarantined { .. }) => {
                other
            }
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_sent_does_not_count_as_never_sent() {
        let call = |made| WaitingCall {
            slot: format!("call {made}"),
            made,
            unknown: made,
            next_at: Timestamp(7),
            waiting_for: Some("breaker".into()),
            error: String::new(),
        };
        let note = Note::Waiting { calls: vec![call(0), call(1), call(3)] };
        let Note::Waiting { calls } = note.under_way() else { panic!("the same kind") };
        assert_eq!(calls.iter().map(|call| call.made).collect::<Vec<_>>(), [1, 1, 3]);
    }
}
