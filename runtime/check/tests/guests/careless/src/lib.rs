//! A workflow with the mistake that its input names, for the tests of the check.
//!
//! Input `"none"`, `"late-undo"`, ...: each takes two steps at the participant `bank`, of three attempts each, and goes
//! wrong in its own way. The feature `changed` makes a later version that begins with another step.

use std::time::Duration;

use reprise_guest::{Branch, Failure, Options, Participant, Transaction};
use serde::Deserialize;

/// The mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mistake {
    /// None.
    None,
    /// The undo of the first step is registered after it.
    LateUndo,
    /// The first step has no undo.
    NoUndo,
    /// The undo of the second step is registered before that of the first.
    WrongOrder,
    /// The second step may be exhausted without anybody noticing.
    Ignores,
    /// A refused try is confirmed.
    ConfirmsAnyway,
    /// A try has a confirmation and no cancellation.
    NoCancel,
    /// It fails after its pivot when its last step says so.
    FailsAfterPivot,
    /// None: the second step is a pivot, and a last one follows that needs no undo.
    Pivots,
    /// It panics when the second step is refused.
    Panics,
    /// The second step has no limit.
    NoLimit,
    /// It gives the second step up after a minute; that has no limit of its own.
    Impatient,
    /// What undoes the first step is a closure.
    Closure,
    /// It waits ten years between the steps.
    Sleeps,
}

/// Takes both steps.
#[reprise_guest::workflow]
async fn careless(tx: &Transaction, mistake: Mistake) -> Result<(), Failure> {
    if cfg!(feature = "changed") {
        step(tx, "/other", 3).on_rollback(bank().post("/other/undo")).call(bank().post("/other")).await?;
    }
    let attempts = if matches!(mistake, Mistake::NoLimit | Mistake::Impatient) { 0 } else { 3 };
    let (first, second) = (step(tx, "/first", 3), step(tx, "/second", attempts));
    if mistake == Mistake::WrongOrder {
        second.on_rollback(bank().post("/second/undo"));
    }
    match mistake {
        Mistake::LateUndo | Mistake::NoUndo => {}
        Mistake::NoCancel => drop(first.on_commit(bank().post("/first/confirm"))),
        Mistake::Closure => drop(first.on_rollback_with(async |_, branch| {
            branch.call(bank().post("/first/undo")).await?;
            Ok(())
        })),
        Mistake::None
        | Mistake::WrongOrder
        | Mistake::Ignores
        | Mistake::ConfirmsAnyway
        | Mistake::FailsAfterPivot
        | Mistake::Pivots
        | Mistake::Panics
        | Mistake::NoLimit
        | Mistake::Impatient
        | Mistake::Sleeps => drop(first.on_rollback(bank().post("/first/undo"))),
    }
    first.call(bank().post("/first")).await?;
    if mistake == Mistake::LateUndo {
        first.on_rollback(bank().post("/first/undo"));
    }
    if !matches!(mistake, Mistake::WrongOrder | Mistake::Pivots) {
        second.on_rollback(bank().post("/second/undo"));
    }
    take_second(tx, mistake, second).await
}

async fn take_second(tx: &Transaction, mistake: Mistake, second: Branch) -> Result<(), Failure> {
    let call = bank().post("/second");
    match mistake {
        Mistake::Ignores => drop(second.call(call).await),
        Mistake::ConfirmsAnyway => drop(second.on_commit(bank().post("/second/confirm")).call(call).await),
        Mistake::FailsAfterPivot => {
            second.pivot().call(call).await?;
            return Err(Failure::new("changed its mind"));
        }
        Mistake::Pivots => {
            second.pivot().call(call).await?;
            step(tx, "/third", 3).call(bank().post("/third")).await?;
        }
        Mistake::Panics => drop(second.call(call).await.expect("the bank always agrees")),
        Mistake::Impatient => drop(tx.timeout(Duration::from_secs(60), second.call(call)).await??),
        Mistake::Sleeps => {
            tx.sleep(Duration::from_secs(10 * 365 * 24 * 3_600)).await;
            second.call(call).await?;
        }
        Mistake::WrongOrder => {
            second.call(call).await?;
            // A last one that may be refused, so that both are undone.
            step(tx, "/third", 3).on_rollback(bank().post("/third/undo")).call(bank().post("/third")).await?;
        }
        Mistake::None
        | Mistake::LateUndo
        | Mistake::NoUndo
        | Mistake::NoCancel
        | Mistake::NoLimit
        | Mistake::Closure => drop(second.call(call).await?),
    }
    Ok(())
}

fn bank() -> Participant {
    Participant::named("bank")
}

/// A branch with so many attempts; 0 is without limit.
fn step(tx: &Transaction, path: &str, attempts: u32) -> Branch {
    let options = Options::new().header("x-step", path);
    tx.branch().options(if attempts == 0 { options } else { options.attempts(attempts) })
}
