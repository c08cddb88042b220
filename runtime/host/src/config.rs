//! What the host can be told, and why it can't start.

use std::path::PathBuf;

use thiserror::Error;

/// Settings of a [`Host`](crate::Host). All of them bound something, so none may be 0.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where compiled components are kept. Only this process's user may write there: the files are machine code.
    /// None compiles again after every start.
    pub cache_dir: Option<PathBuf>,
    /// Instances at one time, at most some 10,000 (`vm.max_map_count`). Each reserves address space of twice
    /// `memory_bytes_max`, and 1 MiB each for its stack and its tables. Linux refuses stacks or tables that are
    /// together larger than the machine's memory, though hardly any of it is used.
    pub instances: u32,
    /// Linear memory of all instances together. When it is used up, executions wait for a place; one instance may always
    /// run. What instances really hold is less, as untouched pages are shared or not there.
    pub instances_bytes_max: u64,
    /// Linear memory of one instance, all its modules together.
    pub memory_bytes_max: usize,
    /// Size of an uploaded component.
    pub component_bytes_max: usize,
    /// Units of computing (about one per Wasm instruction) for one call of `run` or `handle`, replay included. The
    /// count is the same on every machine. None does not count, which is up to a fifth faster.
    pub fuel: Option<u64>,
    /// Slices of 10 ms that one call of `run` or `handle` may compute, replay included. A coarse end for loops that
    /// never stop; waiting does not count.
    pub slices_max: u32,
    /// Bytes that a guest hands to the host in one import or result.
    pub import_bytes_max: usize,
    /// Compiled components kept ready in memory; others are mapped from `cache_dir` again.
    pub programs_in_memory: usize,
    /// Bytes of a guest's standard error, and of its standard output, that are kept: the last ones.
    pub stdio_bytes_max: usize,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            // Fits a machine with 1 GiB.
            instances: 800,
            instances_bytes_max: 2 << 30,
            memory_bytes_max: 256 << 20,
            component_bytes_max: 64 << 20,
            fuel: None,
            slices_max: 6_000,
            import_bytes_max: 32 << 20,
            programs_in_memory: 256,
            stdio_bytes_max: 8 << 10,
        }
    }
}

/// The host can't work here.
#[derive(Debug, Error)]
pub enum HostError {
    /// A setting makes no sense.
    #[error("setting `limits.{setting}`: {rule}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The pool of instances can't be reserved, or the processor lacks something.
    #[error(
        "the engine can't reserve {instances} instances of {memory_bytes_max} bytes: {why}; lower `limits.instances` \
         or `limits.memory_bytes`, or raise the limits of the process (`ulimit -v`, `vm.overcommit_memory`)"
    )]
    Engine {
        /// As configured.
        instances: u32,
        /// As configured.
        memory_bytes_max: usize,
        /// What the engine says.
        why: String,
    },
    /// The imports can't be linked: a mistake of this crate.
    #[error("the imports of workflows can't be linked: {0}")]
    Linker(String),
    /// The cache directory can't be used.
    #[error("the component cache {path}: {source}")]
    Cache {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that interrupts long computations can't be started.
    #[error("the thread that shares the processor among guests can't be started: {0}")]
    Ticker(std::io::Error),
    /// A task of the host ended without an answer: the runtime is shutting down.
    #[error("the host was interrupted: {0}")]
    Interrupted(String),
}

impl HostConfig {
    pub(crate) fn check(&self) -> Result<(), HostError> {
        let rules = [
            ("instances", self.instances > 0, "at least 1"),
            ("memory_bytes", self.memory_bytes_max >= 64 << 10, "at least 65536"),
            ("memory_bytes", self.memory_bytes_max <= 4 << 30, "at most 4 GiB"),
            ("fuel", self.fuel != Some(0), "at least 1, or not set"),
            ("compute_ms", self.slices_max > 0, "at least 10"),
            ("import_bytes", self.import_bytes_max > 0, "at least 1"),
            ("programs_in_memory", self.programs_in_memory > 0, "at least 1"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((setting, _, rule)) => Err(HostError::Setting { setting, rule }),
            None => Ok(()),
        }
    }
}
