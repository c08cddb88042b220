//! DTM's transactions on Reprise's engine: what its clients send, and the programs that run it.
//!
//! [`Trans`] is a request as all of DTM's protocols carry it. It becomes a [`Trigger`](reprise_coordinator::Trigger)
//! ([`Trans::submitted`], [`Trans::prepared`]) or a [`Word`](reprise_coordinator::Word). Sagas and messages are run by
//! programs of this crate, TCC, XA and workflows are steered by their client. The faces (HTTP, gRPC, JSON-RPC) are the
//! server's.

mod call;
mod plan;
mod programs;
mod trans;

pub use call::{BranchCall, Protocol};
pub use plan::{Branch, Defaults, Plan, PlanError, Progress};
pub use programs::{natives, workflow_name};
pub use trans::{Options, Payload, Steps, Trans};
