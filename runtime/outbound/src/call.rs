//! One attempt that is asked for: what to send, and on whose behalf.

use reprise_engine::{BranchId, BranchOptions, Gid, Op, Operation};

/// One attempt of one operation.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The execution it belongs to.
    pub gid: &'a Gid,
    /// The branch it belongs to.
    pub branch: BranchId,
    /// Which part of the branch it is.
    pub op: Op,
    /// What to do.
    pub operation: &'a Operation,
    /// Timeout, headers and idempotency key are used here; the rest is the engine's.
    pub options: &'a BranchOptions,
    /// Whether it is repeated until it succeeds: participants are told, so that they don't keep a refusal for repeats.
    pub must_succeed: bool,
    /// From 1; tells the spans of the attempts apart.
    pub attempt: u32,
    /// For [`Op::Finish`]: `succeeded` or `failed`.
    pub outcome: Option<&'static str>,
}
