//! One attempt of a SQL or XA operation that is asked for.

use std::time::Duration;

use reprise_engine::{BranchId, Gid, Op, Operation};

/// One attempt of one operation.
#[derive(Debug, Clone, Copy)]
pub struct SqlCall<'a> {
    /// The execution it belongs to.
    pub gid: &'a Gid,
    /// The branch it belongs to.
    pub branch: BranchId,
    /// Which part of the branch it is; of an XA branch, `commit` and `rollback` end it.
    pub op: Op,
    /// What to do: [`Operation::Sql`], [`Operation::Xa`] or [`Operation::XaFinish`].
    pub operation: &'a Operation,
    /// Whether it is repeated until it succeeds, so that a refusal must not be kept for repeats.
    pub must_succeed: bool,
    /// Longest time of the attempt. After it the connection is closed, so that nothing of it goes on.
    pub timeout: Duration,
    /// Bytes of rows; more are refused, and nothing is changed.
    pub reply_bytes_max: usize,
}
