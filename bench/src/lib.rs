//! Measures Reprise. `saga` has the figure that counts, whole transactions against a bare orchestrator; the others are
//! the small figures under it. docs/performance.md explains them. Nothing here asserts a time.
//!
//! Rooms: `participant`, `orchestrator` and `load` are the parts of `saga`; `guest` starts and replays instances;
//! `append` and `fsync` look at the disk; `machine` and `report` say where it was and what came out.

pub mod append;
pub mod cli;
mod database;
pub mod fsync;
pub mod guest;
mod load;
pub mod machine;
mod orchestrator;
mod participant;
pub mod report;
pub mod saga;
mod spread;

pub use spread::Spread;
