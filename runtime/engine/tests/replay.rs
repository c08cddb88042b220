//! Journals in, journals out: a scripted guest is replayed from every prefix of its journal and must ask the same.

use reprise_engine::{
    CallResult, Digest, Effect, EntryRecord, Execution, GuestError, GuestLimits, GuestUndo, HistoryError, OnTrap, Op,
    Operation, Phase, Rules, RunResult, Seq, Step, Ticket, Timestamp,
};

type Guest = fn(&mut Execution) -> Result<Option<RunResult>, GuestError>;
type Answers = fn(&Operation) -> CallResult;

fn http(target: &str) -> Operation {
    Operation::Http { method: "POST".into(), target: target.into(), body: b"{}".to_vec() }
}

fn start() -> Execution {
    let (gid, workflow) = ("g-1".parse().expect("valid"), "transfer".parse().expect("valid"));
    let limits = GuestLimits::default();
    Execution::start(
        gid,
        workflow,
        Digest::new([7; 32]),
        b"in".to_vec(),
        Rules::before_there_were_any(OnTrap::default()),
        limits,
        Timestamp(1_000),
    )
}

/// Gives the result of a call, or returns from the guest because it has to wait.
macro_rules! taken {
    ($execution:expr, $ticket:expr) => {
        match $execution.take($ticket)? {
            Some(result) => result,
            None => return Ok(None),
        }
    };
}

/// Two branches, one after the other; the second one's refusal rolls back.
fn saga(e: &mut Execution) -> Result<Option<RunResult>, GuestError> {
    for name in ["out", "in"] {
        let branch = e.new_branch()?;
        e.register(Op::Rollback, branch, GuestUndo::Operation(http(&format!("bank/{name}/revert")))).expect("known");
        let ticket = e.submit(branch, http(&format!("bank/{name}")))?;
        if let CallResult::Failure { body, .. } = taken!(e, ticket) {
            return Ok(Some(RunResult::Failure { message: "refused".into(), details: body }));
        }
    }
    Ok(Some(RunResult::Output(b"done".to_vec())))
}

/// Three calls and a timer at once, taken as they come; what was seen is the output.
fn concurrent(e: &mut Execution) -> Result<Option<RunResult>, GuestError> {
    let mut open = Vec::new();
    for name in ["a", "b", "c"] {
        let branch = e.new_branch()?;
        open.push(e.submit(branch, http(&format!("bank/{name}")))?.0);
    }
    open.push(e.timer(50)?.0);
    let mut seen = Vec::new();
    while !open.is_empty() {
        let Some(index) = e.wait_any(&open)? else { return Ok(None) };
        let ticket = open.remove(index as usize);
        let _ = taken!(e, Ticket(ticket));
        seen.push(format!("{ticket}@{}", e.now()));
    }
    Ok(Some(RunResult::Output(seen.join(" ").into_bytes())))
}

/// Runs the guest until it waits or ends; each activation begins from the start, as a replay does.
fn activate(e: &mut Execution, guest: Guest) -> Result<(), GuestError> {
    e.enter(None);
    if let Some(result) = guest(e)? {
        e.returned(result)?;
    }
    Ok(())
}

/// Runs an execution to its end, reloading it from its journal before every activation. `answer` gives a result per
/// call; `order` turns the calls waiting into the order in which they are answered.
fn run_to_end(guest: Guest, answer: Answers, last_first: bool) -> (Vec<EntryRecord>, Vec<String>) {
    let mut journal = Vec::new();
    let mut sent = Vec::new();
    let mut e = start();
    let mut waiting: Vec<reprise_engine::Send> = Vec::new();
    let mut timers: Vec<Ticket> = Vec::new();
    let mut now = 1_000;
    for _ in 0..100 {
        if e.phase() == Phase::Running {
            activate(&mut e, guest).expect("the script does not diverge");
        }
        for effect in e.take_effects() {
            match effect {
                Effect::Send(send) if !waiting.iter().any(|w| w.ticket == send.ticket) => {
                    sent.push(format!("{} {} {}", send.branch, send.op, send.operation));
                    waiting.push(*send);
                }
                Effect::Send(_) | Effect::Disarm { .. } | Effect::Cancel { .. } => {}
                Effect::Arm { ticket, .. } if !timers.contains(&ticket) => timers.push(ticket),
                Effect::Arm { .. } => {}
            }
        }
        now += 10;
        e.tick(Timestamp(now));
        match e.step() {
            Step::Run if !waiting.is_empty() => {
                let send = if last_first { waiting.pop() } else { Some(waiting.remove(0)) }.expect("not empty");
                assert!(e.completed(send.scope, send.ticket, answer(&send.operation), 1));
            }
            Step::Run => {
                let ticket = timers.pop().expect("something is waited for");
                assert!(e.timer_fired(ticket));
            }
            Step::PhaseTwo { index, registration } => {
                sent.push(format!("{} {}", registration.branch, registration.op));
                e.phase_two_done(index, 1);
            }
            Step::Close => e.close(),
            Step::Finish { .. } | Step::Confirm(_) | Step::Steer(_) => unreachable!("the scripts ask for none"),
            Step::Done => {
                journal.extend(e.take_outbox());
                return (journal, sent);
            }
        }
        journal.extend(e.take_outbox());
        e = Execution::load(journal.clone(), GuestLimits::default()).expect("a journal that was written");
    }
    panic!("the execution does not end: {sent:?}");
}

