//! Executions without a guest, and what an operator may do: what is said, what it leads to, and the same after a replay
//! of the journal.

use reprise_engine::{
    AtDue, BranchEnd, BranchOptions, DtmIdentity, EntryRecord, Execution, GuestLimits, Heard, Op, Operation, Phase,
    Report, Rules, RunResult, Steering, Step, Timestamp, TransType, Undo,
};

const LIMITS: GuestLimits =
    GuestLimits { journal_entries: 100, journal_bytes: 1 << 20, payload_bytes: 1_000, branches: 3, open_tickets: 9 };

fn post(target: &str) -> Operation {
    Operation::Http { method: "POST".into(), target: target.into(), body: Vec::new() }
}

fn open() -> Execution {
    let steering = Steering {
        due: Timestamp(9_000),
        at_due: AtDue::RollBack("Timeout after 8 seconds".into()),
        branch_options: r#"{"timeout_ms":500}"#.into(),
    };
    let (gid, workflow) = ("g-1".parse().expect("valid"), "dtm.tcc".parse().expect("valid"));
    let digest = reprise_engine::Digest::new([7; 32]);
    Execution::open(gid, workflow, digest, Vec::new(), (Rules::default(), steering), LIMITS, Timestamp(1_000))
}

fn ends(name: &str) -> Vec<BranchEnd> {
    let dtm = DtmIdentity { trans_type: TransType::Tcc, branch_id: Some(name.into()), op: None };
    let options = BranchOptions { dtm: Some(dtm), ..BranchOptions::default() };
    let end = |op, target: &str| BranchEnd { op, operation: post(target), options: options.clone() };
    vec![end(Op::Rollback, &format!("{name}/cancel")), end(Op::Commit, &format!("{name}/confirm"))]
}

/// The same execution as its journal tells it; `written` has what was taken before.
fn reloaded(e: &mut Execution, written: &mut Vec<EntryRecord>) -> Execution {
    written.extend(e.take_outbox());
    Execution::load(written.clone(), LIMITS).expect("a journal that was written")
}

/// What phase two calls, in order, until the end.
fn calls(e: &mut Execution) -> Vec<String> {
    let mut calls = Vec::new();
    while let Step::PhaseTwo { index, registration } = e.step() {
        let Undo::Operation { operation, options } = &registration.undo else { panic!("data") };
        assert!(options.contains("\"timeout_ms\":500"), "the options of the transaction lie under it: {options}");
        calls.push(operation.to_string());
        e.phase_two_done(index, 1);
    }
    calls
}

#[test]
fn branches_are_confirmed_or_canceled_last_first() {
    let commit = RunResult::Output(Vec::new());
    let fail = RunResult::Failure { message: "aborted".into(), details: Vec::new() };
    for (decision, phase, want) in [
        (commit, Phase::Succeeded, ["POST 02/confirm", "POST 01/confirm"]),
        (fail, Phase::Failed, ["POST 02/cancel", "POST 01/cancel"]),
    ] {
        let (mut e, mut written) = (open(), Vec::new());
        assert!(matches!(e.step(), Step::Steer(steering) if steering.due == Timestamp(9_000)));
        for name in ["01", "02"] {
            assert_eq!(e.enlist(name, ends(name)), Heard::New);
            e = reloaded(&mut e, &mut written);
            assert_eq!(e.enlist(name, ends(name)), Heard::Known, "the same again");
        }
        assert!(matches!(e.enlist("01", ends("02")), Heard::Differs(text) if text.contains("`01`")));
        assert_eq!(e.decide_from_outside(decision.clone()), Heard::New);
        e = reloaded(&mut e, &mut written);
        assert_eq!(e.decide_from_outside(decision), Heard::Known);
        assert!(matches!(e.enlist("03", ends("03")), Heard::Refused(text) if text.contains("final")));
        assert_eq!(e.enlist("02", ends("02")), Heard::Known, "a repeat that comes late");
        assert_eq!(calls(&mut e), want);
        assert_eq!((e.phase(), e.step()), (phase, Step::Done));
        let again = reloaded(&mut e, &mut written);
        assert_eq!((again.phase(), again.step()), (phase, Step::Done));
    }
}

