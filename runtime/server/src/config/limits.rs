//! Bounds: what one guest, one request and the process may use.

use reprise_coordinator::CoordinatorConfig;
use reprise_engine::GuestLimits;
use reprise_host::HostConfig;
use serde::Deserialize;

use super::error::ConfigError;
use super::memory;

/// The host counts computing time in slices of this length.
const SLICE_MS: u64 = 10;

/// The section `limits`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of an uploaded component.
    pub component_bytes: usize,
    /// Bytes of an input.
    pub input_bytes: usize,
    /// Bytes of one call's payload, of an output and of a failure.
    pub payload_bytes: usize,
    /// Bytes of a participant's response; a longer one counts as lost.
    pub response_bytes: usize,
    /// Entries of a journal.
    pub journal_entries: u32,
    /// Bytes of a journal.
    pub journal_bytes: u64,
    /// Branches of one execution.
    pub branches: u32,
    /// Operations and timers that one execution has open at one time.
    pub open_tickets: u32,
    /// Executions in memory; beyond it triggers are answered 503.
    pub active: usize,
    /// Guest instances at one time; beyond it executions wait for their turn.
    pub instances: u32,
    /// Memory of all of them; beyond it executions wait for their turn.
    pub instances_bytes: u64,
    /// Memory of one instance.
    pub memory_bytes: usize,
    /// Units of computing, about one per Wasm instruction, of one call of a guest. Not counted if not set.
    pub fuel: Option<u64>,
    /// Time that one call of a guest may compute; waiting does not count.
    pub compute_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let (host, coordinator, guest) = (HostConfig::default(), CoordinatorConfig::default(), GuestLimits::default());
        Self {
            component_bytes: host.component_bytes_max,
            input_bytes: coordinator.input_bytes_max,
            payload_bytes: guest.payload_bytes,
            response_bytes: guest.payload_bytes,
            journal_entries: guest.journal_entries,
            journal_bytes: guest.journal_bytes,
            branches: guest.branches,
            open_tickets: guest.open_tickets,
            active: coordinator.active_max,
            instances: host.instances,
            instances_bytes: memory::half(),
            memory_bytes: host.memory_bytes_max,
            fuel: host.fuel,
            compute_ms: u64::from(host.slices_max) * SLICE_MS,
        }
    }
}

impl Limits {
    /// Refuses what would let nothing run.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let rules = [
            ("limits.component_bytes", self.component_bytes > 0, "at least 1"),
            ("limits.journal_entries", self.journal_entries > 1, "at least 2"),
            ("limits.active", self.active > 0, "at least 1"),
            ("limits.instances", (1..=10_000).contains(&self.instances), "at least 1 and at most 10000"),
            ("limits.instances_bytes", self.instances_bytes > 0, "at least 1"),
            ("limits.memory_bytes", self.memory_bytes >= 64 << 10, "at least 65536"),
            ("limits.memory_bytes", self.memory_bytes as u64 <= 4 << 30, "at most 4294967296"),
            ("limits.fuel", self.fuel != Some(0), "at least 1, or not set"),
            ("limits.compute_ms", self.compute_ms >= SLICE_MS, "at least 10"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((key, _, rule)) => Err(ConfigError::Rule { key, rule }),
            None => Ok(()),
        }
    }

    pub(super) fn host(&self) -> HostConfig {
        HostConfig {
            instances: self.instances,
            instances_bytes_max: self.instances_bytes,
            memory_bytes_max: self.memory_bytes,
            component_bytes_max: self.component_bytes,
            fuel: self.fuel,
            slices_max: u32::try_from(self.compute_ms / SLICE_MS).unwrap_or(u32::MAX),
            ..HostConfig::default()
        }
    }

    pub(super) const fn guest(&self) -> GuestLimits {
        GuestLimits {
            journal_entries: self.journal_entries,
            journal_bytes: self.journal_bytes,
            payload_bytes: self.payload_bytes,
            branches: self.branches,
            open_tickets: self.open_tickets,
        }
    }
}
