//! For participants: the business services that a Reprise (or DTM) workflow calls.
//!
//! A runtime sends each operation at least once: after a crash, a lost answer or a timeout it sends it again, and a
//! rollback may overtake the action it undoes. This crate turns that into "at most once, in an order that makes sense".
//! [`Branch`] says which operation a request is, [`Barrier`] decides in the local transaction whether it takes effect.
//!
//! ```no_run
//! use reprise_barrier::{Barrier, BarrierError, Branch, Called};
//!
//! # async fn example(pool: sqlx::SqlitePool, branch: Branch) -> Result<(), BarrierError> {
//! let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
//! let called: Called<String, String> = Barrier::new(branch)
//!     .call(&mut transaction, |connection| {
//!         Box::pin(async move {
//!             sqlx::query("UPDATE stock SET left = left - 1").execute(connection).await?;
//!             Ok::<_, BarrierError>(Ok("reserved".to_owned()))
//!         })
//!     })
//!     .await?;
//! transaction.commit().await?;
//! # drop(called);
//! # Ok(())
//! # }
//! ```

mod barrier;
mod branch;

pub use barrier::{Barrier, BarrierError, Business, Called, create_tables};
pub use branch::{Branch, BranchError};

#[cfg(feature = "http")]
pub use branch::BranchRejection;
