//! A node among others on one store: it takes over what dead ones leave behind, and lets those who talk to it reach
//! executions that others work on. The rooms: `adopt` takes over, `letters` passes on what is said to an execution,
//! `settled` learns of ends elsewhere, `looks` says when to look.
//!
//! Alone on a store a process does none of this, and polls nothing.

mod adopt;
mod letters;
mod looks;
mod settled;

pub(crate) use adopt::{follow_pauses, look_from_time_to_time};
pub(crate) use letters::{Errand, read_letters};
pub(crate) use settled::watch_settled;
