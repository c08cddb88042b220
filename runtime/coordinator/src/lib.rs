//! The coordinator: owns executions. It admits them, runs their guests, performs what the engine asks for, parks them
//! while they wait, wakes them, and closes them.
//!
//! One task (the driver) owns one execution. It decides nothing: the engine says what is next. All writes of the
//! process go through one journal writer, which shares the cost of making them durable.
//!
//! Where many processes share a store, each of them is a node: it takes over what dead ones leave behind, sends only
//! while its lease holds, and passes on what is said to executions of others (`cluster`, `lease`, `take_up`).

mod admission;
mod calls;
mod clock;
mod cluster;
mod command;
mod config;
mod coordinator;
mod crash;
mod deploy;
mod driver;
mod events;
mod journal_writer;
mod lease;
mod lookup;
mod native;
mod note;
mod participants;
mod status;
mod sweep;
mod take_up;
mod topics;
mod wake;

pub use admission::{Prepare, Start, Trigger, TriggerError, Triggered};
pub use calls::CallState;
pub use clock::now;
pub use command::{CommandError, End, Word};
pub use config::CoordinatorConfig;
pub use coordinator::Coordinator;
pub use deploy::{DeployError, Deployed};
pub use events::Event;
pub use native::{Native, Question};
pub use note::{Note, WaitingCall};
pub use participants::{Breaker, ParticipantError, ParticipantStatus};
pub use status::{Status, StatusError};
pub use sweep::{DatabaseStatus, Handling, PreparedStatus};
pub use topics::{Subscriber, TopicError};
