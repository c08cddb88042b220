//! What a journal tells: which actions were asked for, how they ended, what was undone and confirmed, in which order.

use reprise_engine::{
    BranchId, BranchOptions, CallResult, Entry, EntryRecord, Op, Operation, Registration, Ticket, Undo,
};

use crate::call::{CallName, changes};
use crate::world::is_pivot;

/// An action that `run` asked for and that leaves something behind.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: CallName,
    pub(crate) is_xa: bool,
    pub(crate) is_pivot: bool,
    /// Where in the journal it was asked for.
    pub(crate) asked_at: usize,
    /// How it ended as far as the workflow knows, and where.
    pub(crate) result: Option<(CallResult, usize)>,
    ticket: Ticket,
}

/// A journal, read.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Step>,
    /// With the place in the journal.
    pub(crate) registrations: Vec<(Registration, usize)>,
    /// Indices of registrations, in the order in which they were performed.
    done: Vec<usize>,
}

impl Story {
    pub(crate) fn read(journal: &[EntryRecord]) -> Self {
        let mut story = Self::default();
        for (at, record) in journal.iter().enumerate() {
            let entry = record.decode().expect("the check wrote it itself");
            story.take(entry, at);
        }
        story
    }

    fn take(&mut self, entry: Entry, at: usize) {
        match entry {
            Entry::Intended { scope, ticket, branch, operation, options, registered } => {
                self.register(registered, at);
                let options = BranchOptions::from_recorded(&options).unwrap_or_default();
                if scope.is_none() && changes(&operation, &options) {
                    let name = CallName::new(branch, Op::Action, &operation);
                    let (is_xa, is_pivot) = (matches!(operation, Operation::Xa(_)), is_pivot(&options));
                    self.steps.push(Step { name, is_xa, is_pivot, asked_at: at, result: None, ticket });
                }
            }
            Entry::Completed { scope: None, ticket, result, .. } => {
                if let Some(step) = self.steps.iter_mut().find(|step| step.ticket == ticket) {
                    step.result = Some((result, at));
                }
            }
            Entry::Returned { registered, .. } => self.register(registered, at),
            Entry::PhaseTwoDone { index, .. } => self.done.push(index as usize),
            Entry::Started { .. }
            | Entry::Admitted { .. }
            | Entry::Submitted { .. }
            | Entry::Opened { .. }
            | Entry::Enlisted { .. }
            | Entry::Reported(_)
            | Entry::Forced { .. }
            | Entry::Completed { .. }
            | Entry::TimerFired { .. }
            | Entry::Canceled { .. }
            | Entry::Closed
            | Entry::FinishDone { .. }
            | Entry::Upgraded { .. } => {}
        }
    }

    fn register(&mut self, registered: Vec<Registration>, at: usize) {
        self.registrations.extend(registered.into_iter().map(|registration| (registration, at)));
    }

    /// Whether this part of a branch was performed; its place among all that was.
    pub(crate) fn performed(&self, op: Op, branch: BranchId) -> Option<usize> {
        self.done
            .iter()
            .position(|index| self.registrations.get(*index).is_some_and(|(r, _)| r.op == op && r.branch == branch))
    }

    /// Whether something registered needs the instance that ran `run`.
    pub(crate) fn has_closures(&self) -> bool {
        let is_closure = |undo: &Undo| matches!(undo, Undo::Handler { name, .. } if name.starts_with('#'));
        self.registrations.iter().any(|(registration, _)| is_closure(&registration.undo))
    }

    /// Whether an undo of this branch is registered, though only after its action was asked for.
    pub(crate) fn registers_late(&self, step: &CallName) -> bool {
        let asked_at = self.steps.iter().find(|known| known.name == *step).map(|known| known.asked_at);
        let of_branch = |(r, _): &&(Registration, usize)| r.op == Op::Rollback && r.branch == step.branch;
        let first = self.registrations.iter().find(of_branch).map(|(_, at)| *at);
        first.is_some_and(|first| asked_at.is_some_and(|asked_at| first > asked_at))
    }
}
