//! How a call of a guest can go wrong.

use reprise_engine::GuestError;
use thiserror::Error;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use crate::stack;
use crate::state::{MemoryExceeded, SlicesExceeded};

/// A call of a guest that did not return. Its instance can't be used any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GuestFailure {
    /// The execution refused what it asked.
    #[error(transparent)]
    Stopped(#[from] GuestError),
    /// It panicked, threw or trapped.
    #[error("{message}")]
    Trap {
        /// What it wrote to standard error last, and the kind of trap.
        message: String,
        /// What of it the log does not have yet: all of it, or the kind of trap alone if standard error went there.
        unsaid: String,
        /// The functions it was in, innermost first, one a line, with file and line if it carries debug information.
        backtrace: Option<String>,
    },
    /// It computed longer than is allowed.
    #[error("the guest computed too long: {limit}")]
    OutOfFuel {
        /// Which limit, and the setting to change.
        limit: String,
    },
    /// It wanted more memory than is allowed.
    #[error("the guest needs {asked} bytes of memory, {limit} are allowed (setting `limits.memory_bytes`)")]
    OutOfMemory {
        /// What it would have had.
        asked: usize,
        /// What it may have.
        limit: usize,
    },
    /// Every instance of the pool is in use: try again later.
    #[error("all instances are in use (setting `limits.instances`)")]
    NoInstance,
    /// A handler is due and the component has no export `handle`.
    #[error("the component does not export `handle`, which a registered handler needs")]
    MissingHandle,
}

/// What a handler returned instead of success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerFailure {
    /// For people.
    pub message: String,
    /// For programs.
    pub details: Vec<u8>,
}

/// Whether the log has what a guest wrote to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    Yes,
    No,
}

impl GuestFailure {
    /// Judges an error of wasmtime. `stderr` is what the guest wrote there last, and whether the log has it; `fuel` what
    /// it was given.
    pub(crate) fn of(error: &wasmtime::Error, (stderr, logged): (&str, Logged), fuel: Option<u64>) -> Self {
        if let Some(stopped) = error.downcast_ref::<GuestError>() {
            return Self::Stopped(stopped.clone());
        }
        if let Some(MemoryExceeded { asked, limit }) = error.downcast_ref() {
            return Self::OutOfMemory { asked: *asked, limit: *limit };
        }
        if let Some(slices) = error.downcast_ref::<SlicesExceeded>() {
            return Self::OutOfFuel { limit: slices.to_string() };
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::NoInstance;
        }
        if error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel) {
            let fuel = fuel.unwrap_or_default();
            return Self::OutOfFuel { limit: format!("more than {fuel} units of fuel (setting `limits.fuel`)") };
        }
        let kind = match (error.downcast_ref::<Trap>(), error.downcast_ref::<I32Exit>()) {
            (Some(trap), _) => trap.to_string(),
            (None, Some(exit)) => format!("the guest ended itself with exit code {}", exit.0),
            (None, None) => error.root_cause().to_string(),
        };
        let message = match stderr.trim() {
            "" => kind.clone(),
            text => format!("{text}\n({kind})"),
        };
        let unsaid = match logged {
            Logged::Yes => kind,
            Logged::No => message.clone(),
        };
        Self::Trap { message, unsaid, backtrace: error.downcast_ref().and_then(stack::of) }
    }
}
