//! The model against reality: every case of the matrix that a bank can play ends in the real runtime as in the check,
//! with the same effects at the participant.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use reprise_check::{CallName, CaseReport, Deed, Trouble};
use reprise_tests::{RuntimeOptions, Stage, scenario};
use serde_json::{Value, json};

use crate::support::{cases, checked};

const REPLIES: [&str; 4] = [
    r#"bank/transfer-out={"balance": 70}"#,
    r#"bank/transfer-in={"balance": 30}"#,
    r#"bank/transfer-out/try={"balance": 100}"#,
    r#"bank/transfer-in/try={"balance": 0}"#,
];

/// The fault of the bank that is this trouble; none if it can't play it. A fault that repeats once is none at all.
fn fault(gid: &str, deed: &Deed) -> Option<Value> {
    let Deed::Trouble { call: CallName { branch, op, call }, trouble, attempts } = deed else { return None };
    let kind = match trouble {
        Trouble::Refused => "fail",
        Trouble::Unreachable => "error",
        Trouble::AnswerLost => "drop-reply",
        Trouble::Twice => return None,
    };
    let path = call.strip_prefix("POST bank")?;
    let (branch, op) = (branch.to_string(), op.name());
    Some(json!({"gid": gid, "path": path, "branch_id": branch, "op": op, "kind": kind, "times": attempts}))
}

/// Begins an execution in which the bank plays a case; false if it can't.
async fn begins(stage: &Stage, gid: &str, input: &Value, case: &CaseReport) -> Result<bool> {
    let deeds = case.beside.iter().chain([&case.deed]);
    let Some(faults) = deeds.map(|deed| fault(gid, deed)).collect::<Option<Vec<_>>>() else { return Ok(false) };
    for fault in faults {
        stage.bank.fault(fault).await?;
    }
    stage.begin(gid, input).await.map(|()| true)
}

/// Waits for the end, and compares it and what the bank did.
async fn ends(stage: &Stage, gid: &str, case: &CaseReport) -> Result<()> {
    let status = stage.runtime.finished(gid).await?;
    ensure!(status["phase"] == case.end.name(), "{} {:?}: really {}", case.deed, case.deed.call(), status["phase"]);
    // The bank does not count notifications as effects.
    let counted = case.took_effect.iter().filter(|effect| !effect.call.call.ends_with("/notify"));
    let modelled: BTreeMap<(String, String), u64> = counted
        .map(|effect| ((effect.call.branch.to_string(), effect.call.op.to_string()), effect.times.into()))
        .collect();
    let real = stage.bank.effects(gid).await?;
    ensure!(real == modelled, "{} {:?}: really {real:?}, in the check {modelled:?}", case.deed, case.deed.call());
    Ok(())
}

#[tokio::test]
async fn the_runtime_does_what_the_check_says() -> Result<()> {
    let stage = Stage::open(RuntimeOptions::default()).await?;
    for (name, path) in [("plain", json!("plain")), ("handlers", json!({"handlers": false}))] {
        let mut input = scenario(path);
        input["options"] = json!({"attempts": 2, "pause_ms": 10});
        let report = checked("scenario-guest", &input.to_string(), &REPLIES).await;
        let mut played = Vec::new();
        for (number, case) in report.cases.iter().enumerate() {
            let gid = format!("{name}-{number}");
            if begins(&stage, &gid, &input, case).await? {
                played.push((gid, case));
            }
        }
        // Four for each of two actions, three for each undo, and those of the handlers.
        ensure!(played.len() >= 14, "{name}: only {} cases were played:\n{}", played.len(), cases(&report));
        for (gid, case) in played {
            ends(&stage, &gid, case).await.with_context(|| cases(&report))?;
        }
    }
    Ok(())
}
