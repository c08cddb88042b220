//! What is wrong with how a run ended: compares what the world knows with what the journal tells.

use reprise_engine::Op;

use crate::call::CallName;
use crate::case::{Moment, Plan};
use crate::report::{End, Finding, Kind, Severity};
use crate::simulation::Run;
use crate::story::{Step, Story};
use crate::world::Open;

/// What was found in one run.
#[derive(Debug, Default)]
pub(crate) struct Judgment {
    pub(crate) findings: Vec<Finding>,
    /// Calls whose effect is left behind.
    pub(crate) left_behind: Vec<CallName>,
}

/// Judges a run. `baseline` is the story of the run in which all succeeded.
pub(crate) fn judge(run: &Run<'_>, plan: &Plan, baseline: &Story) -> Judgment {
    let story = Story::read(&run.journal);
    let mut judgment = Judgment::default();
    match &run.end {
        End::Succeeded => story.steps.iter().for_each(|step| judgment.committed(step, run, &story)),
        End::Failed { .. } => {
            story.steps.iter().for_each(|step| judgment.rolled_back(step, run, &story, baseline));
            judgment.order(&story);
        }
        End::Waits { call } if call.op == Op::Action => judgment.add(
            Severity::Warning,
            Kind::NoLimit,
            Some(call),
            "has no limit: if the participant never answers, the transaction waits".into(),
            "set `attempts` or `deadline` on its branch, or in the participant's configuration; or leave it, if waiting \
             is right",
        ),
        // What is repeated until it succeeds is meant to.
        End::Waits { .. } => {}
        End::Quarantined { reason: "diverged", .. }
            if matches!(plan.stop, Some(Moment::Timeout(_))) && story.has_closures() =>
        {
            judgment.add(
                Severity::Warning,
                Kind::ClosureUndo,
                None,
                "a timeout or an operator can't roll this back: its undo is a closure, and that needs a workflow that returned"
                    .into(),
                "register an operation or a named handler instead, or never run it with a timeout",
            );
        }
        End::Quarantined { reason, message } => judgment.quarantined(reason, message),
    }
    judgment.participants(run);
    for call in &run.sent_again {
        let text = "was sent again although the journal had its result".to_owned();
        judgment.add(
            Severity::Error,
            Kind::SentAgain,
            Some(call),
            text,
            "this is a bug of the runtime; please report it",
        );
    }
    judgment
}

/// A run after a crash must end as it would have without it.
pub(crate) fn same_end(with: &End, without: &End) -> Option<Finding> {
    let quarantined = matches!(with, End::Quarantined { .. });
    (with.name() != without.name() && !quarantined).then(|| Finding {
        severity: Severity::Error,
        kind: Kind::CrashChangesEnd,
        call: None,
        message: format!("after a crash the execution ends as {}, without it as {}", with.name(), without.name()),
        help: "let the workflow depend on nothing but its input and the results of its calls".into(),
        cases: Vec::new(),
    })
}

impl Judgment {
    fn add(&mut self, severity: Severity, kind: Kind, call: Option<&CallName>, message: String, help: &str) {
        let (call, help, cases) = (call.cloned(), help.to_owned(), Vec::new());
        self.findings.push(Finding { severity, kind, call, message, help, cases });
    }

    fn error(&mut self, kind: Kind, call: &CallName, message: &str, help: &str) {
        self.add(Severity::Error, kind, Some(call), message.to_owned(), help);
    }

    /// A step of a transaction that succeeded: it took effect and the workflow knows it, or it did nothing.
    fn committed(&mut self, step: &Step, run: &Run<'_>, story: &Story) {
        let (branch, name) = (step.name.branch, &step.name);
        let took_effect = run.world.times(branch, Op::Action) > 0;
        let known = step.result.as_ref().is_some_and(|(result, _)| result.is_success());
        let undone = story.performed(Op::Rollback, branch).is_some();
        let confirmed = story.performed(Op::Commit, branch).is_some();
        if undone && !step.is_xa {
            self.error(
                Kind::UndoneAfterSuccess,
                name,
                "was undone although the workflow succeeded",
                "this is a bug of the runtime; please report it",
            );
        }
        if took_effect && !known && !undone {
            self.left_behind.push(name.clone());
            self.error(
                Kind::Ignored,
                name,
                "took effect and its answer was lost; the workflow does not know it and succeeded without it",
                "return the error of a call whose attempts or time are used up: only a rollback undoes it",
            );
        }
        if !took_effect && confirmed {
            self.error(
                Kind::ConfirmedNothing,
                name,
                "never took effect, yet its on_commit was performed: the workflow returned ok all the same",
                "return the error, or register on_commit after the action has succeeded",
            );
        }
    }

