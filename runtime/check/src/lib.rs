//! The check of a workflow before it is deployed: its unwind matrix.
//!
//! [`check`] runs a workflow once with participants that always succeed, then once for everything that can go wrong with
//! each of its calls: refused, unreachable, answered too late, delivered twice, and a crash or a timeout at every
//! position of the journal. Engine and guest are the real ones; participants are a model ([`Setup`]), time is a number.
//! What a [`Report`] holds is what would be left behind.

mod call;
mod case;
mod judge;
mod matrix;
mod replies;
mod report;
mod simulation;
mod story;
mod world;

pub use call::CallName;
pub use case::{Deed, Moment, Trouble};
pub use matrix::{Setup, check};
pub use replies::{Replies, RepliesError};
pub use report::{CaseReport, End, Finding, Kind, Report, Severity, TookEffect};
