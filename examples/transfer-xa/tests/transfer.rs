//! The transfer against databases in the test: what is prepared, and how it ends.

use std::time::Duration;

use reprise_guest::testing::{Answer, TestHost};
use serde_json::json;
use transfer_xa::{Account, Dialect, Receipt, Transfer, transfer};

fn prepared(balance: i64) -> Answer {
    let statements = json!([{"affected": 1, "rows": []}, {"affected": 1, "rows": [{"balance": balance}]}]);
    Answer::json(&statements).after(Duration::from_secs(1))
}

fn banks() -> TestHost {
    TestHost::new().on("XA bank-a", |_| prepared(70)).on("XA bank-b", |_| prepared(30))
}

fn order() -> Transfer {
    let account = |account: &str, dialect| Account { account: account.to_owned(), dialect };
    Transfer { from: account("alice", Dialect::Postgres), to: account("bob", Dialect::Mysql), amount: 30 }
}

#[test]
fn both_are_prepared_at_once_and_committed() {
    let run = banks().run(transfer, order());
    assert_eq!(run.result, Ok(Receipt { from_balance: 70, to_balance: 30 }));
    assert_eq!(run.elapsed, Duration::from_secs(1));
    assert_eq!(
        run.trace,
        [
            "01 action XA bank-a: success",
            "02 action XA bank-b: success",
            "02 commit XA bank-b: success",
            "01 commit XA bank-a: success",
        ]
    );
    let statements = String::from_utf8_lossy(&run.calls[0].body).into_owned();
    assert!(statements.starts_with("UPDATE accounts SET balance = balance + $1"), "{statements}");
    assert!(statements.contains(r#"[-30, "alice", -30]"#), "{statements}");
}

#[test]
fn what_is_refused_rolls_the_other_back() {
    let refused = |_: &_| Answer::failure(r#"{"message":"0 rows","statement":1}"#);
    let run = banks().on("XA bank-a", refused).run(transfer, order());
    assert!(run.result.expect_err("refused").message.contains("0 rows"));
    assert_eq!(run.trace[2..], ["02 rollback XA bank-b: success"]);
}
