//! What operations and `run` end in.

use serde::{Deserialize, Serialize};

use crate::outcome::Headers;

/// Version of the stored form of what `run` returned.
const VERSION: u8 = 1;

/// What an operation ended in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallResult {
    /// Done.
    Success {
        /// HTTP status or gRPC code.
        status: u16,
        /// Response body.
        #[serde(with = "serde_bytes")]
        body: Vec<u8>,
    },
    /// Refused.
    Failure {
        /// HTTP status or gRPC code.
        status: u16,
        /// Response body.
        #[serde(with = "serde_bytes")]
        body: Vec<u8>,
    },
    /// The allowed attempts are used up.
    Exhausted {
        /// How many.
        attempts: u32,
        /// The last error.
        error: String,
    },
    /// The deadline has passed.
    Deadline {
        /// Attempts until then.
        attempts: u32,
        /// The last error.
        error: String,
    },
    /// The guest gave it up.
    Canceled,
    /// It can't be performed as it stands.
    Invalid(String),
    /// A whole answer, where the guest asked for it.
    Response {
        /// HTTP status or gRPC code.
        status: u16,
        /// In order, names in lower case.
        headers: Headers,
        /// Response body.
        #[serde(with = "serde_bytes")]
        body: Vec<u8>,
        /// Whether it means that the participant refused.
        refused: bool,
    },
}

impl CallResult {
    /// Whether the participant certainly did nothing.
    #[must_use]
    pub const fn did_nothing(&self) -> bool {
        match self {
            Self::Failure { .. } | Self::Invalid(_) | Self::Response { refused: true, .. } => true,
            Self::Success { .. }
            | Self::Response { refused: false, .. }
            | Self::Exhausted { .. }
            | Self::Deadline { .. }
            | Self::Canceled => false,
        }
    }

    /// Whether the participant did what it was asked.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Success { .. } | Self::Response { refused: false, .. })
    }

    /// Whether a pivot that ended so has happened. To an ordinary HTTP client a 404 is an answer like any other; that
    /// something was done it does not say.
    #[must_use]
    pub const fn passes_pivot(&self) -> bool {
        match self {
            Self::Success { .. } => true,
            Self::Response { status, refused, .. } => !*refused && *status < 400,
            Self::Failure { .. }
            | Self::Exhausted { .. }
            | Self::Deadline { .. }
            | Self::Canceled
            | Self::Invalid(_) => false,
        }
    }

    /// `success`, `failure`, `exhausted`, `deadline`, `canceled`, `invalid`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Success { .. } | Self::Response { refused: false, .. } => "success",
            Self::Failure { .. } | Self::Response { refused: true, .. } => "failure",
            Self::Exhausted { .. } => "exhausted",
            Self::Deadline { .. } => "deadline",
            Self::Canceled => "canceled",
            Self::Invalid(_) => "invalid",
        }
    }
}

/// What `run` returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunResult {
    /// Commit; the output.
    Output(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Roll back.
    Failure {
        /// For people.
        message: String,
        /// For programs.
        #[serde(with = "serde_bytes")]
        details: Vec<u8>,
    },
}

impl RunResult {
    /// As the row of an execution stores it: a version byte and the value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).expect("a result is plain data")
    }

    /// Reads what [`Self::to_bytes`] wrote; none if it is damaged or newer.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&VERSION, bytes)) => postcard::from_bytes(bytes).ok(),
            Some(_) | None => None,
        }
    }
}
