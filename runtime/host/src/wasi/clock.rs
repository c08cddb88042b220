//! Both clocks of WASI. They show the time of the last result that the guest has seen, and stand still between.

use reprise_engine::Timestamp;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};

use crate::state::State;

const NANOS_PER_MS: u64 = 1_000_000;

/// The monotonic clock of one instance: nanoseconds of execution time since the instance came up, and one tick before
/// that, as Go's runtime takes a clock that reads 0 for a broken one. It goes on over the calls of an instance, where
/// the execution's time starts again with each scope.
#[derive(Debug)]
pub(crate) struct Clock {
    offset_ns: u64,
    base: Timestamp,
}

impl Clock {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { offset_ns: NANOS_PER_MS, base: now }
    }

    pub(super) const fn read(&self, now: Timestamp) -> u64 {
        self.offset_ns.saturating_add(now.ms_since(self.base).saturating_mul(NANOS_PER_MS))
    }

    /// A call begins.
    pub(crate) const fn resume(&mut self, now: Timestamp) {
        self.base = now;
    }

    /// A call ended.
    pub(crate) const fn pause(&mut self, now: Timestamp) {
        self.offset_ns = self.read(now);
        self.base = now;
    }

    /// Moves on without a call, where no timer can be set.
    pub(super) const fn skip(&mut self, ns: u64) {
        self.offset_ns = self.offset_ns.saturating_add(ns);
    }
}

impl State {
    pub(super) fn monotonic_ns(&self) -> u64 {
        self.wasi.clock.read(self.session.with(|execution| execution.now()))
    }
}

impl wall_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now = self.session.with(|execution| execution.now());
        let nanoseconds = u32::try_from(now.0 % 1_000 * NANOS_PER_MS).expect("less than a second");
        Ok(wall_clock::Datetime { seconds: now.0 / 1_000, nanoseconds })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}

impl monotonic_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.monotonic_ns())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(NANOS_PER_MS)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer_pollable(when)
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer_pollable(self.monotonic_ns().saturating_add(when))
    }
}
