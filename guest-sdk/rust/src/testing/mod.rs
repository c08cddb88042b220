//! Workflows without Wasm and without a runtime: a host in this process, with virtual time.
//!
//! [`TestHost`] answers the operations of a workflow, performs phase two as the runtime does and gives back every
//! attempt in order. It also runs the workflow a second time with the recorded results and panics when it takes another
//! path, as the runtime would quarantine it.
//!
//! ```
//! use reprise_guest::{Failure, Participant, Transaction, testing::{Answer, TestHost}};
//!
//! async fn transfer(tx: &Transaction, amount: u32) -> Result<u32, Failure> {
//!     let bank = Participant::named("bank");
//!     let out = tx.branch().on_rollback(bank.post("/out/revert").json(&amount));
//!     out.call(bank.post("/out").json(&amount)).await?;
//!     tx.branch().call(bank.post("/in").json(&amount)).await?;
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
pub(crate) mod imports;
mod phase_two;
mod request;
mod tickets;
mod world;

use std::time::Duration;

pub use answer::Answer;
pub use request::{Request, Role};

use crate::{
    entry,
    failure::Failure,
    log::Level,
    payload::{Decode, Encode},
    transaction::Transaction,
};
use world::World;

/// A host in this process that answers operations by their key.
///
/// Keys are `POST participant/path`, `GRPC participant/package.Service/Method`, `SQL database`, `XA database`; one that
/// ends in `*` stands for all with this beginning. Of several keys that fit, the last one added counts. Without an answer
/// an action ends as [`CallError::Invalid`](crate::CallError::Invalid), and anything in phase two succeeds.
#[derive(Debug, Default)]
pub struct TestHost {
    world: World,
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
        self.world.answers.push((key.into(), Box::new(answer)));
        self
    }

    /// Other random numbers for the workflow.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.world.random = seed;
        self
    }

    /// Runs a workflow with `input`, in whatever form gives the input's JSON, and then its commit or rollback.
    ///
    /// # Panics
    /// The workflow is not deterministic, waits for something that nothing can wake, or phase two does not end.
    pub fn run<I, O, E>(self, workflow: impl AsyncFn(&Transaction, I) -> Result<O, E>, input: impl Encode) -> TestRun<O>
    where
        I: Decode,
        O: Encode,
        E: Into<Failure>,
    {
        let input = input.encode().expect("the input of a test has a JSON form");
        let _removed_at_the_end = world::enter(self.world);
        let first = entry::perform(&workflow, input.clone());
        world::replay_from_start();
        let again = entry::perform(&workflow, input);
        world::end_of_replay();
        let bytes = |result: &Result<(O, Vec<u8>), Failure>| {
            result.as_ref().map(|(_, bytes)| bytes.clone()).map_err(Clone::clone)
        };
        assert_eq!(
            bytes(&first),
            bytes(&again),
            "the workflow is not deterministic: its replay returned something else"
        );
        phase_two::perform(first.is_ok());
        world::with(|world| TestRun {
            result: first.map(|(output, _)| output),
            calls: std::mem::take(&mut world.calls),
            trace: std::mem::take(&mut world.trace),
            log: std::mem::take(&mut world.log),
            elapsed: world.clock,
        })
    }
}
