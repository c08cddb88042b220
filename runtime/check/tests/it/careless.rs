//! Workflows with a mistake: each is told by its kind and call.

use reprise_check::{End, check};
use reprise_engine::Completeness;

use crate::support::{cases, findings, host, program, setup};

#[tokio::test]
async fn every_mistake_is_found() {
    let host = host();
    let careless = program(&host, "careless-guest", &[]).await;
    for (mistake, want) in [
        ("none", &[][..]),
        ("late-undo", &["error in-doubt 01 action POST bank/first", "error left-behind 01 action POST bank/first"]),
        ("no-undo", &["error in-doubt 01 action POST bank/first", "error left-behind 01 action POST bank/first"]),
        ("no-cancel", &["error in-doubt 01 action POST bank/first", "error left-behind 01 action POST bank/first"]),
        ("wrong-order", &["warning undo-order 01 action POST bank/first"]),
        ("ignores", &["error ignored 02 action POST bank/second"]),
        (
            "confirms-anyway",
            &["error confirmed-nothing 02 action POST bank/second", "error ignored 02 action POST bank/second"],
        ),
        ("fails-after-pivot", &["error quarantined"]),
        ("panics", &["error quarantined"]),
        ("no-limit", &["warning no-limit 02 action POST bank/second"]),
        ("impatient", &[]),
        ("closure", &["warning closure-undo"]),
        ("sleeps", &[]),
    ] {
        let mut setup = setup(careless.clone(), &format!("{mistake:?}"), &[]);
        setup.completeness = Completeness::Lenient;
        let report = check(&setup).await;
        assert_eq!(findings(&report), want, "{mistake}:\n{}", cases(&report));
        let left = report.cases.iter().any(|case| !case.left_behind.is_empty());
        let told = want.iter().any(|line| ["in-doubt", "ignored"].iter().any(|kind| line.contains(kind)));
        assert_eq!(left, told, "{mistake}");
    }
}

#[tokio::test]
async fn a_late_undo_is_told_apart_from_none() {
    let host = host();
    let careless = program(&host, "careless-guest", &[]).await;
    for (mistake, want) in [
        ("late-undo", "its undo is registered only after the call: register on_rollback before it"),
        ("no-undo", "register on_rollback on its branch before the call; or say read_only"),
        ("no-cancel", "a try needs both"),
    ] {
        let mut setup = setup(careless.clone(), &format!("{mistake:?}"), &[]);
        setup.completeness = Completeness::Lenient;
        let report = check(&setup).await;
        assert!(report.findings[0].help.starts_with(want), "{mistake}: {}", report.findings[0].help);
    }
}

#[tokio::test]
async fn a_call_without_undo_is_refused_strictly() {
    let careless = program(&host(), "careless-guest", &[]).await;
    let report = check(&setup(careless, "\"no-undo\"", &[])).await;
    assert_eq!(findings(&report), ["error undeclared"]);
    assert_eq!(report.cases.len(), 1, "nothing else is tried");
    let finding = &report.findings[0];
    assert!(finding.message.contains("POST bank/first may change something"), "{}", finding.message);
}

#[tokio::test]
async fn an_upgrade_that_takes_another_path_is_found() {
    let host = host();
    let old = program(&host, "careless-guest", &[]).await;
    let changed = program(&host, "careless-guest", &["changed"]).await;
    let same = setup(old.clone(), "\"none\"", &[]);
    for (upgrade, want) in [(old, &[][..]), (changed, &["error diverged"])] {
        let mut setup = same.clone();
        setup.upgrade = Some(upgrade);
        assert_eq!(findings(&check(&setup).await), want);
    }
}

#[tokio::test]
async fn a_workflow_that_waits_is_no_failure() {
    let careless = program(&host(), "careless-guest", &[]).await;
    let report = check(&setup(careless, "\"no-limit\"", &[])).await;
    let waits: Vec<String> = report
        .cases
        .iter()
        .filter(|case| matches!(case.end, End::Waits { .. }))
        .map(|case| case.deed.to_string())
        .collect();
    assert_eq!(waits, ["unreachable", "every answer lost"]);
}

#[tokio::test]
async fn nothing_fails_after_a_pivot() {
    let careless = program(&host(), "careless-guest", &[]).await;
    let report = check(&setup(careless, "\"pivots\"", &[])).await;
    assert_eq!(findings(&report), [""; 0]);
    for tried in [
        "refused 02 action POST bank/second: failed",
        "unreachable, then fine 02 action POST bank/second: succeeded",
        "refused, then fine 03 action POST bank/third: succeeded",
    ] {
        assert!(cases(&report).contains(tried), "{tried}:\n{}", cases(&report));
    }
}
