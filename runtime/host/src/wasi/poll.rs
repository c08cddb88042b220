//! Waiting in WASI: `thread::sleep`, `time.sleep`, timers of language runtimes, responses of HTTP clients.
//!
//! Timers and responses can be waited for in this world; streams are always ready. A timer is ready when the clock says
//! so, and the clock follows from the journal. A response is ready once a wait has ended with it, which the journal
//! says too, and never because it merely has arrived: so asking "is it ready?" has the same answer in every replay. A
//! wait for several is one wait of the execution, with one durable timer up to the earliest time.

use reprise_engine::Ticket;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_io::bindings::wasi::io::poll;

use crate::state::State;

/// What a pollable waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wait {
    /// A time on the monotonic clock, nanoseconds.
    Until(u64),
    /// The response to a request, by its handle. The handle outlives its pollables: they are its children.
    Response(u32),
}

/// What stands in the table for a timer; its time is in [`Wasi::waits`](super::Wasi).
struct Timer;

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {}
}

/// What several pollables wait for together.
#[derive(Default)]
struct Together {
    due_ns: Option<u64>,
    responses: Vec<(u32, Ticket)>,
    unsent: Vec<u32>,
}

impl State {
    pub(super) fn timer_pollable(&mut self, due_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = self.wasi.table.push(Timer)?;
        let pollable = subscribe(&mut self.wasi.table, timer)?;
        self.wasi.waits.insert(pollable.rep(), Wait::Until(due_ns));
        Ok(pollable)
    }

    fn is_ready(&self, pollable: &Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.wasi.table.get(pollable)?;
        match self.wasi.waits.get(&pollable.rep()) {
            None => Ok(true),
            Some(Wait::Until(due_ns)) => Ok(*due_ns <= self.monotonic_ns()),
            Some(Wait::Response(exchange)) => Ok(self.exchange(*exchange)?.is_ready()),
        }
    }

    fn ready_ones(&self, pollables: &[Resource<DynPollable>]) -> wasmtime::Result<Vec<u32>> {
        let mut ready = Vec::new();
        for (index, pollable) in (0..).zip(pollables) {
            if self.is_ready(pollable)? {
                ready.push(index);
            }
        }
        Ok(ready)
    }

    /// Waits until one of them is ready; none is yet.
    async fn wait_for(&mut self, pollables: &[Resource<DynPollable>]) -> wasmtime::Result<()> {
        let Together { due_ns, responses, unsent } = self.together(pollables)?;
        match due_ns {
            _ if !responses.is_empty() => self.wait_for_responses(&responses, due_ns).await,
            Some(due_ns) => self.wait_until(due_ns).await,
            None => self.fail_unsent(&unsent),
        }
    }

    fn together(&self, pollables: &[Resource<DynPollable>]) -> wasmtime::Result<Together> {
        let mut together = Together::default();
        for pollable in pollables {
            match self.wasi.waits.get(&pollable.rep()).copied() {
                None => {}
                Some(Wait::Until(due_ns)) => {
                    together.due_ns = Some(together.due_ns.map_or(due_ns, |earliest| earliest.min(due_ns)));
                }
                Some(Wait::Response(exchange)) => match self.exchange(exchange)?.ticket() {
                    Some(ticket) => together.responses.push((exchange, ticket)),
                    None => together.unsent.push(exchange),
                },
            }
        }
        Ok(together)
    }

    /// Waits until `due_ns` on the monotonic clock.
    async fn wait_until(&mut self, due_ns: u64) -> wasmtime::Result<()> {
        let left_ns = due_ns.saturating_sub(self.monotonic_ns());
        if !self.entered {
            self.wasi.clock.skip(left_ns);
            return Ok(());
        }
        let timer = self.timer(left_ns)?;
        self.session.answer(|execution| execution.take(timer)).await?;
        Ok(())
    }

    /// Waits for the first of the responses, at most until `due_ns`. The others have not arrived, as far as the guest
    /// may know.
    async fn wait_for_responses(&mut self, responses: &[(u32, Ticket)], due_ns: Option<u64>) -> wasmtime::Result<()> {
        let mut tickets: Vec<u32> = responses.iter().map(|(_, ticket)| ticket.0).collect();
        let timer = due_ns.map(|due_ns| self.timer(due_ns.saturating_sub(self.monotonic_ns()))).transpose()?;
        tickets.extend(timer.map(|timer| timer.0));
        let first = self.session.answer(|execution| execution.wait_any(&tickets)).await? as usize;
        match (responses.get(first), timer) {
            (Some((exchange, _)), timer) => {
                if let Some(timer) = timer {
                    self.session.with(|execution| execution.cancel(timer))?;
                }
                self.exchange_mut(*exchange)?.see();
            }
            (None, Some(timer)) => {
                self.session.answer(|execution| execution.take(timer)).await?;
            }
            (None, None) => unreachable!("`wait_any` answers with an index of its list"),
        }
        Ok(())
    }

    fn timer(&self, left_ns: u64) -> wasmtime::Result<Ticket> {
        Ok(self.session.with(|execution| execution.timer(left_ns.div_ceil(1_000_000)))?)
    }
}

impl poll::Host for State {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        if pollables.is_empty() {
            return Err(wasmtime::format_err!("poll on an empty list"));
        }
        let ready = self.ready_ones(&pollables)?;
        if !ready.is_empty() {
            return Ok(ready);
        }
        self.wait_for(&pollables).await?;
        self.ready_ones(&pollables)
    }
}

impl poll::HostPollable for State {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.is_ready(&pollable)
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        if self.is_ready(&pollable)? { Ok(()) } else { self.wait_for(&[pollable]).await }
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.wasi.waits.remove(&pollable.rep());
        poll::HostPollable::drop(&mut self.wasi.table, pollable)
    }
}
