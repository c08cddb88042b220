//! Phase two as the runtime's driver does it: everything registered for the outcome, in reverse order, each repeated
//! until it succeeds; then what was registered for the end.

use reprise_engine::{BranchOptions, Op, Phase, Pursuit, Registration, Scope, Send, Step, Ticket, Undo};

use super::{
    calls::Slot,
    world::{World, stop, with},
};
use crate::{bindings::reprise::workflow::types, entry};

/// Commits or rolls back.
pub(super) fn perform() {
    loop {
        match with(|world| world.execution.step()) {
            Step::PhaseTwo { .. } => {
                with(settle_run);
                // Which one is next may depend on the results that came in.
                if let Step::PhaseTwo { index, registration } = with(|world| world.execution.step()) {
                    perform_one(index, registration);
                }
            }
            Step::Finish { index, registration } => perform_one(index, registration),
            Step::Close => with(|world| {
                settle_run(world);
                world.execution.close();
                world.record();
            }),
            Step::Run | Step::Confirm(_) | Step::Steer(_) => unreachable!("`run` has returned"),
            Step::Done => return,
        }
    }
}

/// Calls that `run` left open: a commit needs their end, a rollback gives them up.
fn settle_run(world: &mut World) {
    if world.execution.phase() == Phase::RollingBack {
        world.execution.abandon_in_flight();
    } else {
        answer_all(world, None);
    }
}

fn answer_all(world: &mut World, scope: Scope) {
    for send in world.execution.unanswered(scope) {
        let slot = Slot::Call(send.scope, send.ticket);
        world.start(slot, Box::new(send));
        world.advance_past(slot);
    }
}

fn perform_one(index: u32, Registration { op, branch, undo }: Registration) {
    match undo {
        Undo::Operation { operation, options } => with(|world| {
            let options = BranchOptions::from_recorded(&options).expect("the engine wrote them");
            let (pursuit, since) = (Pursuit::UntilDone, world.clock);
            let (scope, ticket, again) = (None, Ticket(index), false);
            let send = Send { scope, ticket, branch, op, operation, options, pursuit, since, again };
            world.start(Slot::Registration(index), Box::new(send));
            world.advance_past(Slot::Registration(index));
        }),
        Undo::Handler { name, payload, .. } => handle(index, op, branch.number(), &name, payload),
    }
}

fn handle(index: u32, op: Op, branch: u32, name: &str, payload: Vec<u8>) {
    let phase = if op == Op::Commit { types::Phase::Commit } else { types::Phase::Rollback };
    with(|world| world.execution.enter(Some(index)));
    if let Err(failure) = entry::finish(phase, branch, name, payload) {
        panic!("the runtime would quarantine this execution: {failure}");
    }
    with(|world| {
        world.execution.handler_returned().unwrap_or_else(|error| stop(&error));
        world.execution.leave();
        answer_all(world, Some(index));
        world.execution.phase_two_done(index, 1);
        world.record();
    });
}
