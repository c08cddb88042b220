//! How a command ends, as a number for scripts. The numbers are stable.

use std::process::ExitCode;

use reprise_engine::Phase;

use super::answer::{Activity, Execution};

/// Shown below `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  ok; the execution succeeded
  1  the server can't be reached or has a problem, or something else went wrong
  2  wrong usage
  3  the execution failed: it was rolled back
  4  the execution was still open when the wait ended
  5  the execution is quarantined
  6  the server refused the request (unknown, conflicting, too large, not valid)
  7  check: something would be left behind
  8  check: the component can't be used, or does not succeed with this input";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for an execution: succeeded.
    Ok,
    /// Something went wrong on the way; trying again may help.
    Trouble,
    /// The command line is wrong.
    Usage,
    /// The execution failed and was rolled back.
    Failed,
    /// The execution was still open when the wait ended.
    Open,
    /// The execution is quarantined.
    Quarantined,
    /// The server refused; the same again is refused again.
    Refused,
    /// A check found something that would be left behind.
    Findings,
    /// A check could not be made: the component or its input is not usable.
    Unusable,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Trouble => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Open => 4,
            Self::Quarantined => 5,
            Self::Refused => 6,
            Self::Findings => 7,
            Self::Unusable => 8,
        }
    }

    /// How a command ends that waited for this execution.
    pub(super) const fn of(execution: &Execution) -> Self {
        match (execution.phase, execution.activity) {
            (Phase::Succeeded, _) => Self::Ok,
            (Phase::Failed, _) => Self::Failed,
            (Phase::Running | Phase::Committing | Phase::RollingBack, Activity::Quarantined) => Self::Quarantined,
            (
                Phase::Running | Phase::Committing | Phase::RollingBack,
                Activity::Active | Activity::Parked | Activity::Finished | Activity::Other,
            ) => Self::Open,
        }
    }

    /// How a command ends whose request was answered with this HTTP status: what the caller can mend is refused.
    pub(super) const fn of_status(status: u16) -> Self {
        match status {
            408 | 429 => Self::Trouble,
            400..=499 => Self::Refused,
            _ => Self::Trouble,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code() {
        use Exit::{Failed, Findings, Ok, Open, Quarantined, Refused, Trouble, Unusable, Usage};
        for exit in [Ok, Trouble, Usage, Failed, Open, Quarantined, Refused, Findings, Unusable] {
            assert!(HELP.contains(&format!("\n  {}  ", exit.code())), "{exit:?}");
        }
    }

    #[test]
    fn statuses_are_refusals_or_trouble() {
        for (status, want) in [
            (404, Exit::Refused),
            (409, Exit::Refused),
            (413, Exit::Refused),
            (422, Exit::Refused),
            (429, Exit::Trouble),
            (500, Exit::Trouble),
            (503, Exit::Trouble),
        ] {
            assert_eq!(Exit::of_status(status), want, "{status}");
        }
    }
}
