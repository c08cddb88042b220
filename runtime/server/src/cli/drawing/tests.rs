//! Executions in every state, as people see them.

use serde_json::{Value, json};

use super::*;

/// 2026-01-02 03:04:05.000Z.
const START: i64 = 1_767_323_045_000;

fn at(ms: i64) -> Value {
    json!(START + ms)
}

/// An execution with these members beside what all have, drawn ten seconds after its start.
fn drawn(members: Value) -> String {
    let mut execution = json!({
        "gid": "order-42", "workflow": "transfer-saga", "digest": "3f2a9c".repeat(11), "entries": 5,
        "created_at": "2026-01-02T03:04:05.000Z", "updated_at": at(2_034),
    });
    let all = execution.as_object_mut().expect("an object");
    all.extend(members.as_object().expect("an object").clone());
    // As text: a RawValue is read from text only.
    let execution = serde_json::from_str(&execution.to_string()).expect("an execution");
    draw(&execution, Moment::from_ms(START + 10_000).expect("a time"), Paint::Plain)
}

fn op(op: &str, call: &str, state: &str) -> Value {
    json!({ "op": op, "call": call, "state": state, "attempts": null, "intended_at": null, "completed_at": null })
}

fn done(op: &str, call: &str, state: &str, attempts: u32, from: i64, to: i64) -> Value {
    json!({
        "op": op, "call": call, "state": state, "attempts": attempts,
        "intended_at": at(from), "completed_at": at(to),
    })
}

#[test]
fn running() {
    let mut action = op("action", "POST bank/transfer-in", "in-flight");
    action["intended_at"] = at(12);
    let drawing = drawn(json!({
        "phase": "running", "activity": "active",
        "calls": [{
            "branch": "02", "op": "action", "call": "POST bank/transfer-in", "attempts": 3,
            "next_attempt_at": at(12_500), "last_error": "HTTP 500: out of order", "stuck": false,
        }],
        "branches": [
            { "id": "01", "ops": [
                done("action", "POST bank/transfer-out", "success", 1, 0, 12),
                op("rollback", "POST bank/transfer-out/revert", "registered"),
            ] },
            { "id": "02", "ops": [op("rollback", "POST bank/transfer-in/revert", "registered"), action] },
        ],
    }));
    insta::assert_snapshot!(drawing);
}

#[test]
fn succeeded() {
    let drawing = drawn(json!({
        "phase": "succeeded", "activity": "finished", "output": { "from_balance": 70, "to_balance": 30 },
        "branches": [
            { "id": "01", "ops": [
                done("action", "POST bank/transfer-out", "success", 1, 0, 12),
                op("rollback", "POST bank/transfer-out/revert", "not-needed"),
            ] },
            { "id": "02", "ops": [
                done("action", "gRPC bank/bank.v1.Bank/TransferIn", "success", 2, 12, 2_034),
                op("rollback", "gRPC bank/bank.v1.Bank/TransferInRevert", "not-needed"),
            ] },
        ],
    }));
    insta::assert_snapshot!(drawing);
}

#[test]
fn rolled_back() {
    let mut refused = done("action", "POST bank/transfer-in", "failure", 1, 12, 20);
    refused["error"] = json!("409 {\"error\":\"unknown account\"}");
    let drawing = drawn(json!({
        "phase": "failed", "activity": "finished",
        "failure": { "message": "the participant refused: unknown account", "details": { "error": "unknown account" } },
        "branches": [
            { "id": "01", "ops": [
                done("action", "POST bank/transfer-out", "success", 1, 0, 12),
                { "op": "rollback", "call": "POST bank/transfer-out/revert", "state": "success", "attempts": 1,
                  "intended_at": null, "completed_at": at(31) },
            ] },
            { "id": "02", "ops": [refused, op("rollback", "POST bank/transfer-in/revert", "not-needed")] },
            { "id": "00", "ops": [op("finish", "POST audit/finished", "registered")] },
        ],
    }));
    insta::assert_snapshot!(drawing);
}

#[test]
fn quarantined() {
    let drawing = drawn(json!({
        "phase": "running", "activity": "quarantined", "entries": 3,
        "note": {
            "kind": "quarantined", "reason": "diverged",
            "message": "the workflow took another path on replay, at entry 2\n  recorded: call 1: POST stock/reserve\n  asked:    call 1: POST stock/check\ndeploy a component that takes the recorded path",
            "backtrace": "0: transfer\u{1b}[31m\n1: run",
        },
        "branches": [
            { "id": "01", "ops": [done("action", "POST bank/transfer-out", "success", 1, 0, 12)] },
        ],
    }));
    insta::assert_snapshot!(drawing);
}

#[test]
fn parked() {
    let mut commit = op("commit", "POST bank/confirm", "registered");
    commit["error"] = json!("");
    let drawing = drawn(json!({
        "phase": "committing", "activity": "parked", "wake_at": "2026-01-02T04:04:05Z",
        "note": { "kind": "waiting", "calls": [
            { "slot": "registration 0", "attempts": 12, "next_attempt_at": START + 3_600_000, "last_error": "connection refused" },
        ] },
        "branches": [{ "id": "01", "ops": [done("action", "POST bank/try", "success", 1, 0, 12), commit] }],
    }));
    insta::assert_snapshot!(drawing);
}

#[test]
fn on_other_nodes() {
    let drawing = drawn(json!({ "phase": "running", "activity": "active", "elsewhere": true }));
    assert!(drawing.starts_with("order-42  running, on another node\n"), "{drawing}");
    let note = json!({ "kind": "newer", "message": "entry 4: entry kind 12 is newer" });
    let drawing = drawn(json!({ "phase": "running", "activity": "parked", "wake_at": at(12_000), "note": note }));
    assert!(drawing.contains("  waits for a newer node: entry 4: entry kind 12 is newer\n"), "{drawing}");
}

#[test]
fn stuck_and_in_colour() {
    let text = json!({
        "gid": "g", "workflow": "w", "digest": "d", "phase": "rolling-back", "activity": "active", "entries": 1,
        "created_at": at(0), "updated_at": at(0),
        "calls": [{ "branch": "01", "op": "rollback", "call": "POST a/b", "attempts": 50, "stuck": true }],
        "unheard_of": 1,
        "note": { "kind": "unheard-of" },
    });
    let execution = serde_json::from_str(&text.to_string()).expect("an execution");
    let drawing = draw(&execution, Moment::from_ms(START).expect("a time"), Paint::Colour);
    assert!(drawing.contains("\u{1b}[31mrolling-back\u{1b}[0m"), "{drawing}");
    assert!(drawing.contains("attempt 51 is under way\u{1b}[31m  stuck: somebody should look"), "{drawing}");
}
