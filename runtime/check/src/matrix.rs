//! The matrix: which cases there are, and their runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use reprise_engine::{Completeness, Op, Pursuit};
use reprise_host::Program;

use crate::call::Call;
use crate::case::{Deed, Fault, Moment, Plan, Trouble};
use crate::judge::{Judgment, judge, same_end};
use crate::replies::Replies;
use crate::report::{CaseReport, End, Finding, Kind, Report, Severity, TookEffect};
use crate::simulation::{Run, run};
use crate::story::Story;
use crate::world::{participant, refusal};

/// Attempts that have trouble where the call is repeated until it succeeds.
const TROUBLED: u32 = 3;

/// What is checked, and with which participants.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The workflow.
    pub program: Arc<Program>,
    /// The component that goes on after a crash or timeout, as after an upgrade; none is the same one.
    pub upgrade: Option<Arc<Program>>,
    /// Its input.
    pub input: Vec<u8>,
    /// What participants answer.
    pub replies: Replies,
    /// Participants and hosts of URLs that have no barrier.
    pub no_barrier: Vec<String>,
    /// Whether calls must say how they are undone.
    pub completeness: Completeness,
}

/// Runs the matrix. Its cases number about six for each call and two for each entry of the journal; a run takes
/// milliseconds.
pub async fn check(setup: &Setup) -> Report {
    let plan = Plan::default();
    let baseline = run(setup, &plan).await;
    let mut matrix = Matrix::new(setup, &baseline);
    matrix.take(Deed::Baseline, Vec::new(), &plan, &baseline);
    matrix.unused_replies(&baseline);
    if baseline.end == End::Succeeded {
        matrix.run(&baseline).await;
    } else {
        matrix.without_baseline(&baseline);
    }
    matrix.unused_names();
    let mut report = matrix.report;
    report.findings.sort_by_key(|finding| finding.severity);
    report
}

/// A call to try out, in a run in which it is made.
struct Target {
    call: Call,
    plan: Plan,
    /// Whether the run had something to undo there.
    took_effect: bool,
}

struct Matrix<'a> {
    setup: &'a Setup,
    baseline: Story,
    report: Report,
    /// Calls that only runs with trouble make: undos, and what they call.
    undos: Vec<Target>,
    /// Whom the calls of all runs went to.
    participants: BTreeSet<String>,
    /// The run that failed with the longest journal.
    longest: Option<(usize, Plan, End)>,
}

impl<'a> Matrix<'a> {
    fn new(setup: &'a Setup, baseline: &Run<'_>) -> Self {
        let report = Report { component: setup.program.digest(), cases: Vec::new(), findings: Vec::new() };
        Self {
            setup,
            baseline: Story::read(&baseline.journal),
            report,
            undos: Vec::new(),
            participants: BTreeSet::new(),
            longest: None,
        }
    }

    async fn run(&mut self, baseline: &Run<'_>) {
        let nothing = Plan::default();
        for call in &baseline.calls {
            self.trouble(&nothing, call).await;
        }
        for entries in 1..baseline.journal.len() {
            self.stop(&nothing, Moment::Timeout(entries), None).await;
        }
        for Target { call, plan, .. } in std::mem::take(&mut self.undos) {
            self.trouble(&plan, &call).await;
        }
        for entries in 1..baseline.journal.len() {
            self.stop(&nothing, Moment::Crash(entries), Some(&baseline.end)).await;
        }
        if let Some((length, plan, end)) = self.longest.take() {
            for entries in 1..length {
                self.stop(&plan, Moment::Crash(entries), Some(&end)).await;
            }
        }
    }

    /// Everything that can happen to one call.
    async fn trouble(&mut self, plan: &Plan, call: &Call) {
        for (trouble, attempts) in troubles(call) {
            let fault = Fault { call: call.name.clone(), trouble, attempts };
            let (deed, beside) = (Deed::from(&fault), beside(plan));
            let plan = plan.with(fault);
            let run = run(self.setup, &plan).await;
            self.take(deed, beside, &plan, &run);
        }
    }

    /// The runtime is stopped at one position; `end` is how it must end all the same.
    async fn stop(&mut self, plan: &Plan, moment: Moment, end: Option<&End>) {
        let (deed, beside) = (Deed::from(moment), beside(plan));
        let plan = plan.stopped(moment);
        let run = run(self.setup, &plan).await;
        if run.stopped {
            self.take(deed, beside, &plan, &run);
            // Another component may well end otherwise.
            let end = end.filter(|_| self.setup.upgrade.is_none());
            let differs = end.and_then(|end| same_end(&run.end, end));
            let case = self.report.cases.len() - 1;
            self.report_all(differs, case);
        }
    }

    /// Keeps what a run showed.
    fn take(&mut self, deed: Deed, beside: Vec<Deed>, plan: &Plan, run: &Run<'_>) {
        let Judgment { findings, left_behind } = judge(run, plan, &self.baseline);
        self.report_all(findings, self.report.cases.len());
        let took_effect = took_effect(run);
        self.report.cases.push(CaseReport { deed, beside, end: run.end.clone(), took_effect, left_behind });
        self.participants.extend(run.calls.iter().filter_map(|call| participant(&call.operation)).map(str::to_owned));
        let End::Failed { .. } = run.end else { return };
        self.keep_undos(plan, run);
        let length = run.journal.len();
        if plan.stop.is_none() && self.longest.as_ref().is_none_or(|(longest, ..)| length > *longest) {
            self.longest = Some((length, plan.clone(), run.end.clone()));
        }
    }

