//! The example participant: a bank that workflows call, and that tests provoke.
//!
//! Accounts live in a real SQLite file. HTTP and gRPC are two faces on one set of operations, each made idempotent by
//! `reprise-barrier`. For tests the bank also keeps a log of requests, a list of effects (so "exactly once" can be
//! shown, not believed), and plays faults on demand.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let bank = bank::Bank::open("bank.db".as_ref()).await?;
//! bank.put_account("alice", 100).await?;
//! let listeners = bank::Listeners::bind("127.0.0.1:0", "127.0.0.1:0").await?;
//! println!("{}", listeners.http_address()?);
//! bank::serve(bank, listeners, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod admin;
mod bank;
mod fault;
mod grpc;
mod http;
mod ledger;
mod operation;
mod reply;
mod request_log;
mod serve;

pub use crate::{
    bank::{Bank, BankError},
    fault::{Fault, FaultKind},
    grpc::{grpc_service, pb},
    http::router,
    ledger::{Account, Effect},
    reply::Balance,
    request_log::{Entry, Protocol},
    serve::{Listeners, serve},
};
