//! What may be called and what follows from it: completeness, pivots, XA branches, messages, deadlines.

use reprise_engine::{
    CallResult, Completeness, Digest, Effect, Entry, EntryRecord, Execution, GuestError, GuestLimits, GuestUndo,
    OnTrap, Op, Operation, Phase, Pursuit, QueryBack, Rules, RunResult, Seq, SqlOperation, Step, SubmittedBy, Ticket,
    Timestamp,
};

type Guest = fn(&mut Execution) -> Result<Option<RunResult>, GuestError>;
type Answers = fn(&str) -> CallResult;

fn post(target: &str) -> Operation {
    Operation::Http { method: "POST".into(), target: target.into(), body: Vec::new() }
}

fn xa(database: &str) -> Operation {
    Operation::Xa(SqlOperation { database: database.into(), statements: Vec::new() })
}

fn start(rules: Rules) -> Execution {
    let (gid, workflow) = ("g-1".parse().expect("valid"), "w".parse().expect("valid"));
    Execution::start(gid, workflow, Digest::new([7; 32]), Vec::new(), rules, GuestLimits::default(), Timestamp(1_000))
}

fn strict() -> Execution {
    let mut execution = start(Rules::default());
    execution.enter(None);
    execution
}

/// Opens a branch with options and undo, and calls on it.
fn call(e: &mut Execution, options: &str, undo: bool, operation: Operation) -> Result<Ticket, GuestError> {
    let branch = e.new_branch()?;
    if !options.is_empty() {
        e.set_options(branch, options).expect("valid options");
    }
    if undo {
        e.register(Op::Rollback, branch, GuestUndo::Operation(post("bank/undo"))).expect("known branch");
    }
    e.submit(branch, operation)
}

/// What `take` gives for a mistake.
fn mistake(e: &mut Execution, ticket: Ticket) -> Option<String> {
    match e.take(ticket).expect("no misuse") {
        Some(CallResult::Invalid(text)) => Some(text),
        Some(_) | None => None,
    }
}

fn success() -> CallResult {
    CallResult::Success { status: 200, body: Vec::new() }
}

fn refusal() -> CallResult {
    CallResult::Failure { status: 409, body: Vec::new() }
}

fn lost() -> CallResult {
    CallResult::Exhausted { attempts: 3, error: "lost".into() }
}

