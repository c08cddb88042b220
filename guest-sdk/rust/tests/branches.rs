//! What branches register, what phase two makes of it, and where mistakes come out.

use std::{cell::Cell, collections::BTreeMap};

use reprise_guest::{
    Branch, CallError, Failure, Options, Participant, Phase, Raw, Sql, Transaction, log,
    testing::{Answer, Role, TestHost},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Parcel {
    id: u32,
}

fn shop() -> Participant {
    Participant::named("shop")
}

fn host() -> TestHost {
    TestHost::new()
        .on("POST shop/*", |_| Answer::ok())
        .on("POST shop/refuse", |_| Answer::failure("sold out"))
        .on("SQL stock", |_| Answer::rows(&[7]))
        .on("XA stock", |_| Answer::ok())
}

async fn settle(tx: &Transaction, branch: Branch, phase: Phase, parcel: Parcel) -> Result<(), Failure> {
    let path = match phase {
        Phase::Commit => "/settle",
        Phase::Rollback => "/unsettle",
    };
    branch.call(shop().post(path).json(&parcel)).await?;
    tx.branch().call(shop().post("/tell").json(&parcel)).await?;
    Ok(())
}

#[reprise_guest::workflow(handlers(settle))]
async fn ship(tx: &Transaction, (parcel, path): (Parcel, String)) -> Result<u32, Failure> {
    tx.on_finish(shop().post("/done"));
    tx.branch()
        .on_commit(shop().post("/a/confirm"))
        .on_rollback(shop().post("/a/cancel"))
        .call(shop().post("/a"))
        .await?;
    tx.branch().on_commit_handler("settle", &parcel).on_rollback_handler("settle", &parcel);
    let id = parcel.id;
    let with = async move |_: Transaction, branch: Branch| {
        log::info(format_args!("parcel {}", parcel.id));
        branch.call(shop().post("/closure").json(&parcel)).await?;
        Ok(())
    };
    let last = tx.branch().options(Options::new().compensate_failed()).on_commit_with(with).on_rollback_with(
        async |_, branch| {
            branch.call(shop().post("/unclosure")).await?;
            Ok(())
        },
    );
    last.call(shop().post(&path)).await?;
    Ok(id)
}

#[test]
fn a_commit_performs_operations_handlers_and_closures_in_reverse() {
    let run = host().run(ship, (Parcel { id: 7 }, "/b"));
    assert_eq!(run.result, Ok(7));
    assert_eq!(
        run.trace,
        [
            "01 action POST shop/a: success",
            "03 action POST shop/b: success",
            "03 commit POST shop/closure: success",
            "02 commit POST shop/settle: success",
            "02-01 action POST shop/tell: success",
            "01 commit POST shop/a/confirm: success",
            "finish POST shop/done: success",
        ]
    );
    assert_eq!(run.log.len(), 1, "a replay logs nothing again");
    assert_eq!(run.calls[2].json::<Parcel>().id, 7);
}

#[test]
fn a_rollback_does_the_same_for_the_other_half() {
    let run = host().run(ship, (Parcel { id: 7 }, "/refuse"));
    assert_eq!(run.result.expect_err("refused").message, "the participant refused: sold out");
    assert_eq!(
        run.trace,
        [
            "01 action POST shop/a: success",
            "03 action POST shop/refuse: failure",
            "03 rollback POST shop/unclosure: success",
            "02 rollback POST shop/unsettle: success",
            "02-01 action POST shop/tell: success",
            "01 rollback POST shop/a/cancel: success",
            "finish POST shop/done: success",
        ]
    );
}

#[test]
fn phase_two_repeats_until_it_succeeds() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        tx.branch().on_commit(shop().post("/confirm"));
        tx.branch().on_commit_with(async |_, branch| {
            branch.call(shop().post("/code")).await?;
            Ok(())
        });
        Ok(())
    }
    let flaky = || {
        let attempts = Cell::new(0);
        move |_: &_| match attempts.replace(attempts.get() + 1) {
            0 => Answer::unknown("down"),
            1 => Answer::failure("not yet"),
            _ => Answer::ok(),
        }
    };
    let run = TestHost::new().on("POST shop/confirm", flaky()).on("POST shop/code", flaky()).run(workflow, ());
    let outcomes: Vec<_> = run.trace.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(outcomes, ["unknown", "failure", "success", "unknown", "failure", "success"]);
}

