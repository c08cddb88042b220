//! What the expansion of `#[workflow]` calls: the exports `run` and `handle`. Not for use by hand.

use crate::{
    bindings::reprise::workflow::types,
    branch::Branch,
    executor::block_on,
    failure::Failure,
    payload::{Decode, Encode},
    session::{self, Work},
    transaction::Transaction,
};

pub use crate::session::Handler;

/// The export `run`.
///
/// # Errors
/// The workflow gave up, its input or output can't be read or written, or it made a mistake that no call reported.
pub fn run<I, O, E>(
    workflow: impl AsyncFn(&Transaction, I) -> Result<O, E>,
    input: Vec<u8>,
) -> Result<Vec<u8>, types::Failure>
where
    I: Decode,
    O: Encode,
    E: Into<Failure>,
{
    perform(&workflow, input).map(|(_, bytes)| bytes).map_err(Failure::into_wit)
}

/// The export `handle`. `handlers` are those of the workflow, as `run` may not have run in this instance.
///
/// # Errors
/// The handler failed, is unknown or can't read its payload.
pub fn handle(
    handlers: &'static [Handler],
    phase: types::Phase,
    branch: u32,
    name: &str,
    payload: Vec<u8>,
) -> Result<(), types::Failure> {
    session::install(handlers);
    finish(phase, branch, name, payload).map_err(Failure::into_wit)
}

/// The first thing in every workflow: makes its handlers known, so that a wrong name is found when it is registered.
pub fn install(handlers: &'static [Handler]) {
    session::install(handlers);
}

/// A handler with its payload read, as the table of handlers needs it.
pub fn boxed<P, E>(
    handler: impl AsyncFn(&Transaction, Branch, types::Phase, P) -> Result<(), E> + 'static,
    phase: types::Phase,
    branch: Branch,
    payload: Vec<u8>,
) -> Work
where
    P: Decode + 'static,
    E: Into<Failure> + 'static,
{
    Box::pin(async move {
        let payload =
            P::decode(payload).map_err(|error| Failure::new(format!("the payload can't be read: {error}")))?;
        handler(&Transaction::new(), branch, phase, payload).await.map_err(Into::into)
    })
}

/// Runs a workflow to its end and gives its output, as it is and encoded.
pub(crate) fn perform<I, O, E>(
    workflow: &impl AsyncFn(&Transaction, I) -> Result<O, E>,
    input: Vec<u8>,
) -> Result<(O, Vec<u8>), Failure>
where
    I: Decode,
    O: Encode,
    E: Into<Failure>,
{
    session::reset();
    let input = I::decode(input).map_err(|error| Failure::new(format!("the input can't be read: {error}")))?;
    let output = block_on(workflow(&Transaction::new(), input)).map_err(Into::into)?;
    if let Some(mistake) = session::unreported() {
        return Err(mistake);
    }
    let bytes = output.encode().map_err(|error| Failure::new(format!("the output has no JSON form: {error}")))?;
    Ok((output, bytes))
}

/// Runs what was registered under `name` for phase two.
pub(crate) fn finish(phase: types::Phase, branch: u32, name: &str, payload: Vec<u8>) -> Result<(), Failure> {
    let branch = Branch::new(branch);
    let work = if let Some(index) = name.strip_prefix('#') {
        session::closure(index).map(|closure| closure(Transaction::new(), branch))
    } else {
        session::handler(name).map(|(_, handler)| handler(phase, branch, payload))
    };
    let work = work.ok_or_else(|| Failure::new(format!("this component has no handler `{name}`")))?;
    block_on(work).map_err(|failure| failure.about(&format!("handler `{name}`")))?;
    session::unreported().map_or(Ok(()), Err)
}
