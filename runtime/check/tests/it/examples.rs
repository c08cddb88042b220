//! The examples leave nothing behind, whatever goes wrong.

use reprise_check::Severity;

use crate::support::{cases, checked, findings};

const BALANCES: [&str; 2] = [r#"bank/transfer-out={"balance": 70}"#, r#"bank/transfer-in={"balance": 30}"#];

#[tokio::test]
async fn a_saga_is_clean() {
    let report = checked("transfer-saga", r#"{"from": "alice", "to": "bob", "amount": 30}"#, &BALANCES).await;
    assert_eq!(
        findings(&report),
        ["warning no-limit 01 action POST bank/transfer-out", "warning no-limit 02 action POST bank/transfer-in"]
    );
    insta::assert_snapshot!(cases(&report));
}

#[tokio::test]
async fn a_tcc_is_clean() {
    let replies = [r#"bank/transfer-out/try={"balance": 100}"#, r#"bank/transfer-in/try={"balance": 0}"#];
    let report = checked("transfer-tcc", r#"{"from": "alice", "to": "bob", "amount": 30}"#, &replies).await;
    assert_eq!(report.count(Severity::Error), 0, "{:?}\n{}", findings(&report), cases(&report));
    for tried in [
        "answer lost, repeated 02 commit POST bank/transfer-in/confirm: succeeded",
        "refused, then fine 01 commit POST bank/transfer-out/confirm: succeeded",
        "unreachable, then fine 01 rollback POST bank/transfer-out/cancel: failed",
        "delivered twice 02 rollback POST bank/transfer-in/cancel: failed",
    ] {
        assert!(cases(&report).contains(tried), "{tried}:\n{}", cases(&report));
    }
}

#[tokio::test]
async fn a_payroll_of_twenty_is_clean() {
    let employee = |number: usize| {
        let protocol = if number.is_multiple_of(2) { "http" } else { "grpc" };
        format!(r#"{{"account": "e{number}", "salary": 10, "protocol": "{protocol}"}}"#)
    };
    let employees = (0..19).map(employee).collect::<Vec<_>>().join(", ");
    let input = format!(r#"{{"company": "acme", "employees": [{employees}], "notify": "bank/notify"}}"#);
    let report = checked("payroll", &input, &[]).await;
    assert_eq!(
        findings(&report),
        ["warning no-limit 01 action POST bank/transfer-out/{gid}/{branch_id}"],
        "{}",
        cases(&report)
    );
    assert!(cases(&report).contains("refused, then fine 00 finish POST bank/notify"), "{}", cases(&report));
    let lost = "every answer lost 20 action POST bank/transfer-in/{gid}/{branch_id}: failed";
    assert!(cases(&report).contains(lost), "{}", cases(&report));
}

#[tokio::test]
async fn sql_and_xa_are_clean() {
    let input = r#"{"from": {"account": "alice", "dialect": "postgres"}, "to": {"account": "bob", "dialect": "mysql"},
        "amount": 30}"#;
    for (package, kind) in [("transfer-sql", "SQL"), ("transfer-xa", "XA")] {
        let rows = r#"[{"affected": 1, "rows": []}, {"affected": 0, "rows": [{"balance": 70}]}]"#;
        let reply = |database: &str| format!("{kind} {database}={rows}");
        let report = checked(package, input, &[&reply("bank-a"), &reply("bank-b")]).await;
        assert_eq!(report.count(Severity::Error), 0, "{:?}\n{}", findings(&report), cases(&report));
        let undone = if kind == "XA" { "01 rollback XA bank-a" } else { "01 rollback SQL bank-a (1 statements)" };
        let tried = format!("answer lost, repeated {undone}: failed");
        assert!(cases(&report).contains(&tried), "{tried}:\n{}", cases(&report));
    }
}

#[tokio::test]
async fn code_in_phase_two_is_tried_too() {
    let replies = [r#"bank/transfer-out/try={"balance": 100}"#, r#"bank/transfer-in/try={"balance": 0}"#];
    let input = |gives_up: bool| {
        format!(
            r#"{{"from": "alice", "to": "bob", "amount": 30, "path": {{"handlers": {gives_up}}}, "options": {{"attempts": 2}}}}"#
        )
    };
    let report = checked("scenario-guest", &input(false), &replies).await;
    assert_eq!(findings(&report), ["warning closure-undo"], "{}", cases(&report));
    for tried in [
        "refused, then fine 01 commit POST bank/transfer-out/confirm: succeeded",
        "answer lost, repeated 01-01 action POST bank/notify: succeeded",
        "unreachable, then fine 02 commit POST bank/transfer-in/confirm: succeeded",
        "delivered twice 01 rollback POST bank/transfer-out/cancel: failed",
    ] {
        assert!(cases(&report).contains(tried), "{tried}:\n{}", cases(&report));
    }
    let report = checked("scenario-guest", &input(true), &replies).await;
    assert_eq!(findings(&report), ["error baseline"]);
}

#[tokio::test]
async fn without_the_replies_it_needs_it_says_so() {
    let report = checked("transfer-saga", r#"{"from": "alice", "to": "bob", "amount": 30}"#, &[]).await;
    assert_eq!(findings(&report), ["error baseline"]);
    let finding = &report.findings[0];
    assert!(finding.message.contains("missing field `balance`"), "{}", finding.message);
    assert!(finding.help.contains("--reply 'POST bank/transfer-out=JSON'"), "{}", finding.help);
    let report = checked("transfer-saga", "{}", &[]).await;
    assert!(report.findings[0].help.contains("--input JSON"), "{}", report.findings[0].help);
}
