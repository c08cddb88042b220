//! `reprise check`: the table, what is found, and exit codes.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::program::{Ended, ended, path, reprise};

const BALANCES: [&str; 4] =
    ["--reply", r#"bank/transfer-out={"balance": 70}"#, "--reply", r#"bank/transfer-in={"balance": 30}"#];
const INPUT: [&str; 2] = ["--input", r#"{"from": "alice", "to": "bob", "amount": 30}"#];

fn guest(package: &str) -> PathBuf {
    reprise_tests::guest(package).expect("it builds")
}

fn check(package: &str, arguments: &[&str]) -> Ended {
    let component = guest(package);
    ended(reprise(&["check", path(&component)]).args(arguments))
}

#[test]
fn a_clean_workflow_has_a_table() {
    let clean = check("transfer-saga", &[&INPUT[..], &BALANCES[..]].concat());
    assert_eq!((clean.code, clean.stderr.as_str()), (0, ""), "{}", clean.stdout);
    insta::assert_snapshot!(clean.stdout);
}

#[test]
fn what_is_left_behind_is_an_error() {
    let careless = check("careless-guest", &["--input", "\"no-undo\"", "--lenient"]);
    assert_eq!((careless.code, careless.stderr.as_str()), (7, ""), "{}", careless.stdout);
    insta::assert_snapshot!(careless.stdout);
    let strict = check("careless-guest", &["--input", "\"no-undo\""]);
    assert_eq!(strict.code, 7, "{strict:?}");
    assert!(strict.stdout.contains("\nerror[undeclared]: the workflow fails"), "{}", strict.stdout);
}

#[test]
fn json_has_cases_and_findings() {
    let careless = check("careless-guest", &["--input", "\"no-limit\"", "--output", "json"]);
    assert_eq!(careless.code, 0, "{careless:?}");
    let report: Value = serde_json::from_str(&careless.stdout).expect("one document");
    assert_eq!(report["component"].as_str().map(str::len), Some(64));
    let call = json!({"branch": "02", "op": "action", "call": "POST bank/second"});
    assert_eq!(
        report["cases"][7],
        json!({
            "deed": "trouble", "call": call, "trouble": "unreachable", "attempts": null,
            "end": {"phase": "waits", "call": call},
            "took_effect": [{"call": {"branch": "01", "op": "action", "call": "POST bank/first"}, "times": 1}],
            "left_behind": []
        })
    );
    let finding = &report["findings"][0];
    assert_eq!((&finding["severity"], &finding["kind"]), (&json!("warning"), &json!("no-limit")));
    assert_eq!((&finding["call"], &finding["cases"]), (&call, &json!([7, 9])));
}

#[test]
fn replies_come_from_files_too() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("replies.toml", "\"bank/transfer-out\" = { balance = 70 }\n\"bank/transfer-in\" = { balance = 30 }\n"),
        ("replies.json", r#"{"bank/transfer-out": {"balance": 70}, "bank/transfer-in": {"balance": 30}}"#),
    ] {
        let file = dir.path().join(name);
        std::fs::write(&file, text).expect("a file");
        let checked =
            check("transfer-saga", &[&INPUT[..], &["--replies", path(&file), "--no-barrier", "bank"]].concat());
        assert_eq!(checked.code, 7, "{checked:?}");
        assert!(checked.stdout.contains("error[took-effect-twice]: 01 action POST bank/transfer-out"), "{checked:?}");
    }
}

#[test]
fn what_can_not_be_checked_says_so() {
    let no_replies = check("transfer-saga", &INPUT);
    assert_eq!(no_replies.code, 8, "{no_replies:?}");
    assert!(no_replies.stdout.contains("--reply 'POST bank/transfer-out=JSON'"), "{}", no_replies.stdout);

    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("no.wasm");
    std::fs::write(&file, b"no Wasm").expect("a file");
    for (arguments, code, want) in [
        (&[path(&file)][..], 8, "error[invalid-component]: "),
        (&["/nowhere.wasm"], 1, "error[file]: "),
        (&["x.wasm", "--reply", "x"], 2, "error[usage]: the reply `x` has no `=`"),
        (&["x.wasm", "--input", "{"], 2, "error[usage]: --input is no JSON"),
    ] {
        let refused = ended(reprise(&["check"]).args(arguments));
        assert_eq!((refused.code, refused.stdout.as_str()), (code, ""), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.starts_with(want), "{arguments:?}: {}", refused.stderr);
    }
}