    /// Keeps calls that this run makes because it fails; where they really undo something, if there is such a run.
    fn keep_undos(&mut self, plan: &Plan, run: &Run<'_>) {
        for call in run.calls.iter().filter(|call| !call.is_step() && call.name.op != Op::Finish) {
            let took_effect = run.world.times(call.name.branch, Op::Action) > 0;
            let target = Target { call: call.clone(), plan: plan.clone(), took_effect };
            match self.undos.iter_mut().find(|known| known.call.name == call.name) {
                Some(known) if took_effect && !known.took_effect => *known = target,
                Some(_) => {}
                None => self.undos.push(target),
            }
        }
    }

    fn report_all(&mut self, findings: impl IntoIterator<Item = Finding>, case: usize) {
        for finding in findings {
            self.report.add(Finding { cases: vec![case], ..finding });
        }
    }

    fn unused_replies(&mut self, baseline: &Run<'_>) {
        let used: Vec<&str> = baseline.calls.iter().filter_map(|call| self.setup.replies.key_of(call)).collect();
        let made = baseline.calls.iter().map(|call| format!("`{}`", call.name.call)).collect::<Vec<_>>().join(", ");
        for unused in self.setup.replies.calls().filter(|call| !used.contains(call)) {
            self.report.findings.push(Finding {
                severity: Severity::Warning,
                kind: Kind::UnusedReply,
                call: None,
                message: format!("the reply of `{unused}` was not asked for when all succeeded"),
                help: format!("the calls were: {made}"),
                cases: vec![0],
            });
        }
    }

    fn unused_names(&mut self) {
        let participants = self.participants.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        for unused in self.setup.no_barrier.iter().filter(|name| !self.participants.contains(*name)) {
            self.report.findings.push(Finding {
                severity: Severity::Warning,
                kind: Kind::UnusedName,
                call: None,
                message: format!("no call went to `{unused}`, which is said to have no barrier"),
                help: format!("calls went to: {participants}"),
                cases: vec![0],
            });
        }
    }

    /// The workflow does not even succeed when all participants do.
    fn without_baseline(&mut self, baseline: &Run<'_>) {
        let (message, ends) = match &baseline.end {
            End::Failed { message } => (message, "fails"),
            End::Quarantined { reason: "trap", message } => (message, "traps"),
            // It is told already.
            End::Quarantined { .. } | End::Waits { .. } | End::Succeeded => return,
        };
        let (kind, help) = if message.contains("nothing says how it is undone") {
            (Kind::Undeclared, "do what it says; `--lenient` checks it without this rule".to_owned())
        } else {
            (Kind::Baseline, baseline_help(baseline))
        };
        self.report.findings.retain(|finding| finding.kind != Kind::Quarantined);
        self.report.findings.push(Finding {
            severity: Severity::Error,
            kind,
            call: None,
            message: format!("the workflow {ends} although every participant succeeds: {message}"),
            help,
            cases: vec![0],
        });
    }
}

fn baseline_help(baseline: &Run<'_>) -> String {
    match baseline.calls.iter().rfind(|call| call.is_step()) {
        Some(Call { name, .. }) => format!(
            "give the replies that it needs, --reply '{}=JSON' or --replies FILE, and an input with which it succeeds; the \
             last call was `{name}`",
            name.call.split(" (").next().unwrap_or(&name.call)
        ),
        None => "give an input with which it succeeds: --input JSON or --input-file FILE".to_owned(),
    }
}

fn took_effect(run: &Run<'_>) -> Vec<TookEffect> {
    let effects = run.world.effects().iter().filter(|effects| effects.times > 0);
    effects.map(|effects| TookEffect { call: effects.name.clone(), times: effects.times }).collect()
}

/// What is done beside the deed of a case.
fn beside(plan: &Plan) -> Vec<Deed> {
    plan.faults.iter().map(Deed::from).chain(plan.stop.map(Deed::from)).collect()
}

/// What can happen to this call, and to how many of its attempts.
fn troubles(call: &Call) -> Vec<(Trouble, Option<u32>)> {
    let refused = refusal(&call.operation, &call.options.outcome_map).is_some();
    let (refusals, losses) = match call.pursuit {
        Pursuit::Limited => (None, None),
        Pursuit::UntilKnown => (None, Some(TROUBLED)),
        Pursuit::UntilDone => (Some(TROUBLED), Some(TROUBLED)),
    };
    let mut troubles = Vec::new();
    if refused {
        troubles.push((Trouble::Refused, refusals));
    }
    troubles.push((Trouble::Unreachable, losses));
    troubles.push((Trouble::AnswerLost, Some(1)));
    if losses.is_none() {
        troubles.push((Trouble::AnswerLost, None));
    }
    troubles.push((Trouble::Twice, None));
    troubles
}
