//! The message against a database and a bank in the test: before the pivot it may fail, after it nothing does.

use reprise_guest::testing::{Answer, Request, TestHost};
use serde_json::json;
use transfer_message::{Dialect, Receipt, Transfer, transfer};

fn host() -> TestHost {
    TestHost::new()
        .on("SQL bank-a", |_| Answer::affected([1]))
        .on("POST bank/transfer-in", |_| Answer::json(&json!({"balance": 30})))
}

fn order() -> Transfer {
    Transfer { from: "alice".into(), to: "bob".into(), amount: 30, dialect: Dialect::Postgres }
}

#[test]
fn the_message_arrives() {
    let run = host().run(transfer, order());
    assert_eq!(run.result, Ok(Receipt { to_balance: 30 }));
    assert_eq!(run.trace, ["01 action SQL bank-a: success", "02 action POST bank/transfer-in: success"]);
}

#[test]
fn too_little_money_sends_nothing() {
    let run = host().on("SQL bank-a", |_| Answer::failure("0 rows")).run(transfer, order());
    assert!(run.result.is_err());
    assert_eq!(run.trace, ["01 action SQL bank-a: failure"]);
}

#[test]
fn a_bank_that_refuses_is_asked_until_it_agrees() {
    let refuses_twice = |request: &Request| match request.attempt {
        1 => Answer::failure("unknown account"),
        2 => Answer::unknown("down"),
        _ => Answer::json(&json!({"balance": 30})),
    };
    let run = host().on("POST bank/transfer-in", refuses_twice).run(transfer, order());
    assert_eq!(run.result, Ok(Receipt { to_balance: 30 }));
    assert_eq!(
        run.trace[1..],
        [
            "02 action POST bank/transfer-in: failure",
            "02 action POST bank/transfer-in: unknown",
            "02 action POST bank/transfer-in: success",
        ]
    );
}
