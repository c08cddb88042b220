//! For participants: the business services that a Reprise (or DTM) workflow calls.
//!
//! A runtime sends each operation at least once: after a crash, a lost answer or a timeout it sends it again, and a
//! rollback may overtake the action it undoes. This crate turns that into "at most once, in an order that makes sense".
//! [`Branch`] says which operation a request is, [`Barrier`] decides in the local transaction whether it takes effect.
//! Databases: SQLite, PostgreSQL, MySQL and MariaDB through sqlx; Redis with the feature `redis`.
//!
//! A handler is one line with [`handle_action`] and its kin, here for axum:
//!
//! ```no_run
//! use axum::extract::State;
//! use reprise_barrier::{Answer, BarrierError, Branch, Business, handle_action};
//! use sqlx::{PgConnection, PgPool};
//!
//! async fn reserve(State(pool): State<PgPool>, branch: Branch) -> Result<Answer<String, String>, BarrierError> {
//!     handle_action(&pool, branch, |connection| Box::pin(take_one(connection))).await
//! }
//!
//! async fn take_one(connection: &mut PgConnection) -> Result<Business<String, String>, BarrierError> {
//!     let sql = "UPDATE stock SET remaining = remaining - 1 WHERE remaining > 0";
//!     match sqlx::query(sql).execute(connection).await?.rows_affected() {
//!         0 => Ok(Err("sold out".to_owned())),
//!         _ => Ok(Ok("reserved".to_owned())),
//!     }
//! }
//! # drop(axum::Router::new().route("/reserve", axum::routing::post(reserve)).with_state::<()>(unimplemented!()));
//! ```
//!
//! The guide is `docs/participants.md`.

mod answer;
mod barrier;
mod branch;
mod database;
mod error;
#[cfg(feature = "message")]
pub mod message;
pub mod place;
#[cfg(feature = "redis")]
mod redis;
mod tables;

pub use answer::{Answer, handle_action, handle_commit, handle_compensation, handle_query_back};
pub use barrier::{Barrier, Business, Called, Prepared, query_prepared};
pub use branch::{Branch, BranchError};
pub use database::{BarrierDatabase, Dialect, begin};
pub use error::BarrierError;
#[cfg(feature = "message")]
pub use message::{Message, MessageError};
pub use tables::{Tables, create_tables, forget};

#[cfg(feature = "redis")]
pub use self::redis::{RedisBarrier, RedisBusiness};
#[cfg(feature = "http")]
pub use branch::BranchRejection;