fn ok(_: &Operation) -> CallResult {
    CallResult::Success { status: 200, body: Vec::new() }
}

fn second_refuses(operation: &Operation) -> CallResult {
    match operation {
        Operation::Http { target, .. } if target == "bank/in" => {
            CallResult::Failure { status: 409, body: b"poor".to_vec() }
        }
        Operation::Http { .. }
        | Operation::Grpc { .. }
        | Operation::Sql(_)
        | Operation::Xa(_)
        | Operation::XaFinish { .. }
        | Operation::Request { .. } => ok(operation),
    }
}

fn kinds(journal: &[EntryRecord]) -> String {
    journal.iter().map(|r| r.decode().expect("written by this test").kind_name()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_saga_that_succeeds() {
    let (journal, sent) = run_to_end(saga, ok, false);
    insta::assert_snapshot!(kinds(&journal), @"started op-intended op-completed op-intended op-completed returned closed");
    insta::assert_snapshot!(sent.join("; "), @"01 action POST bank/out; 02 action POST bank/in");
}

#[test]
fn a_refused_branch_is_not_undone_the_others_are() {
    let (journal, sent) = run_to_end(saga, second_refuses, false);
    insta::assert_snapshot!(kinds(&journal), @"started op-intended op-completed op-intended op-completed returned phase-two-done closed");
    insta::assert_snapshot!(sent.join("; "), @"01 action POST bank/out; 02 action POST bank/in; 01 rollback");
}

/// The first entry that a guest adds when its journal is cut after `length` entries.
fn next_asked(journal: &[EntryRecord], length: usize, guest: Guest) -> Option<EntryRecord> {
    let mut e = Execution::load(journal[..length].to_vec(), GuestLimits::default()).expect("a prefix is a journal");
    if e.phase() != Phase::Running {
        return None;
    }
    e.tick(journal[journal.len() - 1].at);
    activate(&mut e, guest).expect("a prefix does not diverge");
    e.take_outbox().into_iter().next()
}

#[test]
fn every_prefix_replays_to_the_same_next_request() {
    let all: [(Guest, Answers, bool); 4] =
        [(saga, ok, false), (saga, second_refuses, false), (concurrent, ok, false), (concurrent, ok, true)];
    for (guest, answer, last_first) in all {
        let (journal, _) = run_to_end(guest, answer, last_first);
        let asked = |record: &EntryRecord| matches!(record.kind, 1 | 4 | 5);
        for length in 1..=journal.len() {
            let Some(next) = next_asked(&journal, length, guest) else { continue };
            let recorded = journal[length..].iter().find(|record| asked(record)).expect("the guest went on here");
            assert_eq!(next.data, recorded.data, "prefix of {length}");
        }
    }
}

#[test]
fn completion_order_is_the_journals() {
    let outputs: Vec<String> = [false, true]
        .into_iter()
        .map(|last_first| {
            let (journal, _) = run_to_end(concurrent, ok, last_first);
            let mut e = Execution::load(journal, GuestLimits::default()).expect("a journal");
            e.enter(None);
            let replayed = concurrent(&mut e).expect("no divergence").expect("everything is recorded");
            assert_eq!(Some(&replayed), e.result(), "a replay gives the recorded output");
            let RunResult::Output(output) = replayed else { panic!("the script succeeds") };
            String::from_utf8(output).expect("text")
        })
        .collect();
    insta::assert_snapshot!(outputs[0], @"0@1010 1@1020 2@1030 3@1050");
    insta::assert_snapshot!(outputs[1], @"2@1010 1@1020 0@1030 3@1050");
}

#[test]
fn another_path_is_named_with_both_sides() {
    fn other(e: &mut Execution) -> Result<Option<RunResult>, GuestError> {
        let branch = e.new_branch()?;
        let ticket = e.submit(branch, http("bank/other"))?;
        let _ = taken!(e, ticket);
        Ok(None)
    }
    fn shorter(_: &mut Execution) -> Result<Option<RunResult>, GuestError> {
        Ok(Some(RunResult::Output(Vec::new())))
    }
    fn sleeper(e: &mut Execution) -> Result<Option<RunResult>, GuestError> {
        let timer = e.timer(10)?;
        let _ = taken!(e, timer);
        Ok(None)
    }
    let (journal, _) = run_to_end(saga, ok, false);
    for (guest, want) in [(other as Guest, "bank/other"), (shorter, "return of 0 bytes"), (sleeper, "timer 0 of 10 ms")]
    {
        let mut e = Execution::load(journal.clone(), GuestLimits::default()).expect("a journal");
        let error = activate(&mut e, guest).expect_err("it diverges");
        let GuestError::Diverged(divergence) = error else { panic!("{error}") };
        assert!(divergence.asked.contains(want), "{divergence}");
        assert!(!divergence.recorded.is_empty());
        assert!(e.take_outbox().is_empty() && e.take_effects().is_empty(), "a divergence leaves nothing to do");
    }
}

#[test]
fn an_upgrade_is_recorded_only_when_the_new_component_gets_past_the_journal() {
    let (journal, _) = run_to_end(saga, ok, false);
    let upgraded = Digest::new([9; 32]);
    let mut e = Execution::load(journal[..3].to_vec(), GuestLimits::default()).expect("a prefix");
    e.upgrade(upgraded);
    activate(&mut e, saga).expect("the same path");
    let added = e.take_outbox();
    assert_eq!(kinds(&added), "upgraded op-intended");
    assert_eq!(e.digest(), upgraded);
}

#[test]
fn a_call_without_a_result_is_sent_again_but_not_a_canceled_one() {
    fn canceler(e: &mut Execution) -> Result<Option<RunResult>, GuestError> {
        let (first, second) = (e.new_branch()?, e.new_branch()?);
        let lost = e.submit(first, http("bank/lost"))?;
        let kept = e.submit(second, http("bank/kept"))?;
        e.cancel(lost)?;
        assert_eq!(e.take(lost)?, Some(CallResult::Canceled));
        let _ = taken!(e, kept);
        Ok(Some(RunResult::Output(Vec::new())))
    }
    let mut e = start();
    activate(&mut e, canceler).expect("live");
    let journal = e.take_outbox();
    assert_eq!(kinds(&journal), "started op-intended op-intended op-canceled");
    for length in [3, 4] {
        let mut e = Execution::load(journal[..length].to_vec(), GuestLimits::default()).expect("a prefix");
        activate(&mut e, canceler).expect("the same path");
        let sends: Vec<String> = e
            .take_effects()
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Send(send) => Some(send.operation.to_string()),
                Effect::Arm { .. } | Effect::Disarm { .. } | Effect::Cancel { .. } => None,
            })
            .collect();
        assert_eq!(sends, ["POST bank/kept"], "prefix of {length}");
    }
}

