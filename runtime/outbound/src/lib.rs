//! Outbound: performs one attempt of an operation at a participant and says what was answered.
//!
//! [`Outbound::admit`] waits until an attempt may begin; [`Outbound::perform`] takes one [`Call`] and gives one
//! [`Answer`](reprise_engine::Answer). What the answer means and whether to try again is the engine's to say; when, is
//! the coordinator's. Nothing here retries, journals or decides.
//!
//! Rooms: `config` (what an operator writes), `directory` (participants, ready for use), `identity` and `headers` (what
//! every call carries), `http` and `grpc` (one attempt each), `group` (which process of a service gets it), `tls` (whom
//! to trust), `policy`, `gate` and `breaker` (how much a participant gets, and when), `participants` (how they stand),
//! `failure` (errors as text).

mod breaker;
mod call;
mod codec;
mod config;
mod directory;
mod failure;
mod gate;
mod group;
mod grpc;
mod headers;
mod http;
mod identity;
mod location;
mod outbound;
mod participants;
mod policy;
mod tls;

pub use breaker::BreakerState;
pub use call::Call;
pub use config::{OutboundConfig, OutboundError, Participant};
pub use gate::{GateState, OutcomeCounts, Pause, Wait};
pub use outbound::Outbound;
pub use participants::{Admitted, ParticipantState, UnknownParticipant};
pub use policy::{BreakerPolicy, Policies, RatePolicy};
pub use reprise_discovery::{Discovery, DiscoveryConfig, DiscoveryError, RegisterConfig, Registration, split_method};
pub use reprise_sql::{DatabaseConfig, Databases, DatabasesError};
