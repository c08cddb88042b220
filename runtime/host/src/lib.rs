//! The guest host: workflow components, from the uploaded bytes to a running instance.
//!
//! [`Host::prepare`] checks and compiles a component once, and makes one of a core module first; [`Program::start`]
//! makes an instance of it; [`Guest::run`] and [`Guest::handle`] call it. What an import means is decided by the
//! [`Execution`](reprise_engine::Execution) in the [`Session`]: this crate asks it, and waits where it says so.
//! Storing, sending and retrying are the coordinator's.

mod bindings;
mod cache;
mod check;
mod config;
mod engine;
mod failure;
mod guest;
mod host;
mod imports;
mod module;
mod native;
mod program;
mod session;
mod state;
mod ticker;
mod wasi;

pub use check::ComponentError;
pub use config::{HostConfig, HostError};
pub use failure::{GuestFailure, HandlerFailure};
pub use guest::Guest;
pub use host::{Host, Prepared};
pub use module::component_of;
pub use native::{NativeGuest, NativeProgram};
pub use program::Program;
pub use session::Session;
