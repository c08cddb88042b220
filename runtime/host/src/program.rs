//! What can be started: a compiled component, or a program of the runtime.

use std::sync::Arc;

use reprise_engine::Digest;
use tokio::task::yield_now;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::config::HostConfig;
use crate::failure::GuestFailure;
use crate::guest::{Guest, Instance};
use crate::native::{NativeGuest, NativeProgram};
use crate::session::Session;
use crate::state::State;
use crate::ticker::Ticker;

/// What all programs of a host share.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) config: HostConfig,
    pub(crate) ticker: Ticker,
}

/// Something to run. Each start is a fresh instance, used for one activation of one execution.
pub struct Program {
    digest: Digest,
    kind: Kind,
}

enum Kind {
    Component(Box<Compiled>),
    Native(Arc<dyn NativeProgram>),
}

/// A compiled component.
struct Compiled {
    pre: InstancePre<State>,
    run: ComponentExportIndex,
    handle: Option<ComponentExportIndex>,
    runtime: Arc<Runtime>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Program {
    /// A component whose imports and exports were checked.
    pub(crate) fn new(digest: Digest, pre: InstancePre<State>, runtime: Arc<Runtime>) -> Option<Self> {
        let component = pre.component();
        let run = component.get_export_index(None, "run")?;
        let handle = component.get_export_index(None, "handle");
        Some(Self { digest, kind: Kind::Component(Box::new(Compiled { pre, run, handle, runtime })) })
    }

    /// A program of the runtime, known by `digest`.
    #[must_use]
    pub fn native(digest: Digest, program: Arc<dyn NativeProgram>) -> Self {
        Self { digest, kind: Kind::Native(program) }
    }

    pub(crate) fn component(&self) -> Option<&Component> {
        match &self.kind {
            Kind::Component(compiled) => Some(compiled.pre.component()),
            Kind::Native(_) => None,
        }
    }

    /// SHA-256 of what was uploaded; a program of the runtime has one of its own.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether it exports `handle`.
    #[must_use]
    pub fn has_handle(&self) -> bool {
        matches!(&self.kind, Kind::Component(compiled) if compiled.handle.is_some())
    }

    /// Makes an instance.
    ///
    /// # Errors
    /// [`GuestFailure::NoInstance`]: try again when another one has ended. Others: the component can't come up.
    pub async fn start(&self, session: Session) -> Result<Guest, GuestFailure> {
        match &self.kind {
            Kind::Component(compiled) => Ok(Guest::Instance(Box::new(compiled.start(session).await?))),
            Kind::Native(program) => Ok(Guest::Native(NativeGuest::new(session), program.clone())),
        }
    }
}

impl Compiled {
    async fn start(&self, session: Session) -> Result<Instance, GuestFailure> {
        let runtime = &self.runtime;
        let fuel = runtime.config.fuel;
        let mut store = Store::new(&runtime.engine, State::new(session, self.handle.is_some(), &runtime.config));
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(runtime.config.import_bytes_max);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            if !store.data().session.take_waited() {
                store.data_mut().slices.spend()?;
            }
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(yield_now())))
        });
        if let Some(fuel) = fuel {
            store.set_fuel(fuel).expect("fuel is counted whenever it is configured");
        }
        let ticking = runtime.ticker.guest();
        let instance = match self.pre.instantiate_async(&mut store).await {
            Ok(instance) => instance,
            Err(error) => return Err(GuestFailure::of(&error, &store.data().wasi.stderr_tail(), fuel)),
        };
        drop(ticking);
        let run = instance
            .get_typed_func(&mut store, self.run)
            .expect("the type of `run` is checked when the component is prepared");
        let handle = self.handle.map(|index| {
            instance
                .get_typed_func(&mut store, index)
                .expect("the type of `handle` is checked when the component is prepared")
        });
        Ok(Instance::new(store, run, handle, runtime.clone()))
    }
}
