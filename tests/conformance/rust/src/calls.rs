//! One call after the other: sagas, refusals, limits, options.

use std::time::Duration;

use reprise_guest::{CallError, Failure, Options, Outcome, OutcomeMap, Transaction};
use serde::Serialize;

use crate::stub::{Number, ending, get, number, step, stub, undoable};

#[derive(Serialize)]
pub(crate) struct Both {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

pub(crate) async fn saga(tx: &Transaction) -> Result<Both, Failure> {
    Ok(Both { a: step(tx, "a", 1).await?, b: step(tx, "b", 2).await? })
}

#[derive(Serialize)]
pub(crate) struct Refused {
    refused: String,
}

pub(crate) async fn refused(tx: &Transaction) -> Result<Refused, Failure> {
    let called = undoable(tx, "a", 1).call(stub().post("/a").json(&Number { n: 1 })).await;
    match called {
        Err(CallError::Failure(reply)) => Ok(Refused { refused: String::from_utf8_lossy(reply.bytes()).into_owned() }),
        Ok(_) => Err(Failure::new("it was not refused")),
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
pub(crate) struct Ended {
    error: &'static str,
}

pub(crate) async fn attempts(tx: &Transaction) -> Result<Ended, Failure> {
    let branch = tx.branch().read_only().options(Options::new().attempts(3));
    Ok(Ended { error: ending(branch.call(stub().get("/down"))).await })
}

pub(crate) async fn deadline(tx: &Transaction) -> Result<Ended, Failure> {
    let branch = tx.branch().read_only().options(Options::new().deadline(Duration::from_secs(60)));
    Ok(Ended { error: ending(branch.call(stub().get("/down"))).await })
}

pub(crate) async fn cancel(tx: &Transaction) -> Result<Ended, Failure> {
    let slow = get(tx, "/slow");
    slow.cancel();
    Ok(Ended { error: ending(slow).await })
}

pub(crate) async fn invalid(tx: &Transaction) -> Result<Ended, Failure> {
    Ok(Ended { error: ending(tx.branch().call(stub().post("/a").json(&Number { n: 1 }))).await })
}

pub(crate) async fn failure(tx: &Transaction) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Details {
        sku: u32,
    }
    step(tx, "a", 1).await?;
    Err(Failure::new("no stock").with_details(&Details { sku: 7 }))
}

pub(crate) async fn options(tx: &Transaction) -> Result<Number, Failure> {
    let options = Options::new()
        .timeout(Duration::from_millis(1_500))
        .deadline(Duration::from_secs(60))
        .attempts(5)
        .backoff(Duration::from_millis(10), 2.0, Duration::from_secs(1))
        .jitter(0.5)
        .ongoing_interval(Duration::from_millis(200))
        .header("x-a", "1")
        .header("x-b", "2")
        .idempotency_key("k-1")
        .outcomes(OutcomeMap::new().http("404", Outcome::Failure))
        .read_only();
    Ok(Number { n: number(tx.branch().options(options).call(stub().get("/a"))).await? })
}

#[derive(Serialize)]
pub(crate) struct Full {
    status: u16,
    header: String,
}

pub(crate) async fn full(tx: &Transaction) -> Result<Full, Failure> {
    let branch = tx.branch().read_only().options(Options::new().full_answer());
    let reply = branch.call(stub().get("/full")).await?;
    let header = reply.header("x-kind").ok_or_else(|| Failure::new("no header `x-kind`"))?;
    Ok(Full { status: reply.status(), header: header.into_owned() })
}

#[derive(Serialize)]
pub(crate) struct Sum {
    pub(crate) sum: i64,
}

pub(crate) async fn many(tx: &Transaction, count: u32) -> Result<Sum, Failure> {
    let mut sum = 0;
    for i in 1..=count {
        sum += number(get(tx, &i.to_string())).await?;
    }
    Ok(Sum { sum })
}
