//! What commit and rollback do: handlers, closures, notifications.

use reprise_guest::{Branch, Failure, Phase, Raw, Transaction};
use serde::{Deserialize, Serialize};

use crate::stub::{Number, step, stub};

pub(crate) async fn undo(_: &Transaction, branch: Branch, _: Phase, payload: Raw) -> Result<(), Failure> {
    branch.call(stub().post("/undo").body(payload.0)).await?;
    Ok(())
}

pub(crate) async fn confirm(_: &Transaction, branch: Branch, _: Phase, payload: Raw) -> Result<(), Failure> {
    branch.call(stub().post("/confirm").body(payload.0)).await?;
    Ok(())
}

pub(crate) async fn stubborn(_: &Transaction, branch: Branch, _: Phase, _: Raw) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        again: bool,
    }
    let reply = branch.call(stub().post("/undo").body("{}")).await?;
    if reply.json::<Answer>()?.again { Err(Failure::new("again")) } else { Ok(()) }
}

pub(crate) async fn handlers(tx: &Transaction) -> Result<(), Failure> {
    for n in 1..=3 {
        let branch = tx.branch().on_rollback_handler("undo", &Number { n });
        branch.call(stub().post("/a").json(&Number { n })).await?;
    }
    Err(Failure::new("on purpose"))
}

#[derive(Serialize)]
pub(crate) struct Done {
    done: u32,
}

pub(crate) async fn commit_handlers(tx: &Transaction) -> Result<Done, Failure> {
    for n in 1..=3 {
        let undo = stub().post("/a/undo").json(&Number { n });
        let branch = tx.branch().on_commit_handler("confirm", &Number { n }).on_rollback(undo);
        branch.call(stub().post("/a").json(&Number { n })).await?;
    }
    Ok(Done { done: 3 })
}

pub(crate) async fn handler_fails(tx: &Transaction) -> Result<(), Failure> {
    let branch = tx.branch().on_rollback_handler("stubborn", &Raw::default());
    branch.call(stub().post("/a").json(&Number { n: 1 })).await?;
    Err(Failure::new("on purpose"))
}

pub(crate) async fn closures(tx: &Transaction) -> Result<(), Failure> {
    for n in 1..=3 {
        let branch = tx.branch().on_rollback_with(async move |_, branch| {
            branch.call(stub().post("/undo").json(&Number { n })).await?;
            Ok(())
        });
        branch.call(stub().post("/a").json(&Number { n })).await?;
    }
    Err(Failure::new("on purpose"))
}

#[derive(Serialize)]
pub(crate) struct First {
    a: i64,
}

pub(crate) async fn finish(tx: &Transaction) -> Result<First, Failure> {
    tx.on_finish(stub().post("/finish").json(&Number { n: 1 }));
    Ok(First { a: step(tx, "a", 1).await? })
}