#[test]
fn a_change_must_say_how_it_is_undone() {
    let get = Operation::Http { method: "GET".into(), target: "bank/x".into(), body: Vec::new() };
    let grpc = Operation::Grpc { target: "bank".into(), method: "b.B/M".into(), message: Vec::new() };
    let sql = Operation::Sql(SqlOperation { database: "d".into(), statements: Vec::new() });
    for (options, undo, operation, allowed) in [
        ("", false, post("bank/out"), false),
        ("", true, post("bank/out"), true),
        (r#"{"effect": "read-only"}"#, false, post("bank/out"), true),
        (r#"{"effect": "pivot"}"#, false, post("bank/out"), true),
        ("", false, get, true),
        ("", false, grpc, false),
        ("", false, sql, false),
        ("", false, xa("d"), true),
    ] {
        let mut e = strict();
        let ticket = call(&mut e, options, undo, operation.clone()).expect("within limits");
        let refused = mistake(&mut e, ticket);
        assert_eq!(refused.is_none(), allowed, "{options} {undo} {operation}: {refused:?}");
        for word in ["branch 01", "on-rollback", "read-only", "pivot"] {
            assert!(refused.as_ref().is_none_or(|text| text.contains(word)), "{refused:?} names {word}");
        }
        assert_eq!(e.take_effects().len(), usize::from(allowed), "nothing is sent of what is refused");
    }
}

#[test]
fn lenient_executions_may_leave_it_out() {
    let mut e = start(Rules { completeness: Completeness::Lenient, ..Rules::default() });
    e.enter(None);
    let ticket = call(&mut e, "", false, post("bank/out")).expect("within limits");
    assert_eq!(mistake(&mut e, ticket), None);
    assert_eq!(e.take_effects().len(), 1);
}

#[test]
fn the_journal_of_an_earlier_version_is_lenient() {
    let entry = Entry::Started {
        gid: "g".parse().expect("valid"),
        workflow: "w".parse().expect("valid"),
        digest: Digest::new([1; 32]),
        input: Vec::new(),
        on_trap: OnTrap::Rollback,
    };
    let records = vec![entry.to_record(Seq(0), Timestamp(5))];
    let e = Execution::load(records, GuestLimits::default()).expect("it stays readable");
    assert_eq!(e.rules(), &Rules::before_there_were_any(OnTrap::Rollback));
    assert_eq!(e.rules().completeness, Completeness::Lenient);
}

#[test]
fn nothing_else_changes_while_a_pivot_is_open() {
    let pivot = r#"{"effect": "pivot"}"#;
    let mut e = strict();
    let open = call(&mut e, "", true, post("bank/out")).expect("within limits");
    let early = call(&mut e, pivot, false, post("shop/ship")).expect("within limits");
    let text = mistake(&mut e, early).expect("another change is open");
    assert!(text.contains("take the result of call 0 first"), "{text}");

    assert!(e.completed(None, open, success(), 1));
    assert_eq!(e.take(open).expect("no misuse"), Some(success()));
    let ticket = call(&mut e, pivot, false, post("shop/ship")).expect("within limits");
    let beside = call(&mut e, "", true, post("bank/in")).expect("within limits");
    let text = mistake(&mut e, beside).expect("the pivot is open");
    assert!(text.contains("has to wait for the pivot"), "{text}");
    let read = call(&mut e, r#"{"effect": "read-only"}"#, false, post("shop/look")).expect("within limits");
    assert_eq!(mistake(&mut e, read), None, "reading is no change");
    assert!(matches!(e.cancel(ticket), Err(GuestError::Misuse(text)) if text.contains("can't be given up")));
    assert!(!e.can_fail(), "a pivot in doubt can't be rolled back");
}

#[test]
fn after_a_pivot_everything_is_repeated_until_it_succeeds() {
    let mut e = strict();
    let ticket = call(&mut e, r#"{"effect": "pivot"}"#, false, post("shop/ship")).expect("within limits");
    assert!(e.completed(None, ticket, success(), 1));
    assert_eq!(e.take(ticket).expect("no misuse"), Some(success()));
    call(&mut e, r#"{"retry": {"attempts": 1}}"#, false, post("bank/in")).expect("within limits");
    let pursuits: Vec<Pursuit> = e
        .take_effects()
        .into_iter()
        .filter_map(|effect| if let Effect::Send(send) = effect { Some(send.pursuit) } else { None })
        .collect();
    assert_eq!(pursuits, [Pursuit::UntilKnown, Pursuit::UntilDone]);
    let failure = RunResult::Failure { message: "too late".into(), details: Vec::new() };
    assert!(matches!(e.returned(failure), Err(GuestError::Misuse(text)) if text.contains("no way back: too late")));
    assert_eq!(e.phase(), Phase::Running, "nothing is decided");
    assert!(!e.fail_run("a rule".into()), "no rule rolls back after a pivot");
}

#[test]
fn a_refused_pivot_is_a_failure_like_any_other() {
    let mut e = strict();
    let ticket = call(&mut e, r#"{"effect": "pivot"}"#, false, post("shop/ship")).expect("within limits");
    assert!(e.completed(None, ticket, refusal(), 1));
    assert_eq!(e.take(ticket).expect("no misuse"), Some(refusal()));
    e.returned(RunResult::Failure { message: "sold out".into(), details: Vec::new() }).expect("it may fail");
    assert_eq!(e.phase(), Phase::Failed);
}

/// A change, a pivot, then a call without undo; the order of the rules must not depend on how much is recorded.
fn past_a_pivot(e: &mut Execution) -> Result<Option<RunResult>, GuestError> {
    // Before the pivot this one is refused, also when the journal already holds the pivot's success.
    let early = call(e, "", false, post("bank/bare"))?;
    assert!(mistake(e, early).is_some());
    for (options, undo, target) in
        [("", true, "bank/out"), (r#"{"effect": "pivot"}"#, false, "shop/ship"), ("", false, "bank/in")]
    {
        let ticket = call(e, options, undo, post(target))?;
        if e.take(ticket)?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(RunResult::Output(Vec::new())))
}

/// Both XA; a failed one is the workflow's end only if it is the first.
fn two_xa(e: &mut Execution) -> Result<Option<RunResult>, GuestError> {
    for (database, must) in [("a", true), ("b", false)] {
        let ticket = call(e, "", false, xa(database))?;
        match e.take(ticket)? {
            None => return Ok(None),
            Some(result) if must && !result.is_success() => {
                return Ok(Some(RunResult::Failure { message: "refused".into(), details: Vec::new() }));
            }
            Some(_) => {}
        }
    }
    Ok(Some(RunResult::Output(Vec::new())))
}

/// Runs to the end, from the journal anew before every step; the phase, what was done in order, and the journal.
fn run_to_end(rules: &Rules, guest: Guest, answer: Answers, attempts: u32) -> (Phase, Vec<String>, Vec<EntryRecord>) {
    let (mut journal, mut done, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    let mut e = start(rules.clone());
    for _ in 0..50 {
        if e.step() == Step::Run {
            e.enter(None);
            if let Some(result) = guest(&mut e).expect("the script does not diverge") {
                e.returned(result).expect("the script may return that");
            }
        }
        for effect in e.take_effects() {
            if let Effect::Send(send) = effect
                && !sent.contains(&send.ticket)
            {
                sent.push(send.ticket);
                done.push(format!("{} {} {}", send.branch, send.op, send.operation));
                assert!(e.completed(send.scope, send.ticket, answer(&send.operation.to_string()), attempts));
            }
        }
        match e.step() {
            Step::Run | Step::Confirm(_) | Step::Steer(_) => {}
            Step::PhaseTwo { index, registration } | Step::Finish { index, registration } => {
                done.push(format!("{} {}", registration.branch, registration.op));
                e.phase_two_done(index, 1);
            }
            Step::Close => e.close(),
            Step::Done => {
                journal.extend(e.take_outbox());
                return (e.phase(), done, journal);
            }
        }
        journal.extend(e.take_outbox());
        e = Execution::load(journal.clone(), GuestLimits::default()).expect("a journal that was written");
    }
    panic!("no end: {done:?}");
}

#[test]
fn a_replay_judges_calls_as_the_first_run_did() {
    let (phase, done, journal) = run_to_end(&Rules::default(), past_a_pivot, |_| success(), 1);
    assert_eq!(phase, Phase::Succeeded);
    assert_eq!(
        done,
        ["02 action POST bank/out", "03 action POST shop/ship", "04 action POST bank/in"],
        "the refused call is never sent"
    );
    for length in 1..=journal.len() {
        let mut e = Execution::load(journal[..length].to_vec(), GuestLimits::default()).expect("a prefix");
        e.enter(None);
        past_a_pivot(&mut e).expect("no prefix diverges");
    }
}

#[test]
fn the_runtime_finishes_xa_branches() {
    let cases: [(Answers, u32, Phase, &[&str]); 5] = [
        (|_| success(), 1, Phase::Succeeded, &["02 commit", "01 commit"]),
        // The second one is refused and the workflow goes on: there is nothing to finish of it.
        (|call| if call.contains(" b ") { refusal() } else { success() }, 1, Phase::Succeeded, &["01 commit"]),
        // It may be prepared: committed it must not be, as the workflow was told that it failed.
        (
            |call| if call.contains(" b ") { lost() } else { success() },
            1,
            Phase::Succeeded,
            &["02 rollback", "01 commit"],
        ),
        (|call| if call.contains(" a ") { refusal() } else { success() }, 1, Phase::Failed, &[]),
        // Refused, but after an attempt that was lost: it may be prepared all the same.
        (|call| if call.contains(" a ") { refusal() } else { success() }, 2, Phase::Failed, &["01 rollback"]),
    ];
    for (answers, attempts, phase, finished) in cases {
        let (end, done, _) = run_to_end(&Rules::default(), two_xa, answers, attempts);
        let phase_two: Vec<&str> = done.iter().map(String::as_str).filter(|op| !op.contains("action")).collect();
        assert_eq!((end, phase_two.as_slice()), (phase, finished), "{done:?}");
    }
}

#[test]
fn xa_is_an_action_and_nothing_else() {
    let mut e = strict();
    let branch = e.new_branch().expect("within limits");
    let error = e.register(Op::Rollback, branch, GuestUndo::Operation(xa("d"))).expect_err("no registration");
    assert!(error.contains("XA d") && error.contains("by itself"), "{error}");
}

fn message() -> Rules {
    let query_back = QueryBack { operation: post("shop/query"), due: Timestamp(9_000) };
    Rules { query_back: Some(query_back), ..Rules::default() }
}

#[test]
fn a_message_runs_when_its_sender_has_committed() {
    let mut e = start(message());
    assert!(matches!(e.step(), Step::Confirm(query) if query.due == Timestamp(9_000)));
    assert!(e.submit_message(SubmittedBy::Sender));
    assert!(!e.submit_message(SubmittedBy::QueryBack), "once");
    assert_eq!(e.step(), Step::Run);
    let again = Execution::load(e.take_outbox(), GuestLimits::default()).expect("a journal that was written");
    assert_eq!(again.step(), Step::Run);
    assert!(again.was_submitted());
    // The sender can't take its local transaction back: the workflow has passed its pivot from the start.
    for mut e in [e, again] {
        e.enter(None);
        let ticket = call(&mut e, "", false, post("bank/in")).expect("within limits");
        assert_eq!(mistake(&mut e, ticket), None, "nothing needs an undo");
        let effects = e.take_effects();
        assert!(matches!(&effects[..], [Effect::Send(send)] if send.pursuit == Pursuit::UntilDone), "{effects:?}");
        assert!(!e.fail_run("a timeout".into()));
    }
}

#[test]
fn an_aborted_message_never_runs() {
    let mut e = start(message());
    assert!(e.fail_run("aborted".into()));
    assert!(!e.submit_message(SubmittedBy::Sender), "it is decided");
    assert_eq!((e.phase(), e.step()), (Phase::Failed, Step::Done));
    let again = Execution::load(e.take_outbox(), GuestLimits::default()).expect("a journal that was written");
    assert_eq!((again.phase(), again.was_submitted()), (Phase::Failed, false));
}

fn request(method: &str) -> Operation {
    let (url, headers, body) = ("http://bank/x".into(), Vec::new(), Vec::new());
    Operation::Request { method: method.into(), url, headers, body }
}

#[test]
fn what_a_scope_reads_is_not_its_pivot() {
    let mut e = strict();
    let branch = e.new_branch().expect("within limits");
    e.set_options(branch, r#"{"effect": "pivot"}"#).expect("valid options");
    for (method, pursuit) in [("GET", Pursuit::Limited), ("POST", Pursuit::UntilKnown)] {
        let ticket = e.submit_request(Some(branch), request(method)).expect("within limits");
        let effects = e.take_effects();
        assert!(matches!(&effects[..], [Effect::Send(send)] if send.pursuit == pursuit), "{method}: {effects:?}");
        if method == "GET" {
            assert!(e.completed(None, ticket, success(), 1));
            assert_eq!(e.take(ticket).expect("no misuse"), Some(success()));
            assert!(e.can_fail(), "nothing has changed yet");
        }
    }
    assert!(!e.can_fail(), "the pivot is in doubt");
}

#[test]
fn requests_of_one_scope_have_ids_of_their_own() {
    let mut e = strict();
    let branch = e.new_branch().expect("within limits");
    e.register(Op::Rollback, branch, GuestUndo::Operation(post("bank/undo"))).expect("known branch");
    for method in ["GET", "POST", "GET"] {
        e.submit_request(Some(branch), request(method)).expect("within limits");
    }
    let second = e.submit_request(Some(branch), request("POST")).expect("within limits");
    assert!(mistake(&mut e, second).is_some_and(|text| text.contains("has its operation already")));
    e.submit_request(None, request("GET")).expect("within limits");
    let branches: Vec<String> = e
        .take_effects()
        .into_iter()
        .filter_map(|effect| if let Effect::Send(send) = effect { Some(send.branch.to_string()) } else { None })
        .collect();
    assert_eq!(branches, ["01-r01", "01", "01-r02", "02"]);
}

#[test]
fn a_branch_has_one_undo_of_a_kind() {
    let mut e = strict();
    let branch = e.new_branch().expect("within limits");
    for op in [Op::Commit, Op::Rollback] {
        e.register(op, branch, GuestUndo::Operation(post("bank/one"))).expect("the first of its kind");
        let error = e.register(op, branch, GuestUndo::Operation(post("bank/two"))).expect_err("the second");
        assert!(error.contains("branch 01 has its on-") && error.contains("open another branch"), "{error}");
    }
}

#[test]
fn each_notification_has_an_id_of_its_own() {
    let mut e = strict();
    for target in ["a", "b", "c"] {
        e.register(Op::Finish, 0, GuestUndo::Operation(post(target))).expect("any number of them");
    }
    e.returned(RunResult::Output(Vec::new())).expect("it may return");
    let mut ids = Vec::new();
    while let Step::Finish { index, registration } = e.step() {
        ids.push(registration.branch.to_string());
        e.phase_two_done(index, 1);
    }
    assert_eq!(ids, ["00-02", "00-01", "00"]);
}

#[test]
fn an_undo_is_on_the_database_of_its_action() {
    let sql = |database: &str| Operation::Sql(SqlOperation { database: database.into(), statements: Vec::new() });
    for (undo, allowed) in [("a", true), ("b", false)] {
        let mut e = strict();
        let branch = e.new_branch().expect("within limits");
        e.register(Op::Rollback, branch, GuestUndo::Operation(sql(undo))).expect("known branch");
        let ticket = e.submit(branch, sql("a")).expect("within limits");
        let refused = mistake(&mut e, ticket);
        assert_eq!(refused.is_none(), allowed, "{refused:?}");
        assert!(refused.is_none_or(|text| text.contains("`a` and its undo on `b`")));
    }
}

#[test]
fn what_could_not_be_called_is_not_undone() {
    let mut e = strict();
    let branch = e.new_branch().expect("within limits");
    e.register(Op::Rollback, branch, GuestUndo::Operation(post("bank/undo"))).expect("known branch");
    let ticket = e.mistake(branch, "no such number".into()).expect("within limits");
    assert_eq!(mistake(&mut e, ticket).as_deref(), Some("no such number"));
    // The branch is as new: it may be undone and called otherwise.
    e.register(Op::Rollback, branch, GuestUndo::Operation(post("bank/other"))).expect("nothing is registered");
    let ticket = e.mistake(branch, "once more".into()).expect("within limits");
    assert!(mistake(&mut e, ticket).is_some());
    e.returned(RunResult::Failure { message: "given up".into(), details: Vec::new() }).expect("it may fail");
    assert_eq!(e.phase(), Phase::Failed, "nothing was done, so there is nothing to undo");
}

#[test]
fn an_answer_that_says_no_does_not_pass_a_pivot() {
    for (status, passes) in [(200, true), (302, true), (402, false), (404, false)] {
        let mut e = strict();
        let request = Operation::Request {
            method: "POST".into(),
            url: "http://pay/x".into(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let ticket = call(&mut e, r#"{"effect": "pivot"}"#, false, request).expect("within limits");
        let answer = CallResult::Response { status, headers: Vec::new(), body: Vec::new(), refused: false };
        assert!(e.completed(None, ticket, answer, 1));
        assert_eq!(e.can_fail(), !passes, "{status}");
        assert!(e.take(ticket).expect("no misuse").is_some());
        let failure = RunResult::Failure { message: "declined".into(), details: Vec::new() };
        assert_eq!(e.returned(failure).is_ok(), !passes, "{status}");
    }
}

#[test]
fn tickets_are_bounded_also_those_given_up() {
    let (gid, workflow) = ("g-1".parse().expect("valid"), "w".parse().expect("valid"));
    let limits = GuestLimits { journal_entries: 10, ..GuestLimits::default() };
    let mut e =
        Execution::start(gid, workflow, Digest::new([7; 32]), Vec::new(), Rules::default(), limits, Timestamp(1));
    e.enter(None);
    for _ in 0..10 {
        let ticket = e.timer(1_000).expect("within limits");
        e.cancel(ticket).expect("a timer may be given up");
    }
    assert!(matches!(e.timer(1_000), Err(GuestError::Limit(text)) if text.contains("limits.journal_entries")));
}
