//! Participants without a barrier.

use reprise_check::check;

use crate::support::{findings, host, program, setup};

#[tokio::test]
async fn repeats_take_effect_where_there_is_no_barrier() {
    let careless = program(&host(), "careless-guest", &[]).await;
    let with_barrier = setup(careless, "\"none\"", &[]);
    let mut without = with_barrier.clone();
    without.no_barrier = vec!["bank".into(), "bunk".into()];
    assert_eq!(findings(&check(&with_barrier).await), [""; 0]);
    assert_eq!(
        findings(&check(&without).await),
        [
            "error undid-nothing 01 rollback POST bank/first/undo",
            "error took-effect-twice 01 action POST bank/first",
            "error undid-nothing 02 rollback POST bank/second/undo",
            "error took-effect-twice 02 action POST bank/second",
            "error took-effect-twice 01 rollback POST bank/first/undo",
            "error took-effect-twice 02 rollback POST bank/second/undo",
            "warning unused-name",
        ]
    );
}

#[tokio::test]
async fn a_reply_that_nobody_asks_for_is_told() {
    let careless = program(&host(), "careless-guest", &[]).await;
    let report = check(&setup(careless, "\"none\"", &["bank/frist={}"])).await;
    assert_eq!(findings(&report), ["warning unused-reply"]);
    assert_eq!(report.findings[0].help, "the calls were: `POST bank/first`, `POST bank/second`");
}
