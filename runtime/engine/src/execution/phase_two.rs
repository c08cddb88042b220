//! What follows the decision: registrations of its kind, newest first, the end, notifications.

use super::{Execution, Step};
use crate::entry::{Entry, Registration, Undo};
use crate::operation::{Op, Operation};
use crate::options::BranchOptions;
use crate::phase::{Phase, PhaseEvent};

impl Execution {
    /// Closes at once where phase two has nothing to do, so that decision and end share a write.
    pub(super) fn close_if_done(&mut self) {
        if !self.has_in_flight() && !self.phase.is_closed() && self.next_registration().is_none() {
            self.close();
        }
    }

    /// Reports that the registration at `index` is done. It changes nothing any more once an operator has ended the
    /// execution.
    ///
    /// # Panics
    /// If [`Self::step`] did not ask for it.
    pub fn phase_two_done(&mut self, index: u32, attempts: u32) {
        if self.forced {
            return;
        }
        assert!(self.done.insert(index), "registration {index} is done once");
        let entry = if self.phase.is_closed() {
            Entry::FinishDone { index, attempts }
        } else {
            Entry::PhaseTwoDone { index, attempts }
        };
        (_, self.stepped_at) = self.record(&entry);
        self.cursor = index as usize;
        self.close_if_done();
    }

    /// Closes the execution.
    ///
    /// # Panics
    /// If phase two is not done.
    pub fn close(&mut self) {
        assert!(self.next_registration().is_none(), "an execution closes when phase two is done");
        self.phase = self.phase.next(PhaseEvent::PhaseTwoDone).expect("only phase two can be closed");
        self.cursor = self.registrations.len();
        self.record(&Entry::Closed);
    }

    /// What is needed next.
    #[must_use]
    pub fn step(&self) -> Step {
        let next = self
            .next_registration()
            .map(|index| (u32::try_from(index).expect("journals are limited"), self.registrations[index].clone()));
        match (self.phase, next) {
            (Phase::Running, _) => match (self.unconfirmed(), &self.steering) {
                (Some(query_back), _) => Step::Confirm(query_back),
                (None, Some(steering)) => Step::Steer(steering.clone()),
                (None, None) => Step::Run,
            },
            (Phase::Committing | Phase::RollingBack, Some((index, registration))) => {
                Step::PhaseTwo { index, registration }
            }
            (Phase::Committing | Phase::RollingBack, None) => Step::Close,
            (Phase::Succeeded | Phase::Failed, Some((index, registration))) => Step::Finish { index, registration },
            (Phase::Succeeded | Phase::Failed, None) => Step::Done,
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phase.is_closed() && self.next_registration().is_none()
    }

    /// The last registration that the phase needs and that is not done; they are performed in reverse order.
    fn next_registration(&self) -> Option<usize> {
        self.registrations[..self.cursor].iter().rposition(|registration| self.is_needed(registration))
    }

    fn is_needed(&self, registration: &Registration) -> bool {
        let Registration { op, branch, undo } = registration;
        let is_xa = matches!(undo, Undo::Operation { operation: Operation::XaFinish { .. }, .. });
        match self.phase {
            Phase::Running => false,
            // What did not get as far as prepared has nothing to commit, whatever the guest made of it.
            Phase::Committing if is_xa => {
                let end = if self.prepared.contains(branch) { Op::Commit } else { Op::Rollback };
                *op == end && !self.refused.contains(branch)
            }
            Phase::Committing => *op == Op::Commit,
            Phase::RollingBack => *op == Op::Rollback && !self.skips_rollback(registration),
            Phase::Succeeded | Phase::Failed => *op == Op::Finish,
        }
    }

    /// A refused action did nothing, so there is nothing to undo, unless the branch asks for it.
    fn skips_rollback(&self, registration: &Registration) -> bool {
        let asks = |options| BranchOptions::from_recorded(options).is_ok_and(|o| o.compensate_failed == Some(true));
        self.refused.contains(&registration.branch) && !asks(registration.undo.options())
    }
}
