//! The phases of an execution and what leads from one to the next.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// `run` has not returned yet.
    Running,
    /// `run` returned ok; commits are being performed.
    Committing,
    /// `run` returned a failure; rollbacks are being performed.
    RollingBack,
    /// Every commit is done.
    Succeeded,
    /// Every rollback is done.
    Failed,
}

/// What changes a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseEvent {
    /// `run` returned ok.
    ReturnedOk,
    /// `run` returned a failure, or a rule or an operator decided so.
    ReturnedFailure,
    /// Everything of phase two is done.
    PhaseTwoDone,
    /// An operator ended it as it was.
    Forced,
}

/// An event that can't happen in this phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{event:?} can't follow phase {phase}")]
pub struct PhaseError {
    /// The phase.
    pub phase: Phase,
    /// The event.
    pub event: PhaseEvent,
}

impl Phase {
    /// The phase that follows.
    ///
    /// # Errors
    /// [`PhaseError`]: the pair is illegal.
    pub const fn next(self, event: PhaseEvent) -> Result<Self, PhaseError> {
        match (self, event) {
            (Self::Running, PhaseEvent::ReturnedOk) => Ok(Self::Committing),
            (Self::Running, PhaseEvent::ReturnedFailure) => Ok(Self::RollingBack),
            (Self::Committing, PhaseEvent::PhaseTwoDone) => Ok(Self::Succeeded),
            (Self::RollingBack, PhaseEvent::PhaseTwoDone)
            | (Self::Running | Self::Committing | Self::RollingBack, PhaseEvent::Forced) => Ok(Self::Failed),
            (Self::Running, PhaseEvent::PhaseTwoDone)
            | (
                Self::Committing | Self::RollingBack | Self::Succeeded | Self::Failed,
                PhaseEvent::ReturnedOk | PhaseEvent::ReturnedFailure,
            )
            | (Self::Succeeded | Self::Failed, PhaseEvent::PhaseTwoDone | PhaseEvent::Forced) => {
                Err(PhaseError { phase: self, event })
            }
        }
    }

    /// Whether nothing can change any more.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// `running`, `committing`, `rolling-back`, `succeeded`, `failed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Committing => "committing",
            Self::RollingBack => "rolling-back",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The phase of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Committing, Self::RollingBack, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|phase| phase.name() == name)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_decided() {
        use Phase::{Committing, Failed, RollingBack, Running, Succeeded};
        use PhaseEvent::{Forced, PhaseTwoDone, ReturnedFailure, ReturnedOk};
        for (phase, event, want) in [
            (Running, ReturnedOk, Some(Committing)),
            (Running, ReturnedFailure, Some(RollingBack)),
            (Running, PhaseTwoDone, None),
            (Committing, PhaseTwoDone, Some(Succeeded)),
            (Committing, ReturnedOk, None),
            (RollingBack, PhaseTwoDone, Some(Failed)),
            (RollingBack, ReturnedFailure, None),
            (Succeeded, PhaseTwoDone, None),
            (Failed, ReturnedOk, None),
            (Running, Forced, Some(Failed)),
            (Committing, Forced, Some(Failed)),
            (RollingBack, Forced, Some(Failed)),
            (Succeeded, Forced, None),
            (Failed, Forced, None),
        ] {
            assert_eq!(phase.next(event).ok(), want, "{phase} {event:?}");
        }
    }

    #[test]
    fn names_go_both_ways() {
        for phase in [Phase::Running, Phase::Committing, Phase::RollingBack, Phase::Succeeded, Phase::Failed] {
            assert_eq!(Phase::from_name(phase.name()), Some(phase));
        }
    }
}
