//! What is each language's own: randomness and clocks, messages, stack traces, ordinary HTTP clients.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reprise_host::GuestFailure;
use reprise_tests::Language;
use reprise_tests::drive::End;
use rstest::rstest;

use crate::guests::{SCENARIOS, program};
use crate::run::{self, GID};
use crate::scenarios::{Journal, Scenario, Want, plain};
use crate::{stub, text};

/// Names the language whose entropy another process shall tell.
const CHILD: &str = "REPRISE_CONFORMANCE_ENTROPY";

fn entropy() -> Scenario {
    Scenario { journal: Journal::SameCalls, ..plain("entropy", stub::answer, Want::AnyOutput) }
}

async fn entropy_of(language: Language, gid: &str) -> Result<String> {
    let told = run::play(&*program(language, SCENARIOS).await?, gid, &entropy()).await;
    let output = told.output().with_context(|| format!("entropy in {}: {:?}", language.name(), told.end))?;
    Ok(String::from_utf8(output.to_vec())?)
}

#[rstest]
#[tokio::test]
async fn one_gid_has_one_world(
    #[values(Language::Rust, Language::Python, Language::Js, Language::JsStarlingMonkey, Language::Go, Language::C)]
    language: Language,
) -> Result<()> {
    if !language.is_selected()? {
        return Ok(());
    }
    let one = entropy_of(language, GID).await?;
    ensure!(entropy_of(language, GID).await? == one, "another instance of {} differs from {one}", language.name());
    ensure!(entropy_of(language, "other").await? != one, "another gid of {} has the same {one}", language.name());
    let guest = program(language, SCENARIOS).await?;
    let told = run::play(&guest, GID, &entropy()).await;
    run::replay(&guest, &entropy(), &told).await?;

    let mut child = Command::new(std::env::current_exe()?);
    child.args(["--ignored", "--exact", "--nocapture", "surroundings::tells_its_entropy"]).env(CHILD, language.name());
    let output = tokio::task::spawn_blocking(move || child.output()).await??;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && printed.contains(&one), "another process says {printed}\nnot {one}");
    Ok(())
}

#[tokio::test]
#[ignore = "runs in a process of its own, for one_gid_has_one_world"]
async fn tells_its_entropy() -> Result<()> {
    let name = std::env::var(CHILD).with_context(|| format!("{CHILD} names a language"))?;
    let language = Language::ALL.into_iter().find(|language| language.name() == name).context("a language")?;
    println!("{}", entropy_of(language, GID).await?);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn messages_reach_the_log(
    #[values(Language::Rust, Language::Python, Language::Js, Language::JsStarlingMonkey, Language::Go, Language::C)]
    language: Language,
) -> Result<()> {
    if !language.is_selected()? {
        return Ok(());
    }
    let scenario = plain("log", stub::answer, Want::Output(br#"{"logged":5}"#.into()));
    let guest = program(language, SCENARIOS).await?;
    let told = run::play(&guest, GID, &scenario).await;
    run::check(&scenario, &told)?;
    run::replay(&guest, &scenario, &told).await?;
    let (printed, written): (Vec<&String>, Vec<&String>) = told.log.iter().partition(|line| line.contains("stream="));
    let said = |line: &str| line.split(" gid=").next().unwrap_or(line).to_owned();
    let written: Vec<String> = written.into_iter().map(|line| said(line)).collect();
    let mut want = vec!["TRACE guest: t", "DEBUG guest: d", "INFO guest: i", "WARN guest: w", "ERROR guest: e"];
    let has_console = matches!(language, Language::Js | Language::JsStarlingMonkey);
    if has_console {
        want.extend(["INFO guest: out", "ERROR guest: err"]);
    }
    ensure!(written == want, "{}: {:#?}", language.name(), told.log);
    if has_console {
        return Ok(());
    }
    for (text, stream) in [("INFO guest: out", "stdout"), ("WARN guest: err", "stderr")] {
        let is_there = printed.iter().any(|line| said(line) == text && line.contains(stream));
        ensure!(is_there, "{}: no {text:?} on {stream}: {:#?}", language.name(), told.log);
    }
    Ok(())
}

/// What the failure of the scenario `trap` says of its place: on standard error, or by the functions that it was in.
const fn place(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &["src/surroundings.rs:", "conformance_guest::conformance"],
        Language::Python => &["surroundings.py\", line ", ", in trap\n", "RuntimeError: boom in scenario"],
        // An arrow function has no name there; lines are those of the bundle, which lies beside the component.
        Language::Js => &["Error: boom in scenario\n    at ", "user.js:"],
        Language::JsStarlingMonkey => &["boom in scenario\n", "trap/<@conformance.js:"],
        Language::Go | Language::GoHttp => &["panic: boom in scenario", "main.trap(", "/basics.go:"],
        Language::C => &["\ntrap\n"],
        Language::CDebug => &["\ntrap at ", "errors.c:58\n"],
    }
}

#[rstest]
#[tokio::test]
async fn a_trap_says_where(
    #[values(
        Language::Rust,
        Language::Python,
        Language::Js,
        Language::JsStarlingMonkey,
        Language::Go,
        Language::C,
        Language::CDebug
    )]
    language: Language,
) -> Result<()> {
    if !language.is_selected()? {
        return Ok(());
    }
    let scenario = plain("trap", stub::answer, Want::Trap("boom in scenario"));
    let told = run::play(&*program(language, SCENARIOS).await?, GID, &scenario).await;
    run::check(&scenario, &told)?;
    let End::Guest(GuestFailure::Trap { message, unsaid, backtrace }) = &told.end else {
        unreachable!("that it is a trap was checked")
    };
    let shown = format!("{message}\n---\n{}\n", backtrace.as_deref().unwrap_or_default());
    for part in place(language) {
        ensure!(shown.contains(part), "{}: no {part:?} in\n{shown}", language.name());
    }
    // What it wrote is in the log line by line, so the failure need not be logged with it.
    let said = message.lines().filter(|line| line.contains("boom in scenario"));
    let logged = told.log.iter().filter(|line| line.contains("boom in scenario"));
    ensure!(said.count() == logged.count(), "{}: {message}\n{:#?}", language.name(), told.log);
    ensure!(message.ends_with(&format!("({unsaid})")), "{}: {message}\n{unsaid}", language.name());
    Ok(())
}

/// C and JavaScript on QuickJS have no HTTP client.
#[rstest]
#[tokio::test]
async fn ordinary_http_clients_are_durable(
    #[values(Language::Rust, Language::Python, Language::JsStarlingMonkey, Language::GoHttp)] language: Language,
) -> Result<()> {
    if !language.is_selected()? {
        return Ok(());
    }
    let want = Want::Output(br#"{"a":11,"b":22}"#.into());
    // What headers a client sends is its own.
    let scenario = Scenario { journal: Journal::SameCalls, ..plain("http", stub::answer, want) };
    let guest = program(language, SCENARIOS).await?;
    let told = run::play(&guest, GID, &scenario).await;
    let about = || format!("http in {}:\n{}", language.name(), text::journal(&told.journal));
    run::check(&scenario, &told).with_context(about)?;
    ensure!(told.sent == ["01-r01 action GET http://stub.test/a", "01 action POST http://stub.test/b"], "{}", about());
    run::replay(&guest, &scenario, &told).await.with_context(about)
}
