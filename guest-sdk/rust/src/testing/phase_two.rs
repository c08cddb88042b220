//! Phase two as the runtime does it: everything registered for the outcome, in reverse order, each repeated until it
//! succeeds; then what was registered for the end.

use super::{
    answer::Kind,
    request::{Request, Role},
    tickets::{STUCK_AFTER, pause},
    world::{self, Registered, What},
};
use crate::{
    bindings::reprise::workflow::types::{Operation, Phase},
    entry,
};

/// Commits or rolls back.
pub(super) fn perform(commit: bool) {
    let (phase, role) = if commit { (Phase::Commit, Role::Commit) } else { (Phase::Rollback, Role::Rollback) };
    while let Some(Registered { branch, phase: only, what }) = world::with(|world| world.registered.pop()) {
        if only.is_some_and(|only| only != phase) || !commit && nothing_to_undo(branch) {
            continue;
        }
        match what {
            What::Op(Operation::Xa(op)) if only.is_none() => end_xa(branch, role, &Operation::Xa(op)),
            What::Op(operation) => repeat(Some(branch), role, &operation),
            What::Handler { name, payload } => handle(phase, branch, &name, &payload),
        }
    }
    for operation in world::with(|world| std::mem::take(&mut world.finish)) {
        repeat(None, Role::Finish, &operation);
    }
}

fn nothing_to_undo(branch: u32) -> bool {
    world::with(|world| {
        world.branch(branch).is_ok_and(|state| state.refused && state.options.compensate_failed != Some(true))
    })
}

/// The runtime ends an XA branch by itself.
fn end_xa(branch: u32, role: Role, operation: &Operation) {
    let request = Request::new(Some(branch), role, operation);
    world::with(|world| world.note(request, &Kind::Success(Vec::new())));
}

fn repeat(branch: Option<u32>, role: Role, operation: &Operation) {
    let request = Request::new(branch, role, operation);
    for attempt in 1..=STUCK_AFTER {
        let success = world::with(|world| {
            let options = branch.and_then(|id| world.branch(id).ok().map(|state| state.options.clone()));
            let answer = world.attempt(request.clone(), attempt);
            world.clock += answer.delay;
            let success = matches!(answer.kind, Kind::Success(_));
            if !success {
                world.clock += pause(&options.unwrap_or_default(), attempt);
            }
            success
        });
        if success {
            return;
        }
    }
    panic!("stuck: {request} did not succeed in {STUCK_AFTER} attempts");
}

fn handle(phase: Phase, branch: u32, name: &str, payload: &[u8]) {
    world::with(|world| world.handling = Some((phase, branch)));
    for attempt in 1..=STUCK_AFTER {
        match entry::finish(phase, branch, name, payload.to_vec()) {
            Ok(()) => break,
            Err(failure) if attempt == STUCK_AFTER => panic!("stuck: {failure}"),
            Err(_) => world::with(|world| world.clock += pause(&crate::Options::new(), attempt)),
        }
    }
    world::with(|world| world.handling = None);
}
