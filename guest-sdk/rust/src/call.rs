//! The action of a branch, on its way.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use crate::{bindings::reprise::workflow::types::Response, error::CallError, executor::Ticket, reply::Reply};

/// The action of a branch, already submitted; ready with its result.
///
/// Dropping it before its result was seen cancels the action: no further attempt is made and the branch, in doubt now,
/// is rolled back with the others.
#[derive(Debug)]
#[must_use = "an action that is not awaited is cancelled"]
pub struct Call(State);

#[derive(Debug)]
enum State {
    Submitted(Ticket),
    Refused(String),
}

impl Call {
    pub(crate) fn submitted(ticket: u32) -> Self {
        Self(State::Submitted(Ticket::new(ticket)))
    }

    /// A call that is not made because of a mistake.
    pub(crate) fn refused(mistake: String) -> Self {
        Self(State::Refused(mistake))
    }

    /// Gives the action up, as dropping does; awaiting it gives [`CallError::Canceled`] at once, unless its result was
    /// seen before.
    pub fn cancel(&self) {
        match &self.0 {
            State::Submitted(ticket) => ticket.cancel(),
            State::Refused(_) => {}
        }
    }
}

impl Future for Call {
    type Output = Result<Reply, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Submitted(ticket) => Pin::new(ticket).poll(context).map(|result| reply(result?)),
            State::Refused(mistake) => Poll::Ready(Err(CallError::Invalid(std::mem::take(mistake)))),
        }
    }
}

/// A refusal is an error for the workflow.
fn reply(response: Response) -> Result<Reply, CallError> {
    if response.refused { Err(CallError::Failure(response.into())) } else { Ok(response.into()) }
}
