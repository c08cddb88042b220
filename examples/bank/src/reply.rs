//! What the bank answers, and its status on each wire.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tonic::Code;

use crate::request_log::Protocol;

/// An account's balance after an operation: the body of a good answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The account.
    pub account: String,
    /// All the money in it.
    pub balance: i64,
}

/// Why the bank says no: the body of every other answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) error: String,
}

impl Refusal {
    pub(crate) fn new(error: String) -> Self {
        Self { error }
    }

    pub(crate) fn no_account(account: &str) -> Self {
        Self::new(format!("there is no account `{account}`"))
    }

    pub(crate) fn too_large() -> Self {
        Self::new("the amount is too large".to_owned())
    }
}

/// An answer, before it is written to a wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It took effect, now or before, or there was nothing to do.
    Good(Balance),
    /// A notification was noted, or a message is to be delivered.
    Noted,
    /// A business failure: roll back.
    Refused(Refusal),
    /// Still at it: ask again.
    Ongoing,
    /// The request is wrong, and stays wrong.
    Invalid(String),
    /// Something broke; nobody knows whether it took effect.
    Broken(String),
    /// It took effect, and the answer was lost.
    Lost,
    /// No answer at all, ever.
    Silence,
}

impl Reply {
    /// The HTTP status.
    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::Good(_) | Self::Noted => StatusCode::OK,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::Ongoing => StatusCode::TOO_EARLY,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Broken(_) | Self::Lost | Self::Silence => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC status code.
    pub(crate) fn grpc_code(&self) -> Code {
        match self {
            Self::Good(_) | Self::Noted => Code::Ok,
            Self::Refused(_) => Code::Aborted,
            Self::Ongoing => Code::FailedPrecondition,
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Broken(_) => Code::Internal,
            Self::Lost | Self::Silence => Code::Unavailable,
        }
    }

    /// The status as the request log shows it: the wire's own number, 0 for [`Reply::Silence`] over HTTP.
    pub(crate) fn logged_status(&self, protocol: Protocol) -> u16 {
        match (self, protocol) {
            (Self::Silence, Protocol::Http) => 0,
            (_, Protocol::Http) => self.http_status().as_u16(),
            (_, Protocol::Grpc) => self.grpc_code() as u16,
        }
    }

    /// The text of an answer that is not good.
    pub(crate) fn error_text(&self) -> &str {
        match self {
            Self::Good(_) | Self::Noted | Self::Silence => "",
            Self::Refused(refusal) => &refusal.error,
            Self::Ongoing => "still at it, ask again",
            Self::Invalid(text) | Self::Broken(text) => text,
            Self::Lost => "the answer was lost",
        }
    }
}
