//! The transfer against two banks and a database in the test: three kinds of branches, and how each ends.

use reprise_guest::testing::{Answer, TestHost};
use transfer_mixed::{Dialect, Receipt, Transfer, pb, transfer};

const GRPC_IN: &str = "GRPC bank-grpc/bank.v1.Bank/TransferIn";

fn host() -> TestHost {
    TestHost::new()
        .on("POST bank/transfer-out/try", |_| Answer::ok())
        .on(GRPC_IN, |_| Answer::encode(&pb::Balance { account: "bob".into(), balance: 29 }))
        .on("SQL bank-a", |_| Answer::affected([1]))
}

fn order() -> Transfer {
    Transfer { from: "alice".into(), to: "bob".into(), amount: 30, fee: 1, dialect: Dialect::Sqlite }
}

#[test]
fn all_three_take_part() {
    let run = host().run(transfer, order());
    assert_eq!(run.result, Ok(Receipt { to_balance: 29 }));
    assert_eq!(
        run.trace,
        [
            "01 action POST bank/transfer-out/try: success",
            "02 action GRPC bank-grpc/bank.v1.Bank/TransferIn: success",
            "03 action SQL bank-a: success",
            "01 commit POST bank/transfer-out/confirm: success",
        ]
    );
    assert_eq!(run.calls[1].decode::<pb::Transfer>(), pb::Transfer { account: "bob".into(), amount: 29 });
}

#[test]
fn the_last_refusal_undoes_the_others_in_reverse() {
    let run = host().on("SQL bank-a", |_| Answer::failure("no account `fees`")).run(transfer, order());
    assert_eq!(run.result.expect_err("refused").details, b"no account `fees`");
    assert_eq!(
        run.trace[3..],
        [
            "02 rollback GRPC bank-grpc/bank.v1.Bank/TransferInRevert: success",
            "01 rollback POST bank/transfer-out/cancel: success",
        ]
    );
    assert_eq!(run.calls[3].decode::<pb::Transfer>(), pb::Transfer { account: "bob".into(), amount: 29 });
}

#[test]
fn a_refusal_over_grpc_keeps_its_text() {
    let run = host().on(GRPC_IN, |_| Answer::failure("`bob` is unknown")).run(transfer, order());
    let failure = run.result.expect_err("refused");
    assert_eq!(failure.message, "the participant refused: `bob` is unknown");
    assert_eq!(failure.details, b"`bob` is unknown");
}
