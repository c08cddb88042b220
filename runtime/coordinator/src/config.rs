//! Settings of the coordinator.

use std::time::Duration;

use reprise_engine::{Completeness, GuestLimits};

use crate::native::Native;

/// Settings of the coordinator.
#[derive(Debug, Clone)]
pub struct CoordinatorConfig {
    /// Executions in memory at one time. Beyond it triggers are refused (503) and wake-ups wait.
    pub active_max: usize,
    /// Guest instances at one time; must not exceed the host's pool.
    pub instances: usize,
    /// How long an execution waits in memory before its instance is dropped, and before it is parked.
    pub idle: Duration,
    /// Bounds on guests.
    pub limits: GuestLimits,
    /// Bytes of an input.
    pub input_bytes_max: usize,
    /// How often a guest that trapped is run again before it is quarantined.
    pub trap_retries: u32,
    /// Attempts of one phase-two operation after which it counts as stuck and is reported.
    pub stuck_attempts: u32,
    /// Pause between two searches for prepared transactions that nobody has ended.
    pub xa_sweep: Duration,
    /// Executions of dead nodes that this one takes over, per second; at least 1.
    pub adopt_per_s: u32,
    /// How long a command waits for the node that works on its execution.
    pub answer_wait: Duration,
    /// How long an execution waits for a node that can read its journal, if this one is too old for that.
    pub newer_wait: Duration,
    /// Whether calls of executions admitted from now on must say how they are undone.
    pub completeness: Completeness,
    /// Workflows that are part of the runtime.
    pub natives: Vec<Native>,
}

impl Default for CoordinatorConfig {
    fn default() -> Self {
        Self {
            active_max: 20_000,
            instances: 1_000,
            idle: Duration::from_secs(2),
            limits: GuestLimits::default(),
            input_bytes_max: 4 << 20,
            trap_retries: 3,
            stuck_attempts: 10,
            xa_sweep: Duration::from_secs(60),
            adopt_per_s: 500,
            answer_wait: Duration::from_secs(15),
            newer_wait: Duration::from_secs(10),
            completeness: Completeness::default(),
            natives: Vec::new(),
        }
    }
}
