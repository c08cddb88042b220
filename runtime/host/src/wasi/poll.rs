//! Waiting in WASI: `thread::sleep`, `time.sleep`, timers of language runtimes.
//!
//! Only timers can be waited for in this world (streams are always ready), and which of them is ready follows from the
//! clock, which follows from the journal. So a wait for several is one durable timer of the execution up to the
//! earliest, and asking "is it ready?" has the same answer in every replay.

use reprise_engine::Ticket;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_io::bindings::wasi::io::poll;

use crate::state::State;

/// What stands in the table for a timer; its time is in [`Wasi::timers`](super::Wasi).
struct Timer;

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {}
}

impl State {
    pub(super) fn timer_pollable(&mut self, due_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = self.wasi.table.push(Timer)?;
        let pollable = subscribe(&mut self.wasi.table, timer)?;
        self.wasi.timers.insert(pollable.rep(), due_ns);
        Ok(pollable)
    }

    /// When a pollable is due; 0 for what is always ready.
    fn due_ns(&self, pollable: &Resource<DynPollable>) -> wasmtime::Result<u64> {
        self.wasi.table.get(pollable)?;
        Ok(self.wasi.timers.get(&pollable.rep()).copied().unwrap_or(0))
    }

    /// Waits until `due_ns` on the monotonic clock.
    async fn wait_until(&mut self, due_ns: u64) -> wasmtime::Result<()> {
        let left_ns = due_ns.saturating_sub(self.monotonic_ns());
        if left_ns == 0 {
            return Ok(());
        }
        if !self.entered {
            self.wasi.clock.skip(left_ns);
            return Ok(());
        }
        let ticket: Ticket = self.session.with(|execution| execution.timer(left_ns.div_ceil(1_000_000)))?;
        self.session.answer(|execution| execution.take(ticket)).await?;
        Ok(())
    }
}

impl poll::Host for State {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let due_ns = pollables.iter().map(|p| self.due_ns(p)).collect::<wasmtime::Result<Vec<_>>>()?;
        let earliest = due_ns.iter().min().ok_or_else(|| wasmtime::format_err!("poll on an empty list"))?;
        self.wait_until(*earliest).await?;
        let now_ns = self.monotonic_ns();
        Ok((0..).zip(due_ns).filter(|(_, due_ns)| *due_ns <= now_ns).map(|(index, _)| index).collect())
    }
}

impl poll::HostPollable for State {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        Ok(self.due_ns(&pollable)? <= self.monotonic_ns())
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.wait_until(self.due_ns(&pollable)?).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.wasi.timers.remove(&pollable.rep());
        poll::HostPollable::drop(&mut self.wasi.table, pollable)
    }
}
