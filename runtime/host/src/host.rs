//! The host: an engine, its linked imports, and the programs it has compiled.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use reprise_engine::Digest;
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedMutexGuard;
use tokio::task::{JoinError, spawn_blocking};
use wasmtime::component::{Component, Linker};

use crate::cache::Cache;
use crate::check::{self, ComponentError};
use crate::config::{HostConfig, HostError};
use crate::module;
use crate::program::{Program, Runtime};
use crate::state::State;
use crate::ticker::Ticker;
use crate::{engine, imports, wasi};

/// Compiles components and keeps them ready. Cheap to clone; its thread ends with the last clone and guest.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    linker: Linker<State>,
    cache: Option<Cache>,
    programs: Mutex<LruCache<Digest, Arc<Program>>>,
    /// Digests that are being loaded or compiled: one task each, others wait for it.
    gates: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

/// A component that can run.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// SHA-256 of what was uploaded.
    pub digest: Digest,
    /// What may not be meant, for people.
    pub warnings: Vec<String>,
    /// The program.
    pub program: Arc<Program>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("config", &self.0.runtime.config).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts an engine. Reserves address space for all instances, and one thread.
    ///
    /// # Errors
    /// [`HostError`]: a setting to change, named in the text.
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        config.check()?;
        let engine = engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker)
            .and_then(|()| imports::add_to_linker(&mut linker))
            .map_err(|e| HostError::Linker(format!("{e:#}")))?;
        let cache = match &config.cache_dir {
            None => None,
            Some(path) => {
                Some(Cache::open(path, &engine).map_err(|source| HostError::Cache { path: path.clone(), source })?)
            }
        };
        let programs = NonZeroUsize::new(config.programs_in_memory).unwrap_or(NonZeroUsize::MIN);
        let ticker = Ticker::start(engine.clone()).map_err(HostError::Ticker)?;
        let runtime = Arc::new(Runtime { engine, config, ticker });
        let programs = Mutex::new(LruCache::new(programs));
        Ok(Self(Arc::new(Inner { runtime, linker, cache, programs, gates: Mutex::default() })))
    }

    /// Checks an uploaded component and compiles it, or finds it compiled. A core module is made a component first
    /// ([`component_of`](crate::component_of)); its digest stays that of what was uploaded. Compiling takes 0.1 s for Rust and up to
    /// 10 s for Python on one core, on another thread; it goes on when this future is dropped.
    ///
    /// # Errors
    /// [`ComponentError`]: what is wrong with it and what to do.
    pub async fn prepare(&self, component: impl Into<Bytes>) -> Result<Prepared, ComponentError> {
        let bytes = component.into();
        check::header(&bytes, self.0.runtime.config.component_bytes_max)?;
        let inner = self.0.clone();
        tokio::spawn(inner.prepare(bytes)).await.unwrap_or_else(|e| Err(interrupted(&e)))
    }

    /// A program that was prepared before, from memory or from the cache directory. None: fetch the component and
    /// `prepare` it again.
    ///
    /// # Errors
    /// [`HostError::Interrupted`]: the runtime is shutting down.
    pub async fn program(&self, digest: Digest) -> Result<Option<Arc<Program>>, HostError> {
        if let Some(program) = self.0.in_memory(digest) {
            return Ok(Some(program));
        }
        let gate = self.0.gate(digest).await;
        let found = self.0.clone().find(digest).await.map_err(|e| HostError::Interrupted(e.to_string()));
        self.0.open(digest, gate);
        found
    }
}

impl Inner {
    async fn prepare(self: Arc<Self>, bytes: Bytes) -> Result<Prepared, ComponentError> {
        let hashed = bytes.clone();
        let digest = spawn_blocking(move || Digest::new(Sha256::digest(&hashed).into()));
        let digest = digest.await.map_err(|e| interrupted(&e))?;
        let gate = self.gate(digest).await;
        let program = self.clone().find_or_compile(digest, bytes).await;
        self.open(digest, gate);
        let program = program?;
        let component = program.component();
        let warnings = component.map(|component| check::warnings(&self.runtime.engine, component)).unwrap_or_default();
        Ok(Prepared { digest, warnings, program })
    }

    async fn find_or_compile(self: Arc<Self>, digest: Digest, bytes: Bytes) -> Result<Arc<Program>, ComponentError> {
        if let Some(program) = self.clone().find(digest).await.map_err(|e| interrupted(&e))? {
            return Ok(program);
        }
        spawn_blocking(move || self.compile(digest, &bytes)).await.unwrap_or_else(|e| Err(interrupted(&e)))
    }

    /// In memory, or in the cache directory.
    async fn find(self: Arc<Self>, digest: Digest) -> Result<Option<Arc<Program>>, JoinError> {
        if let Some(program) = self.in_memory(digest) {
            return Ok(Some(program));
        }
        if self.cache.is_none() {
            return Ok(None);
        }
        spawn_blocking(move || {
            let component = self.cache.as_ref()?.load(&self.runtime.engine, digest)?;
            self.link(digest, &component).map(|program| self.keep(program)).ok()
        })
        .await
    }

    fn compile(self: Arc<Self>, digest: Digest, bytes: &[u8]) -> Result<Arc<Program>, ComponentError> {
        let engine = &self.runtime.engine;
        let component = Component::new(engine, module::component_of(bytes)?)
            .map_err(|e| ComponentError::Invalid(format!("{e:#}")))?;
        check::interface(engine, &component)?;
        let program = self.link(digest, &component)?;
        let Some(cache) = &self.cache else { return Ok(self.keep(program)) };
        let stored = component
            .serialize()
            .map_err(|e| e.to_string())
            .and_then(|serialized| cache.store(digest, &serialized).map_err(|e| e.to_string()));
        match stored {
            // Mapped from the file, its pages are shared and can be given back.
            Ok(()) => match cache.load(engine, digest) {
                Some(mapped) => Ok(self.keep(self.link(digest, &mapped)?)),
                None => Ok(self.keep(program)),
            },
            Err(error) => {
                tracing::warn!(%digest, error, "a compiled component is not kept on disk: it is compiled again after a restart");
                Ok(self.keep(program))
            }
        }
    }

    fn link(&self, digest: Digest, component: &Component) -> Result<Program, ComponentError> {
        let pre = self.linker.instantiate_pre(component).map_err(|e| ComponentError::Link(format!("{e:#}")))?;
        Program::new(digest, pre, self.runtime.clone()).ok_or(ComponentError::NoRun { exports: Vec::new() })
    }

    fn keep(&self, program: Program) -> Arc<Program> {
        let program = Arc::new(program);
        self.programs().put(program.digest(), program.clone());
        program
    }

    fn in_memory(&self, digest: Digest) -> Option<Arc<Program>> {
        self.programs().get(&digest).cloned()
    }

    fn programs(&self) -> MutexGuard<'_, LruCache<Digest, Arc<Program>>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else works on `digest`.
    async fn gate(&self, digest: Digest) -> OwnedMutexGuard<()> {
        let gate = self.gates.lock().unwrap_or_else(PoisonError::into_inner).entry(digest).or_default().clone();
        gate.lock_owned().await
    }

    /// Lets the next one work on `digest`, and forgets the gate if there is none.
    fn open(&self, digest: Digest, gate: OwnedMutexGuard<()>) {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        drop(gate);
        if gates.get(&digest).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(&digest);
        }
    }
}

fn interrupted(error: &JoinError) -> ComponentError {
    ComponentError::Interrupted(error.to_string())
}
