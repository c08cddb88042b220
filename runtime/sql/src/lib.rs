//! SQL and XA operations on the databases of the configuration.
//!
//! [`Databases::perform`] takes one [`SqlCall`] and gives one [`Answer`](reprise_engine::Answer). A SQL operation is one
//! local transaction with a place in the barrier, so that it takes effect once; an XA operation is the same, prepared
//! now and ended by phase two. What an answer means and whether to try again is the engine's to say.
//!
//! Rooms: `config` (what an operator writes), `databases` (the handle), `database` (pool and connections of one),
//! `local` (SQL operations), `xa` (XA operations), `statements` and `guard` (what is run, what may be), `dialect` (what
//! differs between databases: parameters, values, errors), `reply` (rows as JSON), `failure` (errors as answers).

mod call;
mod config;
mod database;
mod databases;
mod dialect;
mod failure;
mod guard;
mod local;
mod reply;
mod statements;
mod xa;

pub use call::SqlCall;
pub use config::{DatabaseConfig, DatabasesError, Kind};
pub use databases::{Databases, Prepared};
