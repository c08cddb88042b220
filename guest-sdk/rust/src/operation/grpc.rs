//! Unary gRPC calls.

use super::Op;
use crate::bindings::reprise::workflow::types::{GrpcOp, Operation};

/// A unary gRPC call, made by [`Participant::grpc`](crate::Participant::grpc). Metadata are options of the branch.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a call does nothing until a branch calls or registers it"]
pub struct Grpc(GrpcOp);

impl Grpc {
    pub(super) fn new(target: String, method: String) -> Self {
        Self(GrpcOp { target, method, message: Vec::new() })
    }

    /// Sends an encoded message. Without one, an empty message is sent.
    pub fn message(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.message = bytes.into();
        self
    }

    /// Sends a protobuf message.
    #[cfg(feature = "prost")]
    pub fn encode<M: prost::Message>(self, message: &M) -> Self {
        self.message(message.encode_to_vec())
    }
}

impl From<Grpc> for Op {
    fn from(grpc: Grpc) -> Self {
        Self(Ok(Operation::Grpc(grpc.0)))
    }
}
