//! The transfer against a bank in the test: tries at once, then confirms or cancels in reverse order.

use std::time::Duration;

use reprise_guest::testing::{Answer, TestHost};
use serde_json::json;
use transfer_tcc::{Receipt, Transfer, transfer};

fn bank() -> TestHost {
    let slow = |balance| move |_: &_| Answer::json(&json!({"balance": balance})).after(Duration::from_secs(1));
    TestHost::new().on("POST bank/transfer-out/try", slow(70)).on("POST bank/transfer-in/try", slow(30))
}

fn order() -> Transfer {
    Transfer { from: "alice".into(), to: "bob".into(), amount: 30 }
}

#[test]
fn both_try_at_once_and_confirm() {
    let run = bank().run(transfer, order());
    assert_eq!(run.result, Ok(Receipt { from_balance: 70, to_balance: 30 }));
    assert_eq!(run.elapsed, Duration::from_secs(1));
    assert_eq!(
        run.trace,
        [
            "01 action POST bank/transfer-out/try: success",
            "02 action POST bank/transfer-in/try: success",
            "02 commit POST bank/transfer-in/confirm: success",
            "01 commit POST bank/transfer-out/confirm: success",
        ]
    );
}

#[test]
fn a_refused_try_cancels_the_other() {
    let run = bank().on("POST bank/transfer-out/try", |_| Answer::failure("too little money")).run(transfer, order());
    assert_eq!(run.result.expect_err("refused").details, b"too little money");
    assert_eq!(run.trace[2..], ["02 rollback POST bank/transfer-in/cancel: success"]);
}
