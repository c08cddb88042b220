//! Several things at once.

use std::cell::RefCell;
use std::time::Duration;

use reprise_guest::{Branch, Either, Failure, Transaction};
use serde::Serialize;

use crate::calls::{Both, Sum};
use crate::stub::{Number, get, number, stub};

pub(crate) async fn tcc(tx: &Transaction) -> Result<Both, Failure> {
    let (a, b) = (tried(tx, "a", 1), tried(tx, "b", 2));
    let (first, second) = tx
        .join(
            number(a.call(stub().post("/a/try").json(&Number { n: 1 }))),
            number(b.call(stub().post("/b/try").json(&Number { n: 2 }))),
        )
        .await;
    Ok(Both { a: first?, b: second? })
}

/// A branch that is confirmed or cancelled.
fn tried(tx: &Transaction, path: &str, n: i64) -> Branch {
    tx.branch()
        .on_commit(stub().post(&format!("/{path}/confirm")).json(&Number { n }))
        .on_rollback(stub().post(&format!("/{path}/cancel")).json(&Number { n }))
}

#[derive(Serialize)]
pub(crate) struct Order {
    order: Vec<u32>,
}

pub(crate) async fn fan_out(tx: &Transaction) -> Result<Order, Failure> {
    let order = RefCell::new(Vec::new());
    let task = async |i: u32| {
        get(tx, &format!("/w/{i}")).await?;
        get(tx, &format!("/x/{i}")).await?;
        order.borrow_mut().push(i);
        Ok::<_, Failure>(())
    };
    tx.try_join_all((1..=4).map(task)).await?;
    Ok(Order { order: order.into_inner() })
}

#[derive(Serialize)]
pub(crate) struct Race {
    winner: &'static str,
}

pub(crate) async fn race(tx: &Transaction) -> Result<Race, Failure> {
    let call = get(tx, "/fast");
    match tx.race(call, tx.sleep(Duration::from_secs(10))).await {
        Either::First(reply) => reply.map(|_| Race { winner: "call" }).map_err(Into::into),
        Either::Second(()) => Ok(Race { winner: "timer" }),
    }
}

pub(crate) async fn many_tasks(tx: &Transaction, count: u32) -> Result<Sum, Failure> {
    let numbers = tx.try_join_all((1..=count).map(|i| number(get(tx, &i.to_string())))).await?;
    Ok(Sum { sum: numbers.into_iter().sum() })
}
