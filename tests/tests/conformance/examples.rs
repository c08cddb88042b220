//! The examples that every language has: the same transfer, the same journals.

use anyhow::{Context as _, Result, ensure};
use reprise_engine::{CallResult, Operation};
use reprise_tests::Language;
use reprise_tests::drive::Script;
use rstest::rstest;
use serde_json::json;

use crate::guests::{Project, program};
use crate::scenarios::{Journal, Scenario, Want};
use crate::{run, text};

const SAGA: Project = Project { folder: "examples/transfer-saga", package: "transfer-saga" };
const TCC: Project = Project { folder: "examples/transfer-tcc", package: "transfer-tcc" };

fn bank(operation: &Operation) -> CallResult {
    let call = operation.to_string();
    let balance = if call.contains("transfer-out") { 70 } else { 30 };
    let body = json!({ "account": "alice", "balance": balance }).to_string().into_bytes();
    CallResult::Success { status: 200, body }
}

/// Refuses to take the money in.
fn refuses(operation: &Operation) -> CallResult {
    if ["POST bank/transfer-in", "POST bank/transfer-in/try"].contains(&operation.to_string().as_str()) {
        return CallResult::Failure { status: 409, body: b"unknown account".to_vec() };
    }
    bank(operation)
}

fn transfers() -> [Scenario; 2] {
    let input = json!({ "from": "alice", "to": "bob", "amount": 30 });
    let done = Want::Output(br#"{"from_balance":70,"to_balance":30}"#.into());
    let failed = Want::Failure { message: "the participant refused: unknown account", details: "unknown account" };
    [("it moves", bank as fn(&Operation) -> CallResult, done), ("it is refused", refuses, failed)].map(
        |(name, bank, want)| Scenario {
            name: name.to_owned(),
            input: input.clone(),
            script: Script::new(bank),
            want,
            journal: Journal::Same,
        },
    )
}

#[rstest]
#[tokio::test]
async fn the_transfer_is_rusts(
    #[values(Language::Python, Language::Js, Language::JsStarlingMonkey, Language::Go, Language::C)] language: Language,
    #[values(SAGA, TCC)] example: Project,
) -> Result<()> {
    if !language.is_selected()? {
        return Ok(());
    }
    let (rust, guest) = (program(Language::Rust, example).await?, program(language, example).await?);
    for scenario in transfers() {
        let about = || format!("{} in {}, {}", example.folder, language.name(), scenario.name);
        let (want, told) = (run::play(&rust, run::GID, &scenario).await, run::play(&guest, run::GID, &scenario).await);
        run::check(&scenario, &want).context("in Rust")?;
        run::check(&scenario, &told).with_context(about)?;
        ensure!(told.journal == want.journal, "{}: {}", about(), text::difference(&want.journal, &told.journal));
        run::replay(&guest, &scenario, &told).await.with_context(about)?;
    }
    Ok(())
}