#[test]
fn databases_are_operations_too() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<Vec<u32>, Failure> {
        tx.branch().call(Sql::on("stock").statement("UPDATE stock SET n = 1").xa()).await?;
        let reply = tx.branch().read_only().call(Sql::on("stock").statement("SELECT 7")).await?;
        Ok(reply.rows(0)?)
    }
    let run = host().run(workflow, ());
    assert_eq!(run.result, Ok(vec![7]));
    assert_eq!(run.trace[2], "01 commit XA stock: success");
}

#[test]
fn an_action_that_nobody_waited_for_ends_as_it_came_out() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        let branch = tx.branch().on_rollback(shop().post("/undo"));
        std::mem::forget(branch.call(shop().post("/refuse")));
        std::mem::forget(tx.branch().call(Sql::on("stock").statement("UPDATE stock SET n = 1").xa()));
        Ok(())
    }
    let run = host().run(workflow, ());
    assert_eq!(
        run.trace,
        ["01 action POST shop/refuse: failure", "02 action XA stock: success", "02 commit XA stock: success"]
    );
}

#[test]
fn a_mistake_comes_out_where_its_branch_is_called() {
    async fn workflow(tx: &Transaction, which: u8) -> Result<(), CallError> {
        let branch = tx.branch();
        let branch = match which {
            0 => branch.options(Options::new().attempts(0)),
            1 => branch.on_rollback(shop().post("/x").json(&BTreeMap::from([((1, 2), 3)]))),
            2 => branch.on_commit_handler("settel", &1),
            _ => branch.on_rollback(shop().post("/undo")),
        };
        branch.call(shop().post("/b")).await?;
        branch.call(shop().post("/b")).await.map(|_| ())
    }
    for (which, want) in [
        (0, "branch options: retry.attempts is 0; use 1 or more"),
        (1, "POST shop/x: no JSON form: key must be a string"),
        (2, "no handler `settel`: name it in #[workflow(handlers(settel))]"),
        (3, "branch 01 has its operation already; open another one with `new-branch`"),
    ] {
        let run = host().run(workflow, which);
        assert_eq!(run.result.expect_err(want).message, want);
        let actions = run.calls.iter().filter(|request| request.role == Role::Action);
        assert_eq!(actions.count(), usize::from(which == 3), "nothing is sent after a mistake");
    }
}

#[test]
fn a_mistake_that_no_call_reports_fails_the_workflow() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        tx.branch().on_commit_handler("nobody", &());
        Ok(())
    }
    let failure = host().run(workflow, ()).result.expect_err("a mistake");
    assert_eq!(failure.message, "branch 01: no handler `nobody`: name it in #[workflow(handlers(nobody))]");
}

#[test]
fn an_input_that_can_not_be_read_is_a_failure() {
    async fn workflow(_: &Transaction, parcel: Parcel) -> Result<u32, Failure> {
        Ok(parcel.id)
    }
    for (input, want) in [
        (&b"{\"id\":-1}"[..], "the input can't be read: invalid value: integer `-1`, expected u32"),
        (b"x", "the input can't be read: expected value"),
        (b"", "the input can't be read: invalid type: null, expected struct Parcel"),
    ] {
        let message = host().run(workflow, Raw(input.to_vec())).result.expect_err(want).message;
        assert!(message.starts_with(want), "{message}");
    }
}

#[test]
fn raw_input_and_output_are_left_alone() {
    async fn workflow(_: &Transaction, Raw(bytes): Raw) -> Result<Raw, Failure> {
        Ok(Raw(bytes.into_iter().rev().collect()))
    }
    assert_eq!(host().run(workflow, Raw(vec![1, 0, 255])).result, Ok(Raw(vec![255, 0, 1])));
}

#[test]
fn randomness_is_the_same_for_the_same_seed() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(u64, usize), Failure> {
        Ok((tx.random_u64(), tx.random_bytes(100_000).len()))
    }
    let run = |seed| TestHost::new().seed(seed).run(workflow, ()).result.expect("random");
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert_eq!(run(1).1, 100_000);
}

#[test]
#[should_panic(expected = "the workflow took another path on replay: entry 1 recorded `call 0: branch 01 POST shop/1")]
fn another_path_on_replay_is_found() {
    let runs = Cell::new(0);
    let workflow = async |tx: &Transaction, (): ()| -> Result<(), Failure> {
        runs.set(runs.get() + 1);
        tx.branch().read_only().call(shop().post(&format!("/{}", runs.get()))).await?;
        Ok(())
    };
    host().run(workflow, ());
}

#[test]
fn an_action_without_an_answer_says_so() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), CallError> {
        tx.branch().call(shop().get("/x")).await.map(|_| ())
    }
    let failure = TestHost::new().run(workflow, ()).result.expect_err("no answer");
    assert!(failure.message.contains("GET shop/x"), "{failure}");
}
