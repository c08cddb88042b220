//! Every language against Rust: each guest of `tests/conformance` plays the scenarios of `SCENARIOS.md` there with the same
//! scripted answers, and its journals must be Rust's, byte for byte; every prefix of a journal must lead to it again.
//!
//! The rooms: `scenarios` is the table, `stub` who answers and `orders` in which order, `guests` the programs, `run` one
//! run and its replays, `text` a journal for people. `shell` runs commands. The cases are in `agree`, `orders`, `surroundings`,
//! `examples`, `templates` and `sdks`; `measure` is for figures, on demand.

mod agree;
mod examples;
mod guests;
mod measure;
mod orders;
mod run;
mod scenarios;
mod sdks;
mod shell;
mod stub;
mod surroundings;
mod templates;
mod text;