#[test]
fn mistakes_are_results_and_misuse_stops() {
    let mut e = start();
    e.enter(None);
    let branch = e.new_branch().expect("few");
    let first = e.submit(branch, http("bank/a")).expect("live");
    let twice = e.submit(branch, http("bank/b")).expect("live");
    let unknown = e.submit(9, http("bank/c")).expect("live");
    for ticket in [twice, unknown] {
        assert!(matches!(e.take(ticket), Ok(Some(CallResult::Invalid(_)))));
        assert!(matches!(e.take(ticket), Err(GuestError::Misuse(_))), "a ticket is taken once");
    }
    assert_eq!(e.take(first), Ok(None));
    assert!(matches!(e.wait_any(&[]), Err(GuestError::Misuse(_))));
    assert!(matches!(e.wait_any(&[77]), Err(GuestError::Misuse(_))));
    assert!(e.register(Op::Rollback, 9, GuestUndo::Operation(http("x"))).is_err());
    assert!(e.set_options(branch, "{\"nonsense\": 1}").is_err());
    assert!(matches!(e.random(100_000), Err(GuestError::Limit(_))));
}

#[test]
fn limits_stop_a_guest() {
    let limits = GuestLimits { journal_entries: 3, payload_bytes: 100, branches: 4, ..GuestLimits::default() };
    let (gid, workflow) = ("g".parse().expect("valid"), "w".parse().expect("valid"));
    let digest = Digest::new([0; 32]);
    let mut e = Execution::start(
        gid,
        workflow,
        digest,
        Vec::new(),
        Rules::before_there_were_any(OnTrap::default()),
        limits,
        Timestamp(1),
    );
    e.enter(None);
    let branches: Vec<u32> = (0..4).map(|_| e.new_branch().expect("allowed")).collect();
    assert!(matches!(e.new_branch(), Err(GuestError::Limit(_))));
    let large = Operation::Http { method: "POST".into(), target: "bank/a".into(), body: vec![0; 200] };
    assert!(matches!(e.submit(branches[0], large), Err(GuestError::Limit(_))));
    assert!(e.submit(branches[0], http("bank/a")).is_ok());
    assert!(e.submit(branches[1], http("bank/b")).is_ok());
    let error = e.submit(branches[2], http("bank/c")).expect_err("the journal is full").to_string();
    assert!(error.contains("limits.journal_entries"), "{error}");
    let long = RunResult::Output(vec![0; 200]);
    assert!(matches!(e.returned(long), Err(GuestError::Limit(_))));
}

