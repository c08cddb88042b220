//! Journals, outputs and failures are Rust's; Rust's are those of the snapshots.

use anyhow::{Context as _, Result, ensure};
use reprise_tests::Language;
use rstest::rstest;

use crate::guests::{SCENARIOS, program};
use crate::scenarios::{Group, Journal, Scenario};
use crate::{run, text};

/// Plays scenarios in Rust and in another language.
pub(crate) async fn agrees_with_rust(language: Language, scenarios: Vec<Scenario>) -> Result<()> {
    if !language.is_selected()? {
        return Ok(());
    }
    let (rust, guest) = (program(Language::Rust, SCENARIOS).await?, program(language, SCENARIOS).await?);
    for scenario in scenarios {
        let about = || format!("{} in {}", scenario.name, language.name());
        let (want, told) = (run::play(&rust, run::GID, &scenario).await, run::play(&guest, run::GID, &scenario).await);
        run::check(&scenario, &want).with_context(|| format!("{} in Rust", scenario.name))?;
        run::check(&scenario, &told).with_context(about)?;
        ensure!(told.sent == want.sent, "{}: it calls {:?}\nnot {:?}", about(), told.sent, want.sent);
        if scenario.journal != Journal::SameCalls {
            let difference = || format!("{}: {}", about(), text::difference(&want.journal, &told.journal));
            ensure!(told.journal == want.journal, "{}", difference());
        }
        run::replay(&guest, &scenario, &told).await.with_context(about)?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn agrees(
    #[values(Language::Python, Language::Js, Language::JsStarlingMonkey, Language::Go, Language::C)] language: Language,
    #[values(
        Group::Calls,
        Group::Errors,
        Group::Concurrency,
        Group::Bodies,
        Group::Databases,
        Group::PhaseTwo,
        Group::Time,
        Group::Input,
        Group::Traps,
        Group::Many
    )]
    group: Group,
) -> Result<()> {
    agrees_with_rust(language, group.scenarios()).await
}

/// The text is what authors of other SDKs compare with.
#[rstest]
#[tokio::test]
async fn rust_does_what_the_snapshots_say(
    #[values(
        Group::Calls,
        Group::Errors,
        Group::Concurrency,
        Group::Bodies,
        Group::Databases,
        Group::PhaseTwo,
        Group::Time,
        Group::Input,
        Group::Traps
    )]
    group: Group,
) -> Result<()> {
    let rust = program(Language::Rust, SCENARIOS).await?;
    let mut journals = String::new();
    for scenario in group.scenarios() {
        let told = run::play(&rust, run::GID, &scenario).await;
        run::check(&scenario, &told).with_context(|| scenario.name.clone())?;
        run::replay(&rust, &scenario, &told).await.with_context(|| scenario.name.clone())?;
        journals += &format!("{}\n{}\n", scenario.name, text::journal(&told.journal));
    }
    insta::assert_snapshot!(format!("{group:?}"), journals);
    Ok(())
}
