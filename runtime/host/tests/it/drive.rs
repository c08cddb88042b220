//! The driver of the tests here: answers of a bank, everything replayed from every prefix.

use reprise_engine::{CallResult, Execution, GuestError, OnTrap, Op, Operation, Phase, Rules, RunResult};
use reprise_host::{GuestFailure, Program};
pub(crate) use reprise_tests::drive::Drive;
use reprise_tests::drive::{self, End, Open, Script};

/// How a participant answers.
pub(crate) type Answer = fn(&Operation) -> CallResult;

pub(crate) fn ok(_: &Operation) -> CallResult {
    CallResult::Success { status: 200, body: b"{}".to_vec() }
}

pub(crate) fn refuse_in(operation: &Operation) -> CallResult {
    match operation {
        Operation::Http { target, .. } if target == "bank/in" => {
            CallResult::Failure { status: 409, body: b"no such account".to_vec() }
        }
        Operation::Http { .. }
        | Operation::Grpc { .. }
        | Operation::Sql(_)
        | Operation::Xa(_)
        | Operation::XaFinish { .. }
        | Operation::Request { .. } => ok(operation),
    }
}

/// The newest call first, then timers in the order they were set, then what takes longer than any timer.
fn slow_calls_last(open: &[Open]) -> usize {
    let is_slow = |send: &reprise_engine::Send| matches!(&send.operation, Operation::Request { url, .. } if url.ends_with("/slow"));
    let newest = open.iter().rposition(|open| matches!(open, Open::Call(send) if !is_slow(send)));
    let timer = || open.iter().position(|open| matches!(open, Open::Timer { .. }));
    newest.or_else(timer).unwrap_or(0)
}

/// An execution as its trigger and the configuration had it.
pub(crate) fn execution_by(rules: Rules, gid: &str, input: &str) -> Execution {
    drive::execution(rules, gid, input.as_bytes())
}

/// Runs to the end, then again from every prefix of the journal: each must lead to the same journal and result.
pub(crate) async fn run_and_replay(program: &Program, gid: &str, input: &str, answer: Answer) -> Drive {
    let rules = Rules::before_there_were_any(OnTrap::Quarantine);
    run_and_replay_of(program, execution_by(rules, gid, input), input, answer).await
}

/// The same with an execution of one's own.
pub(crate) async fn run_and_replay_of(program: &Program, execution: Execution, input: &str, answer: Answer) -> Drive {
    let script = Script::new(answer).ending(slow_calls_last);
    let mut live = Drive::of(execution, script.clone());
    let end = live.finish(program).await;
    assert!(matches!(end, End::Done(_)), "{input}: {end:?}");
    for length in 1..=live.journal.len() {
        let mut replay = Drive::resume(&live.journal[..length], script.clone());
        assert_eq!(replay.finish(program).await, end, "{input} from entry {length}");
        assert_eq!(replay.journal, live.journal, "{input} from entry {length}");
    }
    live
}

pub(crate) fn output(drive: &Drive) -> String {
    match drive.session.with(|e| e.result().cloned()) {
        Some(RunResult::Output(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(RunResult::Failure { message, .. }) => format!("failure: {message}"),
        None => "nothing".into(),
    }
}

pub(crate) fn phase(drive: &Drive) -> Phase {
    drive.session.with(|e| e.phase())
}

pub(crate) fn stopped(failure: &GuestFailure) -> Option<&GuestError> {
    match failure {
        GuestFailure::Stopped(error) => Some(error),
        GuestFailure::Trap { .. }
        | GuestFailure::OutOfFuel { .. }
        | GuestFailure::OutOfMemory { .. }
        | GuestFailure::NoInstance
        | GuestFailure::MissingHandle => None,
    }
}

pub(crate) const COMMIT: Op = Op::Commit;
