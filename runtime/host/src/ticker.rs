//! The thread that makes long computations yield: it counts the engine's epoch up every [`SLICE`] while guests compute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

/// How long a guest computes before others get their turn.
pub(crate) const SLICE: Duration = Duration::from_millis(10);
/// Slices without a guest after which the thread sleeps.
const IDLE_SLICES: u32 = 100;

#[derive(Debug, Default)]
struct Shared {
    guests: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// Ends its thread when dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A call in progress: the thread is awake as long as there is one.
#[derive(Debug)]
pub(crate) struct Ticking<'a>(&'a Shared);

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = shared.clone();
        let thread = thread::Builder::new().name("reprise-ticker".into()).spawn(move || tick(&engine, &seen))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn guest(&self) -> Ticking<'_> {
        self.shared.guests.fetch_add(1, SeqCst);
        if self.shared.asleep.swap(false, SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        Ticking(&self.shared)
    }
}

fn tick(engine: &Engine, shared: &Shared) {
    let mut idle = 0;
    while !shared.stop.load(SeqCst) {
        thread::park_timeout(SLICE);
        engine.increment_epoch();
        idle = if shared.guests.load(SeqCst) == 0 { idle + 1 } else { 0 };
        if idle >= IDLE_SLICES {
            shared.asleep.store(true, SeqCst);
            // A guest that came before the store did not see it; one that comes now unparks.
            if shared.guests.load(SeqCst) == 0 && !shared.stop.load(SeqCst) {
                thread::park();
            }
            shared.asleep.store(false, SeqCst);
            idle = 0;
        }
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.guests.fetch_sub(1, SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It holds no lock and panics nowhere; a panic would be its own report.
            drop(thread.join());
        }
    }
}
