//! The cases of the matrix: what is done to which call, or when the runtime is stopped.

use std::fmt;

use serde::Serialize;

use crate::call::CallName;

/// What a case does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "deed")]
pub enum Deed {
    /// Nothing: every participant succeeds.
    Baseline,
    /// One call has trouble.
    Trouble {
        /// Which.
        call: CallName,
        /// What happens to it.
        trouble: Trouble,
        /// How many of its attempts; none means all.
        attempts: Option<u32>,
    },
    /// The process dies with this many entries in the journal, and another one goes on.
    Crash {
        /// How many.
        entries: usize,
    },
    /// A timeout or an operator rolls back with this many entries in the journal, without asking the workflow.
    Timeout {
        /// How many.
        entries: usize,
    },
}

/// What can happen to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The participant refuses and does nothing.
    Refused,
    /// The participant is not reached.
    Unreachable,
    /// The participant acts; its answer is lost.
    AnswerLost,
    /// The request arrives twice.
    Twice,
}

/// When a run is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The process dies; another one goes on.
    Crash(usize),
    /// The runtime decides without the workflow.
    Timeout(usize),
}

/// What happens to the first attempts of a call, or to all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) call: CallName,
    pub(crate) trouble: Trouble,
    pub(crate) attempts: Option<u32>,
}

/// How a run goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) faults: Vec<Fault>,
    pub(crate) stop: Option<Moment>,
}

impl Plan {
    pub(crate) fn with(&self, fault: Fault) -> Self {
        let mut faults = self.faults.clone();
        faults.push(fault);
        Self { faults, stop: self.stop }
    }

    pub(crate) fn stopped(&self, at: Moment) -> Self {
        Self { faults: self.faults.clone(), stop: Some(at) }
    }
}

impl From<&Fault> for Deed {
    fn from(Fault { call, trouble, attempts }: &Fault) -> Self {
        Self::Trouble { call: call.clone(), trouble: *trouble, attempts: *attempts }
    }
}

impl From<Moment> for Deed {
    fn from(moment: Moment) -> Self {
        match moment {
            Moment::Crash(entries) => Self::Crash { entries },
            Moment::Timeout(entries) => Self::Timeout { entries },
        }
    }
}

impl Deed {
    /// The call it is about.
    #[must_use]
    pub const fn call(&self) -> Option<&CallName> {
        match self {
            Self::Trouble { call, .. } => Some(call),
            Self::Baseline | Self::Crash { .. } | Self::Timeout { .. } => None,
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baseline => f.write_str("all succeed"),
            Self::Trouble { trouble, attempts, .. } => match (trouble, attempts) {
                (Trouble::Refused, None) => f.write_str("refused"),
                (Trouble::Refused, Some(_)) => f.write_str("refused, then fine"),
                (Trouble::Unreachable, None) => f.write_str("unreachable"),
                (Trouble::Unreachable, Some(_)) => f.write_str("unreachable, then fine"),
                (Trouble::AnswerLost, None) => f.write_str("every answer lost"),
                (Trouble::AnswerLost, Some(_)) => f.write_str("answer lost, repeated"),
                (Trouble::Twice, _) => f.write_str("delivered twice"),
            },
            Self::Crash { entries } => write!(f, "crash after entry {}", entries.saturating_sub(1)),
            Self::Timeout { entries } => write!(f, "timeout after entry {}", entries.saturating_sub(1)),
        }
    }
}
