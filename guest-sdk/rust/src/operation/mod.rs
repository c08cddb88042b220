//! Operations: things done outside the guest, as plain data. One room per kind.

mod grpc;
mod http;
mod participant;
mod sql;

pub use grpc::Grpc;
pub use http::Http;
pub use participant::Participant;
pub use sql::{Sql, SqlValue, Statement};

use crate::bindings::reprise::workflow::types::Operation;

/// One thing done outside the guest: made of [`Http`], [`Grpc`] or [`Sql`], taken by
/// [`Branch::call`](crate::Branch::call) and what registers operations.
#[derive(Debug, Clone, PartialEq)]
pub struct Op(Result<Operation, String>);

impl Op {
    /// The operation, or why there is none: a body without JSON form.
    pub(crate) fn into_wit(self) -> Result<Operation, String> {
        self.0
    }
}
