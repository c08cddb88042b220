//! What a workflow imports, interface by interface: each asks the execution, and waits where it says so.

mod log;
mod operation;
mod random;
mod time;
mod transaction;

use reprise_engine::Execution;
use thiserror::Error;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings;
use crate::state::State;

/// The interfaces that [`add_to_linker`] serves, at any version 0.1.x up to this one.
pub(crate) const SERVED: [&str; 5] = [
    "reprise:workflow/types",
    "reprise:workflow/transaction",
    "reprise:workflow/time",
    "reprise:workflow/random",
    "reprise:workflow/log",
];

/// Links every interface of [`SERVED`].
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::Imports::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// Types only.
impl bindings::types::Host for State {}

/// The component did something while it came up that only a call of an export may do.
#[derive(Debug, Error)]
#[error("`{import}` was called while the component was being instantiated; call it from `run` or `handle`")]
struct TooEarly {
    import: &'static str,
}

impl State {
    /// Asks the execution on behalf of `import`.
    fn ask<R>(&self, import: &'static str, ask: impl FnOnce(&mut Execution) -> R) -> wasmtime::Result<R> {
        self.check_entered(import)?;
        Ok(self.session.with(ask))
    }

    /// Refuses what only a call of an export may do.
    pub(crate) fn check_entered(&self, import: &'static str) -> wasmtime::Result<()> {
        if self.entered { Ok(()) } else { Err(TooEarly { import }.into()) }
    }
}
