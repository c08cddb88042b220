//! The example participant: a bank that workflows call, and that tests provoke.
//!
//! Accounts live in a real database: SQLite, PostgreSQL, MySQL or MariaDB, Redis. HTTP and gRPC are two faces on one set
//! of operations, each made idempotent by `reprise-barrier`. For tests the bank also keeps a log of requests, a list of
//! effects (so "exactly once" can be shown, not believed), and plays faults on demand.
//!
//! The database is the bank's own, and others may look at it or work on it:
//!
//! | SQL | Redis | what |
//! |---|---|---|
//! | `accounts(account, balance, frozen)` | hashes `account:NAME` of `balance`, `frozen`; set `accounts` of names | all the money in an account, and the part of it that a try has set aside |
//! | `effects(id, gid, branch_id, op, account, delta_balance, delta_frozen)` | list `effects` of JSON objects | what the bank's own operations applied, one row each |
//! | `barrier`, `barrier_reply` | as `reprise-barrier` has them | what was here before |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let bank = bank::Bank::open("sqlite:bank.db").await?;
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
mod message;
mod operation;
mod reply;
mod request_log;
mod saga;
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
