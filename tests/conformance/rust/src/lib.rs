//! The scenarios of `../SCENARIOS.md` in Rust. Guests of other languages must write the journals that this one writes.

mod calls;
mod concurrency;
mod operations;
mod phase_two;
mod stub;
mod surroundings;

use phase_two::{confirm, stubborn, undo};
use reprise_guest::{Encode, Failure, Raw, Transaction};
use serde::Deserialize;

/// Which scenario, and its parameters.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    scenario: String,
    /// How many, where the scenario counts.
    #[serde(default)]
    count: u32,
    /// A number, whatever the kit sends.
    #[serde(default)]
    amount: f64,
}

#[reprise_guest::workflow(handlers(undo, confirm, stubborn))]
async fn conformance(tx: &Transaction, input: Input) -> Result<Raw, Failure> {
    match input.scenario.as_str() {
        "saga" => json(&calls::saga(tx).await?),
        "refused" => json(&calls::refused(tx).await?),
        "attempts" => json(&calls::attempts(tx).await?),
        "deadline" => json(&calls::deadline(tx).await?),
        "cancel" => json(&calls::cancel(tx).await?),
        "invalid" => json(&calls::invalid(tx).await?),
        "failure" => json(&calls::failure(tx).await?),
        "options" => json(&calls::options(tx).await?),
        "full" => json(&calls::full(tx).await?),
        "many" => json(&calls::many(tx, input.count).await?),
        "tcc" => json(&concurrency::tcc(tx).await?),
        "fan-out" => json(&concurrency::fan_out(tx).await?),
        "race" => json(&concurrency::race(tx).await?),
        "many-tasks" => json(&concurrency::many_tasks(tx, input.count).await?),
        "big" => json(&operations::big(tx).await?),
        "empty" => operations::empty(tx).await,
        "unicode" => json(&operations::unicode(tx).await?),
        "sql" => json(&operations::sql(tx).await?),
        "xa" => json(&operations::xa(tx).await?),
        "grpc" => json(&operations::grpc(tx).await?),
        "http" => json(&operations::http(tx).await?),
        "handlers" => json(&phase_two::handlers(tx).await?),
        "commit-handlers" => json(&phase_two::commit_handlers(tx).await?),
        "handler-fails" => json(&phase_two::handler_fails(tx).await?),
        "closures" => json(&phase_two::closures(tx).await?),
        "finish" => json(&phase_two::finish(tx).await?),
        "sleep" => json(&surroundings::sleep(tx).await?),
        "now" => json(&surroundings::now(tx).await?),
        "random" => json(&surroundings::random(tx)?),
        "entropy" => json(&surroundings::entropy(tx).await?),
        "log" => json(&surroundings::log()),
        "trap" => json(&surroundings::trap(tx).await?),
        // What makes it fail is the shape of the input, before it begins.
        "bad-input" => json(&input.amount),
        _ => Err(Failure::new("unknown scenario")),
    }
}

fn json(output: &impl Encode) -> Result<Raw, Failure> {
    Ok(Raw(output.encode()?))
}
