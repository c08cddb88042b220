//! The face that clients of DTM know: its HTTP API, JSON-RPC and gRPC. It parses requests, calls the coordinator and
//! renders what it says. It decides nothing and never touches the store.
//!
//! The rooms: `transactions`, `workflow`, `lookup`, `listing` and `topics` have what can be asked for, whatever the protocol;
//! `http`, `json_rpc` and `grpc` are the protocols; `render` and `branches` write transactions as DTM does; `state` has its
//! words for how one stands, `refusal` every error; `listener` serves it all. What differs from DTM: docs/dtm.md.

mod branches;
mod grpc;
mod http;
mod json_rpc;
mod listener;
mod listing;
mod lookup;
mod refusal;
mod render;
mod state;
mod topics;
mod transactions;
mod workflow;

use std::time::Duration;

use reprise_coordinator::Coordinator;
use reprise_dtm::Defaults;
use uuid::{NoContext, Uuid};

pub use grpc::pb;
pub use listener::{DtmAddresses, DtmListeners};

/// How DTM's face behaves.
#[derive(Debug, Clone, Copy)]
pub struct DtmSettings {
    /// Times that hold where a request names none.
    pub defaults: Defaults,
    /// How long a request with `wait_result` waits for the end.
    pub wait: Duration,
    /// Bytes of a request.
    pub input_bytes: usize,
}

/// What every endpoint uses. Cheap to clone.
#[derive(Clone)]
pub struct Dtm {
    coordinator: Coordinator,
    settings: DtmSettings,
}

impl Dtm {
    /// DTM's face of `coordinator`.
    #[must_use]
    pub const fn new(coordinator: Coordinator, settings: DtmSettings) -> Self {
        Self { coordinator, settings }
    }
}

/// A fresh gid, without what a name in a database might not have; later ones sort after earlier ones.
fn new_gid() -> String {
    let ms = reprise_coordinator::now().0;
    let nanos = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos)).simple().to_string()
}
