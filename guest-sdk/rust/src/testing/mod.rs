//! Workflows without Wasm and without a runtime: a host in this process, with virtual time.
//!
//! [`TestHost`] answers the operations of a workflow, performs phase two and gives back every attempt in order. What an
//! import answers and what follows an answer is decided by the runtime's own engine. Where the runtime would quarantine
//! the execution the test panics, with the same text. So it does when the workflow, run a second time with the recorded
//! results, takes another path.
//!
//! ```
//! use reprise_guest::{Failure, Participant, Transaction, testing::{Answer, TestHost}};
//!
//! async fn transfer(tx: &Transaction, amount: u32) -> Result<u32, Failure> {
//!     let bank = Participant::named("bank");
//!     let out = tx.branch().on_rollback(bank.post("/out/revert").json(&amount));
//!     out.call(bank.post("/out").json(&amount)).await?;
//!     let into = tx.branch().on_rollback(bank.post("/in/revert").json(&amount));
//!     into.call(bank.post("/in").json(&amount)).await?;
//!     Ok(amount)
//! }
//!
//! let run = TestHost::new()
//!     .on("POST bank/out", |_| Answer::ok())
//!     .on("POST bank/in", |_| Answer::failure("unknown account"))
//!     .run(transfer, 30);
//! assert_eq!(run.result.expect_err("rolled back").details, b"unknown account");
//! assert_eq!(run.trace, [
//!     "01 action POST bank/out: success",
//!     "02 action POST bank/in: failure",
//!     "01 rollback POST bank/out/revert: success",
//! ]);
//! ```

mod answer;
mod calls;
mod convert;
pub(crate) mod imports;
mod phase_two;
mod request;
mod world;

use std::{fmt, time::Duration};

pub use answer::Answer;
use reprise_engine::Completeness;
pub use request::{Request, Role};

use crate::{
    entry,
    failure::Failure,
    log::Level,
    payload::{Decode, Encode},
    transaction::Transaction,
};
use world::Setup;

/// A host in this process that answers operations by their key.
///
/// Keys are `POST participant/path`, `GRPC participant/package.Service/Method`, `SQL database`, `XA database`; one that
/// ends in `*` stands for all with this beginning. Of several keys that fit, the last one added counts. Without an answer
/// an action ends as [`CallError::Invalid`](crate::CallError::Invalid), and anything in phase two succeeds.
#[derive(Default)]
pub struct TestHost {
    setup: Setup,
}

/// What came of a run.
#[derive(Debug)]
pub struct TestRun<O> {
    /// What the workflow returned: `Ok` was committed, `Err` rolled back.
    pub result: Result<O, Failure>,
    /// Every attempt of every operation, in order.
    pub calls: Vec<Request>,
    /// The same, a line each: `01 action POST bank/out: success`.
    pub trace: Vec<String>,
    /// What the workflow logged.
    pub log: Vec<(Level, String)>,
    /// Virtual time from start to end, phase two included.
    pub elapsed: Duration,
}

impl TestHost {
    /// A host that has no answers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers operations of this key, each attempt anew.
    #[must_use]
    pub fn on(mut self, key: impl Into<String>, answer: impl FnMut(&Request) -> Answer + 'static) -> Self {
        self.setup.answers.push((key.into(), Box::new(answer)));
        self
    }

    /// Other random numbers for the workflow.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.setup.seed = seed;
        self
    }

    /// Lets actions pass that don't say how they are undone, as a runtime does whose configuration says `lenient`.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.setup.completeness = Completeness::Lenient;
        self
    }

    /// Runs a workflow with `input`, in whatever form gives the input's JSON, and then its commit or rollback.
    ///
    /// # Panics
    /// The workflow is not deterministic, misuses the interface (a failure after a pivot), waits for something that
    /// nothing can wake, or phase two does not end.
    pub fn run<I, O, E>(self, workflow: impl AsyncFn(&Transaction, I) -> Result<O, E>, input: impl Encode) -> TestRun<O>
    where
        I: Decode,
        O: Encode,
        E: Into<Failure>,
    {
        let input = input.encode().expect("the input of a test has a JSON form");
        let _removed_at_the_end = world::enter(self.setup, input.clone());
        let perform = |input| {
            let result = entry::perform(&workflow, input);
            let bytes = result.as_ref().map(|(_, bytes)| bytes.clone()).map_err(Clone::clone);
            world::with(|world| world.returned(&bytes));
            result
        };
        let result = perform(input.clone());
        world::with(world::World::replay);
        // The engine has compared what it returned.
        drop(perform(input));
        world::with(world::World::end_replay);
        phase_two::perform();
        world::with(|world| TestRun {
            result: result.map(|(output, _)| output),
            calls: std::mem::take(&mut world.calls),
            trace: std::mem::take(&mut world.trace),
            log: std::mem::take(&mut world.log),
            elapsed: world.elapsed(),
        })
    }
}

impl fmt::Debug for TestHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.setup.answers.iter().map(|(key, _)| key).collect();
        f.debug_struct("TestHost").field("answers", &keys).finish_non_exhaustive()
    }
}
