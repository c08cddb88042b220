//! Measures Reprise. `saga` has the figure that counts, whole transactions against a bare orchestrator; the others are
//! the small figures under it. docs/performance.md explains them. Nothing here asserts a time.
//!
//! Rooms, one per figure: `saga`, `finished` (the same on full stores), `parked`, `length`, `guest` (`start`, `call` and
//! `replay`), `append`, `fsync`. Their parts: `participant`, `orchestrator`, `load` (the client), `runtime` (one in this
//! process) and `resume` (one in a process of its own), `database` (stores), `recorder` and `fill` (real journals, copied
//! into stores). `machine`, `report` and `plot` say where it was and what came out.

pub mod append;
pub mod cli;
mod database;
mod fill;
pub mod finished;
pub mod fsync;
pub mod guest;
pub mod length;
mod load;
pub mod machine;
mod orchestrator;
pub mod parked;
mod participant;
mod plot;
mod recorder;
pub mod report;
mod resume;
mod runtime;
pub mod saga;
mod spread;

pub use spread::Spread;
