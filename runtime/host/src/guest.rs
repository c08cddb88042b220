//! One instance of a program.

use std::sync::Arc;

use reprise_engine::{Op, RunResult};
use wasmtime::Store;
use wasmtime::component::TypedFunc;

use crate::bindings::types::{Failure, Phase};
use crate::failure::{GuestFailure, HandlerFailure};
use crate::native::{NativeGuest, NativeProgram};
use crate::program::Runtime;
use crate::state::State;

/// The export `run`.
pub(crate) type Run = TypedFunc<(Vec<u8>,), (Result<Vec<u8>, Failure>,)>;
/// The export `handle`.
pub(crate) type Handle = TypedFunc<(Phase, u32, String, Vec<u8>), (Result<(), Failure>,)>;

/// Something that runs. Dropping it, also in the middle of a call, gives its place back.
pub enum Guest {
    /// An instance of a component.
    Instance(Box<Instance>),
    /// A program of the runtime.
    Native(NativeGuest, Arc<dyn NativeProgram>),
}

/// An instance of a component.
pub struct Instance {
    store: Store<State>,
    run: Run,
    handle: Option<Handle>,
    runtime: Arc<Runtime>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

impl Guest {
    /// Calls `run`. The caller has entered the scope of `run`, and tells the execution what is returned.
    ///
    /// # Errors
    /// [`GuestFailure`]: drop this instance.
    pub async fn run(&mut self, input: &[u8]) -> Result<RunResult, GuestFailure> {
        match self {
            Self::Instance(instance) => instance.run(input).await,
            Self::Native(asks, program) => Ok(program.run(asks.clone(), input.to_vec()).await?),
        }
    }

    /// Calls `handle`. The caller has entered the scope of the registration. `op`: `Commit` or `Rollback`; `branch`:
    /// the number of the branch the handler works for.
    ///
    /// # Errors
    /// [`GuestFailure`]: drop this instance.
    pub async fn handle(
        &mut self,
        op: Op,
        branch: u32,
        name: &str,
        payload: &[u8],
    ) -> Result<Result<(), HandlerFailure>, GuestFailure> {
        match self {
            Self::Instance(instance) => instance.handle(op, branch, name, payload).await,
            Self::Native(..) => Err(GuestFailure::MissingHandle),
        }
    }
}

impl Instance {
    pub(crate) const fn new(store: Store<State>, run: Run, handle: Option<Handle>, runtime: Arc<Runtime>) -> Self {
        Self { store, run, handle, runtime }
    }

    async fn run(&mut self, input: &[u8]) -> Result<RunResult, GuestFailure> {
        self.begin();
        let _ticking = self.runtime.ticker.guest();
        let returned = self.run.call_async(&mut self.store, (input.to_vec(),)).await;
        match end(&mut self.store, &self.runtime, returned)? {
            (Ok(output),) => Ok(RunResult::Output(output)),
            (Err(Failure { message, details }),) => Ok(RunResult::Failure { message, details }),
        }
    }

    async fn handle(
        &mut self,
        op: Op,
        branch: u32,
        name: &str,
        payload: &[u8],
    ) -> Result<Result<(), HandlerFailure>, GuestFailure> {
        let phase = match op {
            Op::Commit => Phase::Commit,
            Op::Rollback | Op::Action | Op::Finish | Op::Msg => Phase::Rollback,
        };
        if self.handle.is_none() {
            return Err(GuestFailure::MissingHandle);
        }
        self.begin();
        let handle = self.handle.as_ref().ok_or(GuestFailure::MissingHandle)?;
        let _ticking = self.runtime.ticker.guest();
        let arguments = (phase, branch, name.to_owned(), payload.to_vec());
        let returned = handle.call_async(&mut self.store, arguments).await;
        let (result,) = end(&mut self.store, &self.runtime, returned)?;
        Ok(result.map_err(|Failure { message, details }| HandlerFailure { message, details }))
    }

    /// A fresh allowance, and the clock goes on where it stood.
    fn begin(&mut self) {
        if let Some(fuel) = self.runtime.config.fuel {
            self.store.set_fuel(fuel).expect("fuel is counted whenever it is configured");
        }
        let state = self.store.data_mut();
        state.slices.reset();
        state.entered = true;
        // A scope ends with the call that set it.
        state.http_branch = None;
        let now = state.session.with(|execution| execution.now());
        state.wasi.clock.resume(now);
    }
}

fn end<T>(store: &mut Store<State>, runtime: &Runtime, returned: wasmtime::Result<T>) -> Result<T, GuestFailure> {
    let state = store.data_mut();
    state.entered = false;
    let now = state.session.with(|execution| execution.now());
    state.wasi.clock.pause(now);
    state.wasi.flush();
    returned.map_err(|error| GuestFailure::of(&error, &state.wasi.stderr_tail(), runtime.config.fuel))
}
