//! Paying against banks in the test: everybody at once, retries up to the limit, and what a rollback undoes.

use std::time::Duration;

use payroll::{Paid, Transfer, payroll};
use reprise_guest::testing::{Answer, Request, TestHost, TestRun};
use serde_json::{Value, json};

const GRPC_IN: &str = "GRPC bank-grpc/bank.v1.Bank/TransferIn";

fn banks() -> TestHost {
    let slow = |_: &Request| Answer::ok().after(Duration::from_secs(1));
    TestHost::new()
        .on("POST bank/transfer-out/{gid}/{branch_id}", |_| Answer::ok())
        .on("POST bank/transfer-in/{gid}/{branch_id}", slow)
        .on(GRPC_IN, slow)
}

fn pay(host: TestHost) -> TestRun<Paid> {
    let employee = |n: u32, protocol| json!({"account": format!("e{n}"), "salary": n * 10, "protocol": protocol});
    let employees = [employee(1, "http"), employee(2, "grpc"), employee(3, "http")];
    host.run(payroll, json!({"company": "acme", "employees": employees, "attempts": 2, "notify": "bank/notify"}))
}

#[test]
fn everybody_is_paid_at_once() {
    let run = pay(banks());
    assert_eq!(run.result, Ok(Paid { paid: 3, total: 60 }));
    assert_eq!(run.elapsed, Duration::from_secs(1));
    assert_eq!(run.calls[0].json::<Value>(), json!({"account": "acme", "amount": 60}));
    assert_eq!(run.calls[2].decode::<Transfer>(), Transfer { account: "e2".into(), amount: 20 });
    assert_eq!(run.trace.last().map(String::as_str), Some("finish POST bank/notify: success"));
}

#[test]
fn a_bank_that_comes_back_in_time_is_no_failure() {
    let down_first = |request: &Request| match request.attempt {
        1 => Answer::unknown("down"),
        _ => Answer::ok(),
    };
    assert!(pay(banks().on(GRPC_IN, down_first)).result.is_ok());
}

#[test]
fn used_up_attempts_undo_everything() {
    let run = pay(banks().on(GRPC_IN, |_| Answer::unknown("down")));
    assert_eq!(run.result.expect_err("undone").message, "e2: no success within the allowed attempts: 2 attempts: down");
    assert_eq!(
        run.trace,
        [
            "01 action POST bank/transfer-out/{gid}/{branch_id}: success",
            "02 action POST bank/transfer-in/{gid}/{branch_id}: success",
            "03 action GRPC bank-grpc/bank.v1.Bank/TransferIn: unknown",
            "04 action POST bank/transfer-in/{gid}/{branch_id}: success",
            "03 action GRPC bank-grpc/bank.v1.Bank/TransferIn: unknown",
            "04 rollback DELETE bank/transfer-in/{gid}/{branch_id}: success",
            "03 rollback GRPC bank-grpc/bank.v1.Bank/TransferInRevert: success",
            "02 rollback DELETE bank/transfer-in/{gid}/{branch_id}: success",
            "01 rollback DELETE bank/transfer-out/{gid}/{branch_id}: success",
            "finish POST bank/notify: success",
        ]
    );
}

#[test]
fn an_employee_may_have_an_account_elsewhere() {
    let employees = json!([{"account": "e1", "salary": 1, "protocol": "http", "bank": "north"}]);
    let host = banks().on("POST north/transfer-in/{gid}/{branch_id}", |_| Answer::failure("there is no `e1`"));
    let run = host.run(payroll, json!({"company": "acme", "employees": employees}));
    assert_eq!(run.result.expect_err("refused").message, "e1: the participant refused: there is no `e1`");
    assert_eq!(
        run.trace[1..],
        [
            "02 action POST north/transfer-in/{gid}/{branch_id}: failure",
            "01 rollback DELETE bank/transfer-out/{gid}/{branch_id}: success",
        ]
    );
}

#[test]
fn attempts_and_notification_may_be_left_out() {
    let run = banks().run(payroll, json!({"company": "acme", "employees": []}));
    assert_eq!(run.result, Ok(Paid { paid: 0, total: 0 }));
    assert_eq!(run.calls.len(), 1);
}
