//! Why a workflow gives up.

use std::{error::Error, fmt};

use crate::{bindings::reprise::workflow::types, error::CallError, payload::Encode};

/// Why a workflow gives up. Returning it rolls every branch back.
///
/// Every error converts into it, so `?` works on everything; the response of a participant that refused becomes the
/// details. It is no `std::error::Error` itself, as that would forbid the conversion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// For people: shown by the runtime's API and command line.
    pub message: String,
    /// For programs: given back to whoever triggered the execution. May be empty.
    pub details: Vec<u8>,
}

impl Failure {
    /// A failure with a text for people.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), details: Vec::new() }
    }

    /// Puts before the message what it is about: `e2: the participant refused`.
    #[must_use]
    pub fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Adds what programs may want to know: JSON, or bytes with [`Raw`](crate::Raw).
    #[must_use]
    pub fn with_details<T: Encode + ?Sized>(mut self, details: &T) -> Self {
        match details.encode() {
            Ok(bytes) => self.details = bytes,
            Err(error) => self.message = format!("{} (its details have no JSON form: {error})", self.message),
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: &(dyn Error + 'static) = &error;
        #[cfg(feature = "tonic")]
        if let Some(status) = error.downcast_ref::<tonic::Status>() {
            return of_status(status);
        }
        error.downcast_ref::<CallError>().map_or_else(|| of_chain(error), of_call)
    }
}

fn of_call(error: &CallError) -> Failure {
    let details = match error {
        CallError::Failure(reply) => reply.bytes().to_vec(),
        CallError::Exhausted(_) | CallError::Deadline(_) | CallError::Canceled | CallError::Invalid(_) => Vec::new(),
    };
    Failure { message: error.to_string(), details }
}

/// What a generated client returns says the same as the call below it.
#[cfg(feature = "tonic")]
fn of_status(status: &tonic::Status) -> Failure {
    match status.source().and_then(|source| source.downcast_ref::<CallError>()) {
        Some(call) => of_call(call),
        None => Failure::new(format!("{}: {}", status.code(), status.message())),
    }
}

fn of_chain(error: &dyn Error) -> Failure {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    Failure::new(message)
}

impl Failure {
    pub(crate) fn into_wit(self) -> types::Failure {
        types::Failure { message: self.message, details: self.details }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Reply;

    #[test]
    fn a_refusal_keeps_its_response() {
        let failure = Failure::from(CallError::Failure(Reply::new(b"too small".to_vec())));
        assert_eq!(failure.message, "the participant refused: too small");
        assert_eq!(failure.details, b"too small");
    }

    #[test]
    fn a_database_says_why_in_json() {
        let refusal = br#"{"message":"statement 1 affected 0 rows instead of 1","statement":1}"#;
        let failure = Failure::from(CallError::Failure(Reply::new(refusal.to_vec())));
        assert_eq!(failure.message, "the participant refused: statement 1 affected 0 rows instead of 1");
        assert_eq!(failure.details, refusal);
    }

    #[test]
    fn sources_are_part_of_the_message() {
        let error = Reply::new(b"x".to_vec()).json::<u8>().expect_err("no JSON");
        assert_eq!(
            Failure::from(error).message,
            "the reply `x` is not the expected JSON: expected value at line 1 column 1"
        );
    }

    #[test]
    fn details_are_json() {
        assert_eq!(Failure::new("no").with_details(&[1, 2]).details, b"[1,2]");
    }
}
