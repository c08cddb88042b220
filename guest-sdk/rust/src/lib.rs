//! Write Reprise workflows in Rust.
//!
//! A workflow is an `async fn` with the attribute [`workflow`]; built for `wasm32-wasip2` it is a component that the
//! runtime deploys. Returning `Ok` commits every branch, returning `Err` rolls every branch back, each in reverse
//! order, so `?` is all that a rollback takes:
//!
//! ```
//! use std::time::Duration;
//! use reprise_guest::{Failure, Options, Participant, Transaction};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order { account: String, amount: u32 }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Receipt { balance: i64 }
//!
//! #[reprise_guest::workflow]
//! async fn buy(tx: &Transaction, order: Order) -> Result<Receipt, Failure> {
//!     let bank = Participant::named("bank");
//!     let shop = Participant::named("shop");
//!     let pay = tx
//!         .branch()
//!         .options(Options::new().attempts(3).timeout(Duration::from_secs(2)))
//!         .on_rollback(bank.post("/pay/revert").json(&order));
//!     let ship = tx.branch().on_rollback(shop.post("/ship/cancel").json(&order));
//!     let (paid, shipped) = tx
//!         .join(
//!             pay.call(bank.post("/pay").json(&order)),
//!             ship.call(shop.post("/ship").json(&order)),
//!         )
//!         .await;
//!     shipped?;
//!     Ok(paid?.json()?)
//! }
//! ```
//!
//! What makes a workflow durable is that it takes the same path when the runtime runs it again with the recorded
//! results: take time, randomness and everything from outside from the [`Transaction`]. Ordinary code between the
//! calls, the combinators of the crate `futures` and WASI's clock and random numbers are deterministic too.
//!
//! Where does an operation start? Where it is written: [`Branch::call`] and [`Transaction::sleep`] submit at once, in
//! the order of the program text, and `.await` only waits. A future that is dropped before its result was seen is
//! cancelled; its branch is then in doubt and is rolled back with the others.
//!
//! Off Wasm the same function runs against [`testing::TestHost`].

#[doc(hidden)]
pub mod bindings;
mod branch;
mod call;
#[cfg(feature = "tonic")]
mod channel;
mod concurrency;
#[doc(hidden)]
pub mod entry;
mod error;
mod executor;
mod failure;
mod host;
pub mod log;
mod operation;
mod options;
mod outcome_map;
mod payload;
mod reply;
mod scope;
mod session;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod transaction;

pub use bindings::reprise::workflow::types::Phase;
pub use branch::Branch;
pub use call::Call;
#[cfg(feature = "tonic")]
pub use channel::GrpcChannel;
pub use concurrency::{Either, Sleep, TimedOut};
pub use error::{CallError, ReplyError};
pub use failure::Failure;
pub use operation::{Grpc, Http, Op, Participant, Sql, SqlValue, Statement};
pub use options::Options;
pub use outcome_map::{Outcome, OutcomeMap};
pub use payload::{Decode, Encode, Raw};
pub use reply::Reply;
/// With code for phase two:
/// ```
/// use reprise_guest::{Branch, Failure, Participant, Phase, Transaction};
///
/// async fn release(_tx: &Transaction, branch: Branch, _phase: Phase, parcel: String) -> Result<(), Failure> {
///     branch.call(Participant::named("shop").post("/release").json(&parcel)).await?;
///     Ok(())
/// }
///
/// #[reprise_guest::workflow(handlers(release))]
/// async fn ship(tx: &Transaction, parcel: String) -> Result<(), Failure> {
///     tx.branch().on_commit_handler("release", &parcel);
///     Ok(())
/// }
/// ```
pub use reprise_guest_macros::workflow;
pub use transaction::Transaction;
