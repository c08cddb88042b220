//! What a check found.

use reprise_engine::Digest;
use serde::Serialize;

use crate::call::CallName;
use crate::case::Deed;

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The component.
    pub component: Digest,
    /// Every case, the run in which all succeed first.
    pub cases: Vec<CaseReport>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

/// One case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseReport {
    /// What was done.
    #[serde(flatten)]
    pub deed: Deed,
    /// What was done beside it, so that the call is made at all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Deed>,
    /// How it ended.
    pub end: End,
    /// What participants did, in the order in which they began to.
    pub took_effect: Vec<TookEffect>,
    /// Calls whose effect is left behind.
    pub left_behind: Vec<CallName>,
}

/// What a participant did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TookEffect {
    /// Asked by which call.
    pub call: CallName,
    /// How often.
    pub times: u32,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum End {
    /// Committed.
    Succeeded,
    /// Rolled back.
    Failed {
        /// What the workflow says.
        message: String,
    },
    /// It goes on until the participant answers.
    Waits {
        /// For whom.
        call: CallName,
    },
    /// It stops until a fixed component is deployed.
    Quarantined {
        /// `trap`, `misuse`, `diverged`, ...
        reason: &'static str,
        /// Why.
        message: String,
    },
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The transaction is not all or nothing.
    Error,
    /// It may not be what is meant.
    Warning,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The workflow does not succeed although all participants do.
    Baseline,
    /// A call does not say how it is undone.
    Undeclared,
    /// An action took effect, the transaction failed, and nothing undid it.
    LeftBehind,
    /// The same with an action whose answer was lost.
    InDoubt,
    /// The workflow succeeded although it does not know whether an action took effect, and it did.
    Ignored,
    /// What never took effect was confirmed.
    ConfirmedNothing,
    /// An action was undone although the workflow succeeded.
    UndoneAfterSuccess,
    /// An action was undone before one that follows it.
    UndoOrder,
    /// A repeated call took effect again.
    TookEffectTwice,
    /// An undo took effect although its action had not.
    UndidNothing,
    /// The execution stops until a fixed component is deployed.
    Quarantined,
    /// It takes another path when it is run again with the recorded results.
    Diverged,
    /// Only a workflow that returned can undo this: its undo is a closure.
    ClosureUndo,
    /// It ends otherwise after a crash.
    CrashChangesEnd,
    /// A call was sent again whose result was recorded.
    SentAgain,
    /// Nothing ends the call if the participant never answers.
    NoLimit,
    /// A reply was given for a call that was not made.
    UnusedReply,
    /// A participant was named that no call goes to.
    UnusedName,
}

/// Something that is wrong, in all cases that show it.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What.
    pub kind: Kind,
    /// The call it is about.
    pub call: Option<CallName>,
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Which cases show it, counted from 0.
    pub cases: Vec<usize>,
}

impl Report {
    /// Findings of this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether the workflow succeeds when all participants do; if not, no other case was tried.
    #[must_use]
    pub fn has_baseline(&self) -> bool {
        self.cases.first().is_some_and(|case| case.end == End::Succeeded)
    }

    /// Keeps a finding; one that is known gets another case.
    pub(crate) fn add(&mut self, finding: Finding) {
        let known = self.findings.iter_mut().find(|known| known.kind == finding.kind && known.call == finding.call);
        match known {
            Some(known) => known.cases.extend(finding.cases),
            None => self.findings.push(finding),
        }
    }
}

impl Kind {
    /// `left-behind`, `in-doubt`, ...
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Undeclared => "undeclared",
            Self::LeftBehind => "left-behind",
            Self::InDoubt => "in-doubt",
            Self::Ignored => "ignored",
            Self::ConfirmedNothing => "confirmed-nothing",
            Self::UndoneAfterSuccess => "undone-after-success",
            Self::UndoOrder => "undo-order",
            Self::TookEffectTwice => "took-effect-twice",
            Self::UndidNothing => "undid-nothing",
            Self::Quarantined => "quarantined",
            Self::Diverged => "diverged",
            Self::ClosureUndo => "closure-undo",
            Self::CrashChangesEnd => "crash-changes-end",
            Self::SentAgain => "sent-again",
            Self::NoLimit => "no-limit",
            Self::UnusedReply => "unused-reply",
            Self::UnusedName => "unused-name",
        }
    }
}

impl Severity {
    /// `error`, `warning`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl End {
    /// `succeeded`, `failed`, `waits`, `quarantined`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Waits { .. } => "waits",
            Self::Quarantined { .. } => "quarantined",
        }
    }
}
