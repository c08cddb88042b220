//! The imports of the WIT world, answered by the engine of the current run.

use reprise_engine::{Execution, GuestError, GuestUndo, Op, Ticket};

use super::{
    convert,
    world::{World, stop, with},
};
use crate::{
    bindings::reprise::workflow::types::{CallError, Duration, Moment, Operation, Response},
    log::Level,
};

pub(crate) fn new_branch() -> u32 {
    ask(Execution::new_branch)
}

pub(crate) fn set_options(branch: u32, options: &str) -> Result<(), String> {
    with(|world| world.execution.set_options(branch, options))
}

pub(crate) fn on_commit(branch: u32, operation: &Operation) -> Result<(), String> {
    register(Op::Commit, branch, operation)
}

pub(crate) fn on_rollback(branch: u32, operation: &Operation) -> Result<(), String> {
    register(Op::Rollback, branch, operation)
}

pub(crate) fn on_commit_handler(branch: u32, name: &str, payload: &[u8]) -> Result<(), String> {
    register_handler(Op::Commit, branch, name, payload)
}

pub(crate) fn on_rollback_handler(branch: u32, name: &str, payload: &[u8]) -> Result<(), String> {
    register_handler(Op::Rollback, branch, name, payload)
}

pub(crate) fn on_finish(operation: &Operation) -> Result<(), String> {
    register(Op::Finish, 0, operation)
}

pub(crate) fn submit(branch: u32, operation: &Operation) -> u32 {
    let operation = convert::operation(operation);
    let ticket = ask(|execution| match operation {
        Ok(operation) => execution.submit(branch, operation),
        Err(mistake) => execution.mistake(branch, mistake),
    });
    ticket.0
}

pub(crate) fn wait_any(tickets: &[u32]) -> u32 {
    wait(|execution| execution.wait_any(tickets))
}

pub(crate) fn take_response(ticket: u32) -> Result<Response, CallError> {
    convert::response(wait(|execution| execution.take(Ticket(ticket))))
}

pub(crate) fn scope(branch: Option<u32>) -> Result<(), String> {
    branch.map_or(Ok(()), |branch| with(|world| world.execution.check_branch(branch)))
}

pub(crate) fn cancel(ticket: u32) {
    ask(|execution| execution.cancel(Ticket(ticket)));
}

pub(crate) fn now() -> Moment {
    let now = with(|world| world.execution.now());
    let nanos = u32::try_from(now.0 % 1_000 * 1_000_000).expect("less than a second");
    Moment { seconds: u32::try_from(now.0 / 1_000).unwrap_or(u32::MAX), nanos }
}

pub(crate) fn timer(Duration { seconds, nanos }: Duration) -> u32 {
    let length_ms = u64::from(seconds) * 1_000 + u64::from(nanos).div_ceil(1_000_000);
    ask(|execution| execution.timer(length_ms)).0
}

pub(crate) fn bytes(length: u32) -> Vec<u8> {
    ask(|execution| execution.random(length))
}

pub(crate) fn write(level: Level, message: &str) {
    with(|world| {
        if world.is_live() {
            world.log.push((level, message.to_owned()));
        }
    });
}

fn register(op: Op, branch: u32, operation: &Operation) -> Result<(), String> {
    let undo = GuestUndo::Operation(convert::operation(operation)?);
    with(|world| world.execution.register(op, branch, undo))
}

fn register_handler(op: Op, branch: u32, name: &str, payload: &[u8]) -> Result<(), String> {
    let undo = GuestUndo::Handler { name: name.to_owned(), payload: payload.to_vec() };
    with(|world| world.execution.register(op, branch, undo))
}

fn ask<T>(question: impl FnOnce(&mut Execution) -> Result<T, GuestError>) -> T {
    with(|world| question(&mut world.execution)).unwrap_or_else(|error| stop(&error))
}

/// Asks until there is an answer, and lets time pass meanwhile.
fn wait<T>(question: impl Fn(&mut Execution) -> Result<Option<T>, GuestError>) -> T {
    loop {
        if let Some(answer) = ask(&question) {
            return answer;
        }
        with(World::advance);
    }
}
