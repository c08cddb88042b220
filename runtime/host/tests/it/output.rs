//! Log messages and standard output: shown once, not on replay.

use reprise_host::GuestFailure;
use reprise_tests::Lines;

use crate::drive::{Drive, ok};
use crate::guests::{host, probe};

#[tokio::test(flavor = "current_thread")]
async fn messages_are_shown_once() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).without_time().finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let host = host();
    let program = probe(&host).await;
    let mut live = Drive::begin("log-1", "log", ok);
    live.run(&program).await.expect("it runs");
    let of_guest = || -> Vec<String> { lines.take().into_iter().filter(|line| line.contains(" guest: ")).collect() };
    assert_eq!(
        of_guest(),
        [
            "INFO guest: before gid=log-1 workflow=probe",
            "INFO guest: printed gid=log-1 workflow=probe stream=\"stdout\"",
            "INFO guest: in two pieces gid=log-1 workflow=probe stream=\"stdout\"",
            "WARN guest: after gid=log-1 workflow=probe",
            "WARN guest: without end gid=log-1 workflow=probe stream=\"stderr\"",
        ]
    );
    // With both the call and its result recorded, only what comes after is new; with all recorded, nothing is.
    for (length, want) in [(3, 1), (4, 0)] {
        let mut replay = Drive::resume(&live.journal[..length], ok);
        replay.run(&program).await.expect("it runs");
        let shown = of_guest();
        assert_eq!(shown.len(), want, "from {length}: {shown:?}");
    }
}

/// A guest that is run again after a trap says the same once more: nobody wants to read it twice.
#[tokio::test(flavor = "current_thread")]
async fn what_was_said_before_a_trap_is_not_said_again() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).without_time().finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let host = host();
    let program = probe(&host).await;
    let mut first = Drive::begin("log-2", "panic 7", ok);
    let failure = first.run(&program).await.expect_err("it panics");
    let said = lines.take();
    assert_eq!(said.iter().filter(|line| line.contains("boom 7")).count(), 1, "{said:?}");
    let GuestFailure::Trap { message, unsaid, .. } = failure else { panic!("no trap: {failure:?}") };
    assert!(message.contains("boom 7") && unsaid == "wasm trap: wasm `unreachable` instruction executed", "{unsaid}");

    let mut again = Drive::resume(&first.journal, ok);
    again.session.hush(again.session.with(|execution| execution.next_seq()));
    let failure = again.run(&program).await.expect_err("it panics again");
    let said = lines.take();
    assert!(said.iter().all(|line| !line.contains("boom 7")), "{said:?}");
    assert!(matches!(failure, GuestFailure::Trap { unsaid, .. } if unsaid == message), "the log does not have it");
}
