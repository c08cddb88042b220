//! What a guest does, and that every prefix of its journal leads to the same end.

use reprise_engine::{CallResult, GuestError, Phase, RunResult};
use reprise_host::GuestFailure;

use crate::drive::{Answer, COMMIT, Drive, ok, output, phase, refuse_in, run_and_replay, stopped};
use crate::guests::{ECHO, component, host, probe};

#[tokio::test]
async fn a_saga_commits_and_every_replay_agrees() {
    let host = host();
    let program = probe(&host).await;
    assert!(program.has_handle());
    let done = run_and_replay(&program, "saga-1", "saga", ok).await;
    assert_eq!((output(&done).as_str(), phase(&done)), ("done", Phase::Succeeded));
    assert_eq!(
        done.sent,
        ["01 action POST bank/out", "02 action POST bank/in", "02 commit POST bank/confirm-in/commit"]
    );
}

#[tokio::test]
async fn a_saga_rolls_back_in_reverse_and_every_replay_agrees() {
    let host = host();
    let program = probe(&host).await;
    let failed = run_and_replay(&program, "saga-2", "saga", refuse_in).await;
    assert_eq!((output(&failed).as_str(), phase(&failed)), ("failure: refused", Phase::Failed));
    // The second branch was refused, so there is nothing to undo.
    assert_eq!(failed.sent, ["01 action POST bank/out", "02 action POST bank/in", "01 rollback POST bank/out/undo"]);
}

#[tokio::test]
async fn concurrent_calls_finish_in_the_order_of_the_journal() {
    let host = host();
    let program = probe(&host).await;
    let done = run_and_replay(&program, "race-1", "race", ok).await;
    assert_eq!(output(&done), "bank/2:ok bank/1:ok late:ok bank/0:err timer:ok");
}

#[tokio::test]
async fn sleeping_is_durable_in_both_ways() {
    let host = host();
    let program = probe(&host).await;
    let done = run_and_replay(&program, "sleep-1", "sleep", ok).await;
    // 1 s and 1 ns is 1,001 ms: lengths are rounded up. Both clocks move by what was slept.
    assert_eq!(output(&done), "1251 1251");
    assert_eq!(done.journal.len(), 5, "started, two timers, returned, closed");
}

#[tokio::test]
async fn nothing_differs_between_runs_of_one_gid() {
    let host = host();
    let program = probe(&host).await;
    let one = output(&run_and_replay(&program, "entropy-1", "entropy", ok).await);
    let again = output(&run_and_replay(&program, "entropy-1", "entropy", ok).await);
    let other = output(&run_and_replay(&program, "entropy-2", "entropy", ok).await);
    assert_eq!(one, again);
    assert_ne!(one, other, "another gid has another seed");
    assert!(one.contains("1700000000.123s"), "the clock shows the start of the execution: {one}");
    assert!(one.ends_with("[] []"), "there are no arguments and no environment: {one}");
}

#[tokio::test]
async fn a_text_that_is_no_integer_is_the_guests_mistake() {
    let host = host();
    let program = probe(&host).await;
    let done = run_and_replay(&program, "sql-1", "sql", ok).await;
    let text = output(&done);
    assert!(text.contains("no decimal integer of 64 bits"), "{text}");
    assert!(text.ends_with("true"), "the branch is still free for a good call: {text}");
    assert_eq!(done.sent, ["01 action SQL main (1 statements)"]);
}

#[tokio::test]
async fn results_reach_the_guest_as_the_contract_says() {
    let host = host();
    let program = probe(&host).await;
    let cases: [(Answer, &str); 4] = [
        (|_| CallResult::Exhausted { attempts: 3, error: "503".into() }, "failure: 3 attempts: 503"),
        (|_| CallResult::Deadline { attempts: 1, error: "late".into() }, "failure: 1 attempt: late"),
        (|_| CallResult::Invalid("unknown participant".into()), "failure: unknown participant"),
        (|_| CallResult::Canceled, "failure: canceled"),
    ];
    for (answer, want) in cases {
        let mut drive = Drive::begin("results", "calls 1", answer);
        drive.run(&program).await.expect("it ends");
        assert_eq!(output(&drive), want);
    }
}

#[tokio::test]
async fn another_path_on_replay_stops_the_guest() {
    let host = host();
    let program = probe(&host).await;
    let mut live = Drive::begin("path", "calls 2", ok);
    live.run(&program).await.expect("it runs");
    // The same journal with the input of another path.
    let mut other = Drive::begin("path", "saga", ok);
    other.collect();
    let mut journal = other.journal;
    journal.extend_from_slice(&live.journal[1..3]);
    let failure = Drive::resume(&journal, ok).run(&program).await.expect_err("the paths differ");
    assert!(matches!(stopped(&failure), Some(GuestError::Diverged(_))), "{failure:?}");
    assert!(failure.to_string().contains("entry 1 recorded"), "{failure}");
}

#[tokio::test]
async fn a_guest_may_be_dropped_while_it_waits() {
    let host = host();
    let program = probe(&host).await;
    for _ in 0..40 {
        let mut drive = Drive::begin("parked", "calls 1", ok);
        let mut guest = drive.place(&program, None).await.expect("the place of the one before is free");
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), guest.run(b"calls 1")).await;
        assert!(waiting.is_err(), "nobody answers");
    }
}

#[tokio::test]
async fn handlers_run_and_refuse() {
    let host = host();
    let program = probe(&host).await;
    let mut drive = Drive::begin("closures", "closures", ok);
    drive.run(&program).await.expect("it runs");
    let mut guest = drive.place(&program, Some(0)).await.expect("there is room");
    let refused = drive.drive(guest.handle(COMMIT, 1, "refuse", b"why")).await.expect("it returns");
    let refused = refused.expect_err("it refuses");
    assert_eq!((refused.message.as_str(), refused.details.as_slice()), ("commit of 1 refused", &b"why"[..]));
}

#[tokio::test]
async fn a_component_of_no_language_works() {
    let host = host();
    let prepared = host.prepare(component(ECHO)).await.expect("it exports run");
    assert_eq!(prepared.warnings.len(), 1, "it calls nobody: {:?}", prepared.warnings);
    assert!(!prepared.program.has_handle());
    let mut drive = Drive::begin("echo", "hello", ok);
    assert_eq!(drive.run(&prepared.program).await, Ok(RunResult::Output(b"hello".to_vec())));
    let mut guest = drive.place(&prepared.program, None).await.expect("there is room");
    assert_eq!(guest.handle(COMMIT, 1, "x", b"").await, Err(GuestFailure::MissingHandle));
}
