//! What an action must say of its undo, and what a pivot means for what comes before and after it.

use std::time::Duration;

use reprise_guest::{
    Failure, Participant, Sql, Transaction,
    testing::{Answer, Request, TestHost},
};
use serde::Deserialize;

fn shop() -> Participant {
    Participant::named("shop")
}

fn host() -> TestHost {
    TestHost::new().on("POST shop/*", |_| Answer::ok()).on("GET shop/*", |_| Answer::ok())
}

/// One call, in each of the ways that matter for completeness.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, serde::Serialize)]
enum Way {
    Plain,
    Get,
    ReadOnly,
    Undone,
    Confirmed,
    Pivot,
    Sql,
    Xa,
}

async fn one(tx: &Transaction, way: Way) -> Result<(), Failure> {
    let (branch, post) = (tx.branch(), shop().post("/pay"));
    let call = match way {
        Way::Plain => branch.call(post),
        Way::Get => branch.call(shop().get("/price")),
        Way::ReadOnly => branch.read_only().call(post),
        Way::Undone => branch.on_rollback(shop().post("/refund")).call(post),
        Way::Confirmed => branch.on_commit(shop().post("/confirm")).call(post),
        Way::Pivot => branch.pivot().call(post),
        Way::Sql => branch.call(Sql::on("stock").statement("DELETE FROM stock")),
        Way::Xa => branch.call(Sql::on("stock").statement("DELETE FROM stock").xa()),
    };
    call.await?;
    Ok(())
}

#[test]
fn an_action_says_how_it_is_undone() {
    let host = || host().on("SQL stock", |_| Answer::affected([1])).on("XA stock", |_| Answer::affected([1]));
    for (way, allowed) in [
        (Way::Plain, false),
        (Way::Get, true),
        (Way::ReadOnly, true),
        (Way::Undone, true),
        (Way::Confirmed, true),
        (Way::Pivot, true),
        (Way::Sql, false),
        (Way::Xa, true),
    ] {
        let run = host().run(one, way);
        assert_eq!(run.result.is_ok(), allowed, "{way:?}: {:?}", run.result);
        assert_eq!(run.calls.is_empty(), !allowed, "{way:?}: what is refused is not sent");
        assert!(host().lenient().run(one, way).result.is_ok(), "{way:?}: lenient lets everything pass");
    }
    let message = host().run(one, Way::Plain).result.expect_err("refused").message;
    assert!(message.starts_with("branch 01: POST shop/pay may change something and nothing says how it is undone"));
}

/// A step with an undo, the pivot, a step after it.
async fn with_pivot(tx: &Transaction, gives_up: bool) -> Result<(), Failure> {
    tx.branch().on_rollback(shop().post("/release")).call(shop().post("/reserve")).await?;
    tx.branch().pivot().call(shop().post("/charge")).await?;
    tx.branch().call(shop().post("/ship")).await?;
    if gives_up { Err(Failure::new("too late")) } else { Ok(()) }
}

#[test]
fn after_the_pivot_everything_is_repeated_until_it_succeeds() {
    let reluctant = |request: &Request| if request.attempt < 3 { Answer::failure("sold out") } else { Answer::ok() };
    let run = host().on("POST shop/ship", reluctant).run(with_pivot, false);
    assert_eq!(run.result, Ok(()));
    assert_eq!(
        run.trace[2..],
        ["03 action POST shop/ship: failure", "03 action POST shop/ship: failure", "03 action POST shop/ship: success"]
    );
}

#[test]
fn a_refused_pivot_rolls_back() {
    let run = host().on("POST shop/charge", |_| Answer::failure("no money")).run(with_pivot, false);
    assert_eq!(run.result.expect_err("refused").details, b"no money");
    assert_eq!(run.trace[2..], ["01 rollback POST shop/release: success"]);
}

#[test]
#[should_panic(expected = "`run` returned a failure after its pivot, where there is no way back: too late")]
fn a_failure_after_the_pivot_is_a_mistake() {
    host().run(with_pivot, true);
}

#[test]
fn nothing_else_is_under_way_with_a_pivot() {
    async fn workflow(tx: &Transaction, pivot_first: bool) -> Result<(), Failure> {
        let undone = tx.branch().on_rollback(shop().post("/release"));
        let (first, second) = if pivot_first { (tx.branch().pivot(), undone) } else { (undone, tx.branch().pivot()) };
        let (first, second) = tx.join(first.call(shop().post("/a")), second.call(shop().post("/b"))).await;
        first?;
        // After the pivot the workflow has to go on, so what was refused is told, not returned.
        if let Err(error) = second {
            reprise_guest::log::warn(error);
        }
        Ok(())
    }
    for (pivot_first, want) in [(true, "has to wait for the pivot"), (false, "is a pivot, and there is no way back")] {
        let run = host().run(workflow, pivot_first);
        assert_eq!(run.result, Ok(()));
        assert_eq!(run.calls.len(), 1, "the second one is not sent");
        assert!(run.log[0].1.contains(want), "{:?}", run.log);
    }
}

#[test]
#[should_panic(expected = "is a pivot and can't be given up")]
fn a_pivot_is_not_given_up() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        let charge = tx.branch().pivot().call(shop().post("/charge"));
        tx.timeout(Duration::from_secs(1), charge).await??;
        Ok(())
    }
    host().on("POST shop/charge", |_| Answer::ok().after(Duration::from_secs(2))).run(workflow, ());
}

#[test]
fn a_prepared_branch_ends_with_the_transaction() {
    async fn workflow(tx: &Transaction, fails: bool) -> Result<(), Failure> {
        tx.branch().call(Sql::on("stock").statement("DELETE FROM stock").xa()).await?;
        if fails { Err(Failure::new("no")) } else { Ok(()) }
    }
    let host = || TestHost::new().on("XA stock", |_| Answer::affected([1]));
    assert_eq!(host().run(workflow, false).trace[1], "01 commit XA stock: success");
    assert_eq!(host().run(workflow, true).trace[1], "01 rollback XA stock: success");
    let run = host().on("XA stock", |_| Answer::failure("0 rows")).run(workflow, false);
    assert_eq!(run.trace, ["01 action XA stock: failure"], "what was refused is not prepared");
}