#[test]
fn a_decision_is_final() {
    let mut e = open();
    assert_eq!(e.decide_from_outside(RunResult::Output(Vec::new())), Heard::New);
    assert_eq!(e.phase(), Phase::Succeeded, "nothing to commit");
    let other = RunResult::Failure { message: "late".into(), details: Vec::new() };
    assert!(matches!(e.decide_from_outside(other), Heard::Refused(text) if text.contains("succeeded already")));
    assert!(!e.fail_run("a timeout".into()));
}

#[test]
fn nobody_decides_in_time() {
    let mut e = open();
    assert_eq!(e.enlist("01", ends("01")), Heard::New);
    assert!(e.fail_run("Timeout after 8 seconds".into()));
    assert!(e.steering().is_none());
    assert_eq!(calls(&mut e), ["POST 01/cancel"]);
    assert_eq!(e.phase(), Phase::Failed);
}

#[test]
fn reports_are_kept_once() {
    let (mut e, mut written) = (open(), Vec::new());
    let report =
        |status: &str| Report { branch: "01".into(), op: "action".into(), status: status.into(), data: vec![0xff, 0] };
    assert_eq!(e.report(report("succeed")), Heard::New);
    e = reloaded(&mut e, &mut written);
    assert_eq!(e.reports(), [report("succeed")]);
    assert_eq!(e.report(report("succeed")), Heard::Known);
    assert!(matches!(e.report(report("failed")), Heard::Differs(text) if text.contains("another result")));
    assert_eq!(e.decide_from_outside(RunResult::Output(b"out".to_vec())), Heard::New);
    let late = Report { branch: "02".into(), ..report("succeed") };
    assert!(matches!(e.report(late), Heard::Refused(_)));
    assert_eq!(e.result(), Some(&RunResult::Output(b"out".to_vec())));
}

#[test]
fn limits_hold_for_what_comes_from_outside() {
    let mut e = open();
    let large = BranchEnd { op: Op::Commit, operation: post(&"x".repeat(2_000)), options: BranchOptions::default() };
    assert!(matches!(e.enlist("01", vec![large]), Heard::Refused(text) if text.contains("limits.payload_bytes")));
    for name in ["01", "02", "03"] {
        assert_eq!(e.enlist(name, ends(name)), Heard::New);
    }
    assert!(matches!(e.enlist("04", ends("04")), Heard::Refused(text) if text.contains("limits.branches")));
}

#[test]
fn an_operator_ends_it_wherever_it_stands() {
    for decided in [None, Some(RunResult::Output(Vec::new()))] {
        let (mut e, mut written) = (open(), Vec::new());
        assert_eq!(e.enlist("01", ends("01")), Heard::New);
        if let Some(result) = decided {
            assert_eq!(e.decide_from_outside(result), Heard::New);
        }
        assert!(e.force("the operator knows better".into()));
        assert_eq!((e.phase(), e.step()), (Phase::Failed, Step::Done), "nothing more is called");
        e.phase_two_done(1, 1);
        e = reloaded(&mut e, &mut written);
        assert!(e.was_forced() && !e.force("again".into()));
        assert_eq!((e.phase(), e.step()), (Phase::Failed, Step::Done));
        assert!(matches!(e.result(), Some(RunResult::Failure { message, .. }) if message.contains("operator")));
    }
}

#[test]
fn an_operator_ends_a_guest() {
    let (gid, workflow) = ("g-1".parse().expect("valid"), "w".parse().expect("valid"));
    let digest = reprise_engine::Digest::new([7; 32]);
    let mut e =
        Execution::start(gid, workflow, digest, Vec::new(), Rules::default(), GuestLimits::default(), Timestamp(1));
    e.enter(None);
    let branch = e.new_branch().expect("within limits");
    let undo = reprise_engine::GuestUndo::Operation(post("bank/undo"));
    e.register(Op::Rollback, branch, undo).expect("known branch");
    let ticket = e.submit(branch, post("bank/out")).expect("within limits");
    assert!(e.force("stop".into()));
    assert!(e.take_effects().is_empty(), "what was not sent is not sent");
    let late = reprise_engine::CallResult::Success { status: 200, body: Vec::new() };
    assert!(!e.completed(None, ticket, late, 1), "an answer that comes late is not recorded");
    assert_eq!(e.step(), Step::Done);
}
