//! The world of one test run: what the workflow registered, what was called, what each of its imports answered.
//!
//! Tickets and virtual time belong to [`tickets`](super::tickets), the end to [`phase_two`](super::phase_two).

use std::{any::Any, cell::RefCell, fmt, time::Duration};

use super::{
    answer::{Answer, Kind},
    request::Request,
    tickets::Tickets,
};
use crate::{
    bindings::reprise::workflow::types::{Operation, Phase},
    log::Level,
    options::Options,
};

/// What a test registered to answer operations of a key.
type Answerer = Box<dyn FnMut(&Request) -> Answer>;

#[derive(Default)]
pub(super) struct World {
    pub(super) answers: Vec<(String, Answerer)>,
    pub(super) random: u64,
    pub(super) clock: Duration,
    pub(super) branches: Vec<BranchState>,
    pub(super) registered: Vec<Registered>,
    pub(super) finish: Vec<Operation>,
    pub(super) tickets: Tickets,
    pub(super) calls: Vec<Request>,
    pub(super) trace: Vec<String>,
    pub(super) log: Vec<(Level, String)>,
    /// The phase and the branch that a handler runs for.
    pub(super) handling: Option<(Phase, u32)>,
    recorded: Vec<Recorded>,
    /// How many of `recorded` a replay has consumed; none when live.
    replayed: Option<usize>,
}

/// What the world knows of a branch.
#[derive(Default)]
pub(super) struct BranchState {
    pub(super) options: Options,
    pub(super) acted: bool,
    /// The action was refused, so there is nothing to roll back.
    pub(super) refused: bool,
}

/// What happens to a branch in phase two.
pub(super) struct Registered {
    pub(super) branch: u32,
    /// None for both: an XA branch.
    pub(super) phase: Option<Phase>,
    pub(super) what: What,
}

#[derive(Clone)]
pub(super) enum What {
    Op(Operation),
    Handler { name: String, payload: Vec<u8> },
}

/// A call of an import and its answer.
struct Recorded {
    call: String,
    answer: Box<dyn Any>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Removes the world when the run ends, however it ends.
pub(super) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        WORLD.take();
    }
}

pub(super) fn enter(world: World) -> Entered {
    WORLD.replace(Some(world));
    Entered
}

pub(super) fn with<T>(action: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| {
        action(world.as_mut().expect("off Wasm, a transaction exists only within `testing::TestHost::run`"))
    })
}

/// An import: live it is performed and recorded, on replay it has to be the recorded call and gets its answer.
pub(super) fn import<T: Clone + 'static>(call: String, live: impl FnOnce(&mut World) -> T) -> T {
    with(|world| {
        if let Some(at) = world.replayed {
            world.replayed = Some(at + 1);
            return world.recorded_answer(at, &call);
        }
        let answer = live(world);
        world.recorded.push(Recorded { call, answer: Box::new(answer.clone()) });
        answer
    })
}

pub(super) fn replay_from_start() {
    with(|world| world.replayed = Some(0));
}

/// What comes after this is live again.
pub(super) fn end_of_replay() {
    with(|world| {
        let at = world.replayed.take().unwrap_or_default();
        if let Some(Recorded { call, .. }) = world.recorded.get(at) {
            panic!("the workflow is not deterministic: its replay ended before call {at}, `{call}`");
        }
    });
}

impl World {
    /// Makes one attempt: records it and asks for the answer.
    pub(super) fn attempt(&mut self, mut request: Request, attempt: u32) -> Answer {
        request.attempt = attempt;
        request.at = self.clock;
        let answerer = self.answers.iter_mut().rev().find(|(key, _)| match key.strip_suffix('*') {
            Some(beginning) => request.key.starts_with(beginning),
            None => *key == request.key,
        });
        let answer = match answerer {
            Some((_, answerer)) => answerer(&request),
            None if request.role == super::Role::Action => {
                Answer::invalid(format!("the TestHost has no answer for `{0}`: add .on(\"{0}\", ..)", request.key))
            }
            None => Answer::ok(),
        };
        self.note(request, &answer.kind);
        answer
    }

    /// Adds an attempt to what the test gets to see.
    pub(super) fn note(&mut self, request: Request, answer: &Kind) {
        self.trace.push(format!("{request}: {answer}"));
        self.calls.push(request);
    }

    pub(super) fn branch(&mut self, branch: u32) -> Result<&mut BranchState, String> {
        let at = branch.checked_sub(1).map(|at| at as usize);
        at.and_then(|at| self.branches.get_mut(at)).ok_or_else(|| format!("unknown branch {branch}"))
    }

    fn recorded_answer<T: Clone + 'static>(&self, at: usize, call: &str) -> T {
        let Some(recorded) = self.recorded.get(at) else {
            panic!("the workflow is not deterministic: call {at} of its replay is new: `{call}`");
        };
        assert_eq!(recorded.call, call, "the workflow is not deterministic: call {at} of its replay is another one");
        recorded.answer.downcast_ref::<T>().expect("the same call has the same type of answer").clone()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.answers.iter().map(|(key, _)| key).collect();
        f.debug_struct("World").field("answers", &keys).finish_non_exhaustive()
    }
}
