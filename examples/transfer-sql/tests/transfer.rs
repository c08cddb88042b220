//! The transfer against databases in the test: which statements run, and what is undone.

use reprise_guest::testing::{Answer, Request, TestHost};
use serde_json::json;
use transfer_sql::{Account, Dialect, Receipt, Transfer, transfer};

fn banks() -> TestHost {
    let with = |balance: i64| {
        move |_: &Request| {
            Answer::json(&json!([{"affected": 1, "rows": []}, {"affected": 1, "rows": [{"balance": balance}]}]))
        }
    };
    TestHost::new().on("SQL bank-a", with(70)).on("SQL bank-b", with(30))
}

fn order() -> Transfer {
    let account = |account: &str, dialect| Account { account: account.to_owned(), dialect };
    Transfer { from: account("alice", Dialect::Postgres), to: account("bob", Dialect::Sqlite), amount: 30 }
}

#[test]
fn money_moves_in_two_local_transactions() {
    let run = banks().run(transfer, order());
    assert_eq!(run.result, Ok(Receipt { from_balance: 70, to_balance: 30 }));
    assert_eq!(run.trace, ["01 action SQL bank-a: success", "02 action SQL bank-b: success"]);
    assert_eq!(
        String::from_utf8_lossy(&run.calls[0].body),
        concat!(
            "UPDATE accounts SET balance = balance - $1 WHERE account = $2 AND balance - frozen >= $3 ",
            "[30, \"alice\", 30]\n",
            "SELECT balance FROM accounts WHERE account = $1 [\"alice\"]"
        )
    );
}

#[test]
fn too_little_money_leaves_nothing_to_undo() {
    let run = banks().on("SQL bank-a", |_| Answer::failure("0 rows")).run(transfer, order());
    assert_eq!(run.result.expect_err("refused").message, "the participant refused: 0 rows");
    assert_eq!(run.trace, ["01 action SQL bank-a: failure"]);
}

#[test]
fn an_unknown_account_gives_the_money_back() {
    let run = banks().on("SQL bank-b", |_| Answer::failure("0 rows")).run(transfer, order());
    assert!(run.result.is_err());
    assert_eq!(run.trace[2..], ["01 rollback SQL bank-a: success"]);
    assert_eq!(
        String::from_utf8_lossy(&run.calls[2].body),
        r#"UPDATE accounts SET balance = balance + $1 WHERE account = $2 [30, "alice"]"#
    );
}
