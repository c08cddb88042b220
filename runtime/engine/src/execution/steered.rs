//! Executions without a guest: others register their branches, report what they did, and decide. And what an operator
//! may do to any execution.

use super::{Execution, GuestLimits};
use crate::entry::{Entry, Registration, Report, Undo};
use crate::ids::{BranchId, Digest, Gid, Timestamp, WorkflowName};
use crate::operation::{Op, Operation};
use crate::options::BranchOptions;
use crate::phase::{Phase, PhaseEvent};
use crate::result::RunResult;
use crate::rules::{Rules, Steering};

/// What becomes of something that is said to an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It is new, and recorded.
    New,
    /// It was said before.
    Known,
    /// It contradicts what was said before about the same; the text says what.
    Differs(String),
    /// It comes too late, or contradicts a limit; the text says what.
    Refused(String),
}

/// What a branch that is registered from outside does in one of its ends.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchEnd {
    /// Which: `Commit` or `Rollback`.
    pub op: Op,
    /// The call.
    pub operation: Operation,
    /// Its options.
    pub options: BranchOptions,
}

impl Execution {
    /// Admits an execution that is steered from outside: its journal starts with one entry in the outbox.
    #[must_use]
    pub fn open(
        gid: Gid,
        workflow: WorkflowName,
        digest: Digest,
        input: Vec<u8>,
        (rules, steering): (Rules, Steering),
        limits: GuestLimits,
        now: Timestamp,
    ) -> Self {
        let entry = Entry::Opened {
            gid: gid.clone(),
            workflow: workflow.clone(),
            digest,
            input: input.clone(),
            rules: rules.clone(),
            steering: steering.clone(),
        };
        let mut execution = Self::empty(gid, workflow, digest, input, rules, limits, now);
        execution.steering = Some(steering);
        execution.record(&entry);
        execution
    }

    /// How it is steered, as long as nobody has decided.
    #[must_use]
    pub fn steering(&self) -> Option<&Steering> {
        self.steering.as_ref().filter(|_| self.phase == Phase::Running)
    }

    /// Whether it is steered from outside, or was.
    #[must_use]
    pub const fn is_steered(&self) -> bool {
        self.steering.is_some()
    }

    /// Registers a branch that participants know as `name`. The same again changes nothing.
    pub fn enlist(&mut self, name: &str, ends: Vec<BranchEnd>) -> Heard {
        let known = self.enlisted.get(name).cloned();
        let number = known.as_ref().map_or(self.enlisted.len() + 1, |(number, _)| *number);
        let branch = BranchId::of_run(u32::try_from(number).unwrap_or(u32::MAX));
        let base = self.steering.as_ref().map(|steering| steering.branch_options.as_str()).unwrap_or_default();
        let base = match BranchOptions::from_recorded(base) {
            Ok(base) => base,
            Err(error) => return Heard::Refused(error.to_string()),
        };
        let registered: Vec<Registration> = ends
            .into_iter()
            .map(|BranchEnd { op, operation, options }| {
                let mut all = base.clone();
                all.lay_over(options);
                Registration { op, branch, undo: Undo::Operation { operation, options: all.to_recorded() } }
            })
            .collect();
        if let Some((_, indices)) = known {
            if self.registrations[indices] == registered {
                return Heard::Known;
            }
            return Heard::Differs(format!(
                "branch `{name}` is registered already, with another call; a branch is registered once"
            ));
        }
        if self.steering().is_none() {
            return Heard::Refused(self.is_decided());
        }
        let bytes: usize = registered.iter().map(|registration| registration.undo.payload_bytes()).sum();
        if let Some(text) = self.exceeds(bytes, self.enlisted.len()) {
            return Heard::Refused(text);
        }
        self.note_enlisted(name.to_owned(), registered.clone());
        self.record(&Entry::Enlisted { name: name.to_owned(), registered });
        Heard::New
    }

    pub(super) fn note_enlisted(&mut self, name: String, registered: Vec<Registration>) {
        let first = self.registrations.len();
        self.registrations.extend(registered);
        self.enlisted.insert(name, (self.enlisted.len() + 1, first..self.registrations.len()));
    }

    /// Keeps what somebody who steers it has done. The same again changes nothing.
    pub fn report(&mut self, report: Report) -> Heard {
        let known = self.reports.iter().find(|known| known.branch == report.branch && known.op == report.op);
        if let Some(known) = known {
            if *known == report {
                return Heard::Known;
            }
            return Heard::Differs(format!(
                "`{}` of branch `{}` is reported already, with another result",
                report.op, report.branch
            ));
        }
        if self.steering().is_none() {
            return Heard::Refused(self.is_decided());
        }
        if let Some(text) = self.exceeds(report.data.len(), self.reports.len()) {
            return Heard::Refused(text);
        }
        self.record(&Entry::Reported(report.clone()));
        self.reports.push(report);
        Heard::New
    }

    /// What was reported, in order.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Decides it from outside. The same decision again changes nothing.
    pub fn decide_from_outside(&mut self, result: RunResult) -> Heard {
        if let Some(known) = &self.result {
            return match (known, &result) {
                (RunResult::Output(known), RunResult::Output(output)) if known == output => Heard::Known,
                (RunResult::Failure { .. }, RunResult::Failure { .. }) => Heard::Known,
                _ => Heard::Refused(self.is_decided()),
            };
        }
        if self.steering().is_none() {
            return Heard::Refused("it is not steered from outside".into());
        }
        let bytes = match &result {
            RunResult::Output(output) => output.len(),
            RunResult::Failure { message, details } => message.len() + details.len(),
        };
        // A journal that is full takes no branch and no report any more, but it has to come to its end.
        if let Some(text) = self.is_too_long(bytes) {
            return Heard::Refused(text);
        }
        self.decide(result, Vec::new());
        Heard::New
    }

    /// Ends it as failed, whatever it waits for: an operator knows better. Nothing more is called. False if it is closed.
    pub fn force(&mut self, reason: String) -> bool {
        if self.phase.is_closed() {
            return false;
        }
        self.leave();
        self.note_forced(reason.clone());
        self.record(&Entry::Forced { reason });
        true
    }

    pub(super) fn note_forced(&mut self, reason: String) {
        self.phase = self.phase.next(PhaseEvent::Forced).unwrap_or(Phase::Failed);
        self.forced = true;
        self.in_flight.clear();
        self.effects.clear();
        self.cursor = 0;
        self.result = Some(RunResult::Failure { message: reason, details: Vec::new() });
    }

    /// Whether an operator ended it.
    #[must_use]
    pub const fn was_forced(&self) -> bool {
        self.forced
    }

    fn is_decided(&self) -> String {
        match self.phase {
            Phase::Running => "it is not steered from outside".to_owned(),
            Phase::Committing | Phase::RollingBack | Phase::Succeeded | Phase::Failed => {
                format!("it is {} already; a decision is final", self.phase)
            }
        }
    }

    fn is_too_long(&self, bytes: usize) -> Option<String> {
        let most = self.limits.payload_bytes;
        (bytes > most).then(|| format!("{bytes} bytes, {most} are allowed (setting `limits.payload_bytes`)"))
    }

    fn exceeds(&self, bytes: usize, branches: usize) -> Option<String> {
        if let Some(text) = self.is_too_long(bytes) {
            return Some(text);
        }
        let limits = &self.limits;
        if branches >= limits.branches as usize {
            return Some(format!("more than {} branches (setting `limits.branches`)", limits.branches));
        }
        self.check_size().err().map(|error| error.to_string())
    }
}