    /// A step of a transaction that failed: it did nothing, or it was undone.
    fn rolled_back(&mut self, step: &Step, run: &Run<'_>, story: &Story, baseline: &Story) {
        let name = &step.name;
        if run.world.times(name.branch, Op::Action) == 0 || story.performed(Op::Rollback, name.branch).is_some() {
            return;
        }
        self.left_behind.push(name.clone());
        let known = step.result.as_ref().is_some_and(|(result, _)| result.is_success());
        let (kind, message) = if known {
            (Kind::LeftBehind, "took effect, the transaction failed, and nothing undid it")
        } else {
            (Kind::InDoubt, "took effect though its answer was lost, the transaction failed, and nothing undid it")
        };
        let confirms = story.registrations.iter().any(|(r, _)| r.op == Op::Commit && r.branch == name.branch);
        let help = if step.is_pivot {
            "a pivot can't be undone: make sure that it is the last step that may fail"
        } else if baseline.registers_late(name) {
            "its undo is registered only after the call: register on_rollback before it"
        } else if confirms {
            "a try needs both: register on_rollback beside on_commit, before the call"
        } else {
            "register on_rollback on its branch before the call; or say read_only if it changes nothing, or pivot if \
             there is no way back from it"
        };
        self.error(kind, name, message, help);
    }

    /// Steps that followed one another are undone the other way round.
    fn order(&mut self, story: &Story) {
        for (index, first) in story.steps.iter().enumerate() {
            let Some((_, answered_at)) = first.result else { continue };
            let Some(first_undone) = story.performed(Op::Rollback, first.name.branch) else { continue };
            let later = story.steps[index + 1..].iter().find(|later| {
                let undone = story.performed(Op::Rollback, later.name.branch);
                later.asked_at > answered_at && undone.is_some_and(|undone| undone > first_undone)
            });
            if let Some(later) = later {
                let text = format!("was undone before `{}`, which follows it", later.name);
                let help =
                    "undos are performed in reverse order of their registration: register each right before its action";
                self.add(Severity::Warning, Kind::UndoOrder, Some(&first.name), text, help);
            }
        }
    }

    fn quarantined(&mut self, reason: &str, message: &str) {
        let (kind, help) = match reason {
            "diverged" => (
                Kind::Diverged,
                "it must ask for the same things in the same order whenever it is given the same results",
            ),
            "misuse" | "limit" => (Kind::Quarantined, "do what the message says"),
            _ => (Kind::Quarantined, "return an error instead: a trap neither commits nor rolls back"),
        };
        self.add(Severity::Error, kind, None, format!("quarantined ({reason}): {message}"), help);
    }

    /// Calls that no barrier stands before.
    fn participants(&mut self, run: &Run<'_>) {
        for effects in run.world.effects() {
            let Some(open) = effects.open else { continue };
            let severity = if open == Open::Named { Severity::Error } else { Severity::Warning };
            let help =
                "put a barrier before it, or make it idempotent and say so: `idempotency_key` on its branch, or PUT";
            let name = Some(&effects.name);
            if effects.times > 1 {
                let text = "took effect again when it was repeated".to_owned();
                self.add(severity, Kind::TookEffectTwice, name, text, help);
            }
            if effects.of_nothing {
                let text = format!("took effect as an undo, though no {} of its branch had", Op::Action);
                let help = "put a barrier before it: it has to do nothing when there is nothing to undo";
                self.add(severity, Kind::UndidNothing, name, text, help);
            }
        }
    }
}
