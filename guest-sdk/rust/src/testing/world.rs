//! The world of one test run: the execution as the engine keeps it, its journal, and what the test gets to see.
//!
//! Attempts and virtual time belong to [`calls`](super::calls), the end to [`phase_two`](super::phase_two).

use std::{cell::RefCell, fmt, time::Duration};

use reprise_engine::{
    Completeness, Digest, EntryRecord, Execution, GuestError, GuestLimits, Rules, RunResult, Timestamp,
};

use super::{answer::Answer, calls::Happening, request::Request};
use crate::{failure::Failure, log::Level};

/// 2026-01-01T00:00:00Z, when every test starts.
const START: Timestamp = Timestamp(1_767_225_600_000);

/// What a test registered to answer operations of a key.
pub(super) type Answerer = Box<dyn FnMut(&Request) -> Answer>;

/// What a test says before its run.
#[derive(Default)]
pub(super) struct Setup {
    pub(super) answers: Vec<(String, Answerer)>,
    pub(super) seed: u64,
    pub(super) completeness: Completeness,
}

pub(super) struct World {
    pub(super) execution: Execution,
    pub(super) answers: Vec<(String, Answerer)>,
    pub(super) clock: Timestamp,
    /// What will happen, in the order in which it was found out.
    pub(super) ahead: Vec<Happening>,
    pub(super) calls: Vec<Request>,
    pub(super) trace: Vec<String>,
    pub(super) log: Vec<(Level, String)>,
    journal: Vec<EntryRecord>,
    replays: bool,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Removes the world when the run ends, however it ends.
pub(super) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        WORLD.take();
    }
}

pub(super) fn enter(setup: Setup, input: Vec<u8>) -> Entered {
    WORLD.replace(Some(World::new(setup, input)));
    Entered
}

pub(super) fn with<T>(action: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| {
        action(world.as_mut().expect("off Wasm, a transaction exists only within `testing::TestHost::run`"))
    })
}

/// The runtime would stop the workflow here; a test fails.
pub(super) fn stop(error: &GuestError) -> ! {
    match error {
        GuestError::Diverged(divergence) => panic!("the workflow is not deterministic: {divergence}"),
        GuestError::Misuse(text) | GuestError::Limit(text) => {
            panic!("the runtime would quarantine this execution: {text}")
        }
    }
}

impl World {
    fn new(Setup { answers, seed, completeness }: Setup, input: Vec<u8>) -> Self {
        let gid = format!("test-{seed}").parse().expect("letters, a hyphen and digits");
        let workflow = "test".parse().expect("letters");
        let rules = Rules { completeness, ..Rules::default() };
        let digest = Digest::new([0; 32]);
        let mut execution = Execution::start(gid, workflow, digest, input, rules, GuestLimits::default(), START);
        execution.enter(None);
        Self {
            execution,
            answers,
            clock: START,
            ahead: Vec::new(),
            calls: Vec::new(),
            trace: Vec::new(),
            log: Vec::new(),
            journal: Vec::new(),
            replays: false,
        }
    }

    /// The workflow returned.
    pub(super) fn returned(&mut self, result: &Result<Vec<u8>, Failure>) {
        let result = match result.clone() {
            Ok(output) => RunResult::Output(output),
            Err(Failure { message, details }) => RunResult::Failure { message, details },
        };
        self.execution.returned(result).unwrap_or_else(|error| stop(&error));
        self.record();
    }

    /// Begins again with what the journal says, as the runtime does after a crash.
    pub(super) fn replay(&mut self) {
        let journal = self.journal.clone();
        self.execution =
            Execution::load(journal, GuestLimits::default()).expect("the journal was written by the same engine");
        self.execution.tick(self.clock);
        self.execution.enter(None);
        self.ahead.clear();
        self.replays = true;
    }

    /// What comes after this is live again.
    pub(super) fn end_replay(&mut self) {
        self.execution.leave();
        // Timers of the replay; nothing else is started there.
        self.execution.take_effects();
        self.replays = false;
    }

    pub(super) fn is_live(&self) -> bool {
        !self.replays
    }

    /// Makes the latest entries durable.
    pub(super) fn record(&mut self) {
        self.journal.extend(self.execution.take_outbox());
    }

    /// Adds an attempt to what the test gets to see.
    pub(super) fn note(&mut self, request: Request, outcome: impl fmt::Display) {
        self.trace.push(format!("{request}: {outcome}"));
        self.calls.push(request);
    }

    /// Virtual time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.clock.ms_since(START))
    }
}