#[test]
fn damaged_journals_are_refused_with_the_place() {
    let (journal, _) = run_to_end(saga, ok, false);
    let load = |journal: Vec<EntryRecord>| Execution::load(journal, GuestLimits::default()).expect_err("damaged");
    assert!(matches!(load(Vec::new()), HistoryError::NoStart(_)));
    assert!(matches!(load(journal[1..].to_vec()), HistoryError::Gap { found: Seq(1), .. }));
    let mut holed = journal.clone();
    holed.remove(2);
    assert_eq!(load(holed), HistoryError::Gap { expected: Seq(2), found: Seq(3) });
    let mut flipped = journal.clone();
    flipped[3].data[7] ^= 0x40;
    assert!(matches!(load(flipped), HistoryError::Entry { seq: Seq(3), .. }));
    let mut doubled = journal[..3].to_vec();
    let mut again = journal[2].clone();
    again.seq = Seq(3);
    doubled.push(again);
    assert!(matches!(load(doubled), HistoryError::Contradiction { seq: Seq(3), .. }));
}

#[test]
fn a_handler_works_on_its_own_branch_and_on_branches_below_it() {
    fn run(e: &mut Execution) -> Result<Option<RunResult>, GuestError> {
        let (_, second) = (e.new_branch()?, e.new_branch()?);
        let undo = GuestUndo::Handler { name: "undo".into(), payload: Vec::new() };
        e.register(Op::Commit, second, undo).expect("known");
        Ok(Some(RunResult::Output(Vec::new())))
    }
    let mut e = start();
    activate(&mut e, run).expect("live");
    e.leave();
    let Step::PhaseTwo { index, .. } = e.step() else { panic!("a handler is registered") };
    e.enter(Some(index));
    assert!(e.register(Op::Commit, 2, GuestUndo::Operation(http("x"))).is_err(), "phase two registers nothing");
    let own = e.submit(2, http("bank/confirm")).expect("live");
    let below = e.new_branch().expect("few");
    let other = e.submit(below, http("bank/extra")).expect("live");
    let sends: Vec<String> = e
        .take_effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Send(send) => Some(format!("{} {}", send.branch, send.op)),
            Effect::Arm { .. } | Effect::Disarm { .. } | Effect::Cancel { .. } => None,
        })
        .collect();
    assert_eq!(sends, ["02 commit", "02-01 action"]);
    for ticket in [own, other] {
        e.completed(Some(index), ticket, ok(&http("x")), 1);
        assert!(matches!(e.take(ticket), Ok(Some(CallResult::Success { .. }))));
    }
    e.handler_returned().expect("everything was asked for");
    e.leave();
    e.phase_two_done(index, 1);
    assert_eq!(e.phase(), Phase::Succeeded);
    assert_eq!(e.step(), Step::Done);
}
