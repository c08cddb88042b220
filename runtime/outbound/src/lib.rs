//! Outbound: performs one attempt of an operation at a participant and says what was answered.
//!
//! [`Outbound::perform`] takes one [`Call`] and gives one [`Answer`](reprise_engine::Answer). What the answer means and
//! whether to try again is the engine's to say; when, is the coordinator's. Nothing here retries, journals or decides.
//!
//! Rooms: `config` (what an operator writes), `directory` (participants, ready for use), `identity` and `headers` (what
//! every call carries), `http` and `grpc` (one attempt each), `tls` (whom to trust), `failure` (errors as text).

mod call;
mod codec;
mod config;
mod directory;
mod failure;
mod grpc;
mod headers;
mod http;
mod identity;
mod location;
mod outbound;
mod tls;

pub use call::Call;
pub use config::{OutboundConfig, OutboundError, Participant};
pub use outbound::Outbound;
