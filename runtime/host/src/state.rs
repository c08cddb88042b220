//! What belongs to one instance: its session, its virtual world, its limits.

use thiserror::Error;
use wasmtime::ResourceLimiter;

use crate::budget::Room;
use crate::config::HostConfig;
use crate::engine::TABLE_ELEMENTS;
use crate::session::Session;
use crate::ticker::SLICE;
use crate::wasi::Wasi;

/// The data of a wasmtime store.
pub(crate) struct State {
    pub(crate) session: Session,
    /// Whether an export is being called. Before, the instance is only coming up and its execution may not know it.
    pub(crate) entered: bool,
    pub(crate) has_handle: bool,
    /// The branch that requests of the guest's own HTTP client belong to.
    pub(crate) http_branch: Option<u32>,
    pub(crate) wasi: Wasi,
    pub(crate) memory: MemoryLimit,
    pub(crate) slices: Slices,
}

impl State {
    pub(crate) fn new(session: Session, room: Room, has_handle: bool, config: &HostConfig) -> Self {
        let wasi = Wasi::new(&session, config);
        Self {
            session,
            entered: false,
            has_handle,
            http_branch: None,
            wasi,
            memory: MemoryLimit { used: 0, limit: config.memory_bytes_max, room },
            slices: Slices { used: 0, limit: config.slices_max },
        }
    }
}

/// More memory than allowed.
#[derive(Debug, Error)]
#[error("the guest needs {asked} bytes of memory, {limit} are allowed")]
pub(crate) struct MemoryExceeded {
    pub(crate) asked: usize,
    pub(crate) limit: usize,
}

/// Bounds the linear memories of an instance together. A guest that hits it traps: a failed `memory.grow` that the
/// guest could see would depend on the machine.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    used: usize,
    limit: usize,
    room: Room,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let asked = self.used.saturating_add(desired.saturating_sub(current));
        if asked > self.limit {
            return Err(MemoryExceeded { asked, limit: self.limit }.into());
        }
        self.used = asked;
        self.room.used(asked as u64);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS {
            return Err(wasmtime::format_err!("a table of {desired} elements, {TABLE_ELEMENTS} are allowed"));
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }
}

/// More slices than allowed.
#[derive(Debug, Error)]
#[error("more than {} ms (setting `limits.compute_ms`)", u128::from(*.limit) * SLICE.as_millis())]
pub(crate) struct SlicesExceeded {
    limit: u32,
}

/// Counts how often a call had to yield.
#[derive(Debug)]
pub(crate) struct Slices {
    used: u32,
    limit: u32,
}

impl Slices {
    pub(crate) const fn reset(&mut self) {
        self.used = 0;
    }

    pub(crate) fn spend(&mut self) -> Result<(), SlicesExceeded> {
        self.used += 1;
        if self.used > self.limit { Err(SlicesExceeded { limit: self.limit }) } else { Ok(()) }
    }
}
