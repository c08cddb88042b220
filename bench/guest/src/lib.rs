//! A workflow of as many steps as its input says, with a pause between them: for journals of any length, and for
//! executions that wait.
//!
//! A step is a branch of its own at the participant `bank`, with what undoes it, one after the other.

use std::time::Duration;

use reprise_guest::{Failure, Participant, Transaction};
use serde::Deserialize;

/// What to do.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Plan {
    /// Steps before the pause.
    before: u32,
    /// Length of the pause; 0 for none.
    sleep_ms: u64,
    /// Steps after it.
    after: u32,
}

#[reprise_guest::workflow]
async fn steps(tx: &Transaction, plan: Plan) -> Result<u32, Failure> {
    for number in 0..plan.before {
        step(tx, number).await?;
    }
    if plan.sleep_ms > 0 {
        tx.sleep(Duration::from_millis(plan.sleep_ms)).await;
    }
    for number in 0..plan.after {
        step(tx, plan.before + number).await?;
    }
    Ok(plan.before + plan.after)
}

async fn step(tx: &Transaction, number: u32) -> Result<(), Failure> {
    let bank = Participant::named("bank");
    let branch = tx.branch().on_rollback(bank.post("/step/revert").json(&number));
    branch.call(bank.post("/step").json(&number)).await?;
    Ok(())
}
