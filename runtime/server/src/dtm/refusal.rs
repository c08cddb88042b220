//! Every error of DTM's face, in DTM's three kinds and those that its clients take for "try again".

use reprise_coordinator::{CommandError, StatusError, TopicError, TriggerError};
use reprise_dtm::PlanError;
use reprise_engine::{Gid, HistoryError};
use reprise_store::StoreError;

/// What messages of failures end in; clients look for it.
const FAILURE: &str = "FAILURE";

/// Why a request is not answered with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It can't be, and never will.
    Failure(String),
    /// It is not known yet.
    Ongoing(String),
    /// The request is wrong.
    Invalid(String),
    /// The request is too large.
    TooLarge(String),
    /// There is no such transaction.
    Unknown(String),
    /// Not now; the same again may succeed.
    Unavailable(String),
    /// The transaction or the runtime is broken.
    Internal(String),
}

impl Refusal {
    /// A failure; the message gets the end that clients look for.
    pub(super) fn failure(message: impl Into<String>) -> Self {
        let mut message = message.into();
        if !message.ends_with(FAILURE) {
            message.push(' ');
            message.push_str(FAILURE);
        }
        Self::Failure(message)
    }

    /// There is no transaction of this name.
    pub(super) fn unknown(gid: &Gid) -> Self {
        Self::Unknown(format!("no TransGlobal with gid: {gid} found"))
    }

    /// For people.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Failure(message)
            | Self::Ongoing(message)
            | Self::Invalid(message)
            | Self::TooLarge(message)
            | Self::Unknown(message)
            | Self::Unavailable(message)
            | Self::Internal(message) => message,
        }
    }

    /// `FAILURE` or `ONGOING`, where DTM says so.
    pub(super) const fn dtm_result(&self) -> Option<&'static str> {
        match self {
            Self::Failure(_) => Some(FAILURE),
            Self::Ongoing(_) => Some("ONGOING"),
            Self::Invalid(_) | Self::TooLarge(_) | Self::Unknown(_) | Self::Unavailable(_) | Self::Internal(_) => None,
        }
    }
}

impl From<PlanError> for Refusal {
    fn from(error: PlanError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Fenced(_) => Self::Unavailable(error.to_string()),
            StoreError::Damaged(_) | StoreError::Open(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<TriggerError> for Refusal {
    fn from(error: TriggerError) -> Self {
        let text = error.to_string();
        match error {
            TriggerError::Mismatch { .. } => Self::failure(text),
            TriggerError::InputTooLarge { .. } => Self::TooLarge(text),
            TriggerError::Busy { .. } | TriggerError::ShuttingDown | TriggerError::Unavailable(_) => {
                Self::Unavailable(text)
            }
            TriggerError::UnknownWorkflow(_) | TriggerError::Reserved(_) | TriggerError::Component(_) => {
                Self::Internal(text)
            }
        }
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        let text = error.to_string();
        match error {
            CommandError::Unknown(gid) => Self::unknown(&gid),
            CommandError::NotPrepared(_)
            | CommandError::Decided { .. }
            | CommandError::Differs { .. }
            | CommandError::Contrary { .. } => Self::failure(text),
            CommandError::NoAnswer(_) | CommandError::ShuttingDown => Self::Unavailable(text),
            CommandError::Journal { .. } => Self::Internal(text),
            CommandError::Store(error) => error.into(),
        }
    }
}

impl From<StatusError> for Refusal {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::Unknown(gid) => Self::unknown(&gid),
            StatusError::Journal { .. } => Self::Internal(error.to_string()),
            StatusError::Store(error) => error.into(),
        }
    }
}

impl From<HistoryError> for Refusal {
    fn from(error: HistoryError) -> Self {
        Self::Internal(format!("the journal is damaged: {error}"))
    }
}

impl From<TopicError> for Refusal {
    fn from(error: TopicError) -> Self {
        let text = error.to_string();
        match error {
            TopicError::NoName | TopicError::NoUrl | TopicError::LongName(_) => Self::Invalid(text),
            TopicError::Exists | TopicError::Empty | TopicError::UnknownUrl => Self::Internal(text),
            TopicError::Unknown => Self::Unknown(text),
            TopicError::Contended => Self::Unavailable(text),
            TopicError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_end_as_clients_expect() {
        for (text, want) in
            [("poor", "poor FAILURE"), ("url:x return failed: {} FAILURE", "url:x return failed: {} FAILURE")]
        {
            assert_eq!(Refusal::failure(text), Refusal::Failure(want.into()));
        }
    }
}
