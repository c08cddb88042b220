//! The transfer against a bank in the test: what is called, and what is undone.

use reprise_guest::testing::{Answer, TestHost};
use serde_json::{Value, json};
use transfer_saga::{Receipt, Transfer, transfer};

fn bank() -> TestHost {
    TestHost::new()
        .on("POST bank/transfer-out", |_| Answer::json(&json!({"account": "alice", "balance": 70})))
        .on("POST bank/transfer-in", |_| Answer::json(&json!({"account": "bob", "balance": 30})))
}

fn order() -> Transfer {
    Transfer { from: "alice".into(), to: "bob".into(), amount: 30 }
}

#[test]
fn money_moves() {
    let run = bank().run(transfer, order());
    assert_eq!(run.result, Ok(Receipt { from_balance: 70, to_balance: 30 }));
    assert_eq!(run.trace, ["01 action POST bank/transfer-out: success", "02 action POST bank/transfer-in: success"]);
    assert_eq!(run.calls[0].json::<Value>(), json!({"account": "alice", "amount": 30}));
    assert_eq!(run.calls[1].json::<Value>(), json!({"account": "bob", "amount": 30}));
}

#[test]
fn a_refused_step_undoes_the_one_before() {
    let run = bank().on("POST bank/transfer-in", |_| Answer::failure("unknown account")).run(transfer, order());
    assert_eq!(run.result.expect_err("refused").details, b"unknown account");
    assert_eq!(
        run.trace,
        [
            "01 action POST bank/transfer-out: success",
            "02 action POST bank/transfer-in: failure",
            "01 rollback POST bank/transfer-out/revert: success",
        ]
    );
    assert_eq!(run.calls[2].json::<Value>(), json!({"account": "alice", "amount": 30}));
}

#[test]
fn the_first_refusal_leaves_nothing_to_undo() {
    let run = bank().on("POST bank/transfer-out", |_| Answer::failure("too little money")).run(transfer, order());
    assert!(run.result.is_err());
    assert_eq!(run.trace, ["01 action POST bank/transfer-out: failure"]);
}

#[test]
fn an_order_that_can_not_be_read_calls_nobody() {
    let run = bank().run(transfer, json!({"from": "alice"}));
    assert!(run.result.expect_err("no order").message.starts_with("the input can't be read: missing field `to`"));
    assert!(run.calls.is_empty());
}
