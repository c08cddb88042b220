//! Faults on demand: which request goes wrong, how, and how many times.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::request_log::Entry;

/// A fault to play. The first one that matches a request is played, in the order they were added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The path as the request log has it: `/transfer-in`, `/transfer-in/{gid}/{branch_id}`, `/bank.v1.Bank/TransferIn`.
    pub path: String,
    /// Only for this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only for this global transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<String>,
    /// Only for this branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_id: Option<String>,
    /// Only for this operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many requests it hits; for ever if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How long [`FaultKind::Delay`] waits.
    #[serde(default)]
    pub delay_ms: u64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A business failure without effect: 409, `ABORTED`.
    Fail,
    /// Not done yet, no effect so far: 425, `FAILED_PRECONDITION`.
    Ongoing,
    /// A breakdown before the effect: 500, `INTERNAL`.
    Error,
    /// Waits, then goes on as usual, also when the caller has gone by then.
    Delay,
    /// No effect and no answer.
    Hang,
    /// The process ends with exit code 137 before the effect.
    Crash,
    /// The effect, then a breakdown instead of the answer: 500, `UNAVAILABLE`.
    DropReply,
}

impl FaultKind {
    /// The word for it in the request log.
    pub(crate) fn answer(self) -> &'static str {
        match self {
            Self::Fail => "fault:fail",
            Self::Ongoing => "fault:ongoing",
            Self::Error => "fault:error",
            Self::Delay => "fault:delay",
            Self::Hang => "fault:hang",
            Self::Crash => "fault:crash",
            Self::DropReply => "fault:drop-reply",
        }
    }
}

/// The faults still to be played.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Adds one at the end.
    pub(crate) fn add(&self, fault: Fault) {
        self.with(|waiting| waiting.push(fault));
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.with(Vec::clear);
    }

    /// The ones still waiting, with the times they have left.
    pub(crate) fn list(&self) -> Vec<Fault> {
        self.with(|waiting| waiting.clone())
    }

    /// The fault that hits this request, counted down.
    pub(crate) fn take(&self, request: &Entry) -> Option<Fault> {
        self.with(|waiting| {
            let hit = waiting.iter_mut().find(|fault| fault.times != Some(0) && fault.hits(request))?;
            if let Some(times) = &mut hit.times {
                *times -= 1;
            }
            let played = hit.clone();
            waiting.retain(|fault| fault.times != Some(0));
            Some(played)
        })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Vec<Fault>) -> R) -> R {
        f(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fault {
    fn hits(&self, request: &Entry) -> bool {
        let wants = |wanted: &Option<String>, got: &Option<String>| wanted.is_none() || wanted == got;
        self.path == request.path
            && wants(&self.account, &request.account)
            && wants(&self.gid, &request.gid)
            && wants(&self.branch_id, &request.branch_id)
            && wants(&self.op, &request.op)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_log::Protocol;

    #[test]
    fn hits_what_it_names_and_counts_down() {
        let faults = Faults::default();
        let fault = serde_json::from_str(r#"{"path":"/transfer-in","account":"bob","kind":"fail","times":2}"#);
        faults.add(fault.expect("valid"));
        let bob = Entry { account: Some("bob".to_owned()), ..Entry::arrived(Protocol::Http, "/transfer-in") };
        let eve = Entry { account: Some("eve".to_owned()), ..bob.clone() };
        let elsewhere = Entry { path: "/transfer-out".to_owned(), ..bob.clone() };

        let got = [&eve, &bob, &elsewhere, &bob, &bob].map(|request| faults.take(request).is_some());
        assert_eq!(got, [false, true, false, true, false]);
        assert!(faults.list().is_empty());
    }
}
