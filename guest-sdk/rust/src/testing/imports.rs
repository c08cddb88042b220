//! The imports of the WIT world, performed by the [`World`](super::world::World) of the current run.

use std::time::Duration;

use super::{
    request::{Request, Role},
    tickets::Taken,
    world::{BranchState, Registered, What, World, import},
};
use crate::{
    bindings::reprise::workflow::types::{self, Moment, Operation, Phase},
    log::Level,
    options::Options,
};

/// 2026-01-01T00:00:00Z, when every test starts.
const START_SECONDS: u32 = 1_767_225_600;

pub(crate) fn new_branch() -> u32 {
    import("new-branch".to_owned(), |world| {
        world.branches.push(BranchState::default());
        u32::try_from(world.branches.len()).expect("a test has fewer branches")
    })
}

pub(crate) fn set_options(branch: u32, options: &str) -> Result<(), String> {
    import(format!("set-options {branch} {options}"), |world| {
        let new: Options = serde_json::from_str(options).map_err(|error| format!("branch options: {error}"))?;
        if new.retry.attempts == Some(0) {
            return Err("branch options: retry.attempts is 0; use 1 or more".to_owned());
        }
        world.branch(branch)?.options.lay_over(new);
        Ok(())
    })
}

pub(crate) fn on_commit(branch: u32, operation: &Operation) -> Result<(), String> {
    register(branch, Phase::Commit, What::Op(operation.clone()), &key(operation))
}

pub(crate) fn on_rollback(branch: u32, operation: &Operation) -> Result<(), String> {
    register(branch, Phase::Rollback, What::Op(operation.clone()), &key(operation))
}

pub(crate) fn on_commit_handler(branch: u32, name: &str, payload: &[u8]) -> Result<(), String> {
    register(branch, Phase::Commit, handler(name, payload), name)
}

pub(crate) fn on_rollback_handler(branch: u32, name: &str, payload: &[u8]) -> Result<(), String> {
    register(branch, Phase::Rollback, handler(name, payload), name)
}

pub(crate) fn on_finish(operation: &Operation) -> Result<(), String> {
    import(format!("on-finish {}", key(operation)), |world| {
        not_in_a_handler(world)?;
        world.finish.push(operation.clone());
        Ok(())
    })
}

pub(crate) fn submit(branch: u32, operation: &Operation) -> u32 {
    import(format!("submit {branch} {}", key(operation)), |world| {
        if let Operation::Xa(_) = operation {
            world.registered.push(Registered { branch, phase: None, what: What::Op(operation.clone()) });
        }
        world.start(branch, operation)
    })
}

pub(crate) fn wait_any(tickets: &[u32]) -> u32 {
    import(format!("wait-any {tickets:?}"), |world| {
        u32::try_from(world.wait_any(tickets)).expect("a test has fewer tickets")
    })
}

pub(crate) fn take(ticket: u32) -> Taken {
    import(format!("take {ticket}"), |world| world.take(ticket))
}

pub(crate) fn cancel(ticket: u32) {
    import(format!("cancel {ticket}"), |world| world.cancel(ticket));
}

pub(crate) fn now() -> Moment {
    import("now".to_owned(), |world| Moment {
        seconds: START_SECONDS.saturating_add(u32::try_from(world.clock.as_secs()).unwrap_or(u32::MAX)),
        nanos: world.clock.subsec_nanos(),
    })
}

pub(crate) fn timer(length: types::Duration) -> u32 {
    import(format!("timer {length:?}"), |world| world.start_timer(Duration::new(length.seconds.into(), length.nanos)))
}

pub(crate) fn bytes(length: u32) -> Vec<u8> {
    import(format!("bytes {length}"), |world| (0..length).map(|_| next_random(&mut world.random)).collect())
}

pub(crate) fn write(level: Level, message: &str) {
    import(format!("log {message}"), |world| world.log.push((level, message.to_owned())));
}

fn register(branch: u32, phase: Phase, what: What, name: &str) -> Result<(), String> {
    import(format!("register {phase:?} {branch} {name}"), |world| {
        not_in_a_handler(world)?;
        world.branch(branch)?;
        world.registered.push(Registered { branch, phase: Some(phase), what });
        Ok(())
    })
}

fn handler(name: &str, payload: &[u8]) -> What {
    What::Handler { name: name.to_owned(), payload: payload.to_vec() }
}

fn not_in_a_handler(world: &World) -> Result<(), String> {
    if world.handling.is_some() { Err("only the workflow registers operations".to_owned()) } else { Ok(()) }
}

/// An operation as the determinism check compares it.
fn key(operation: &Operation) -> String {
    let request = Request::new(None, Role::Action, operation);
    format!("{} {}", request.key, String::from_utf8_lossy(&request.body))
}

/// SplitMix64, of which a byte is used.
fn next_random(state: &mut u64) -> u8 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 56) as u8
}
