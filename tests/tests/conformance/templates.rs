//! `reprise new` in every language: the project passes its tests and builds with the commands that it names, and what it
//! builds does what its README says.

#![expect(clippy::wildcard_enum_match_arm, reason = "a stub answers all else in one way")]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use reprise_engine::{CallResult, Operation};
use reprise_tests::drive::Script;
use reprise_tests::{Language, program, root};
use rstest::rstest;
use serde_json::json;

use crate::guests::{host, prepared};
use crate::run;
use crate::scenarios::{Journal, Scenario, Want};
use crate::shell::bash;

const NAME: &str = "chairs";

/// Commands of the README, each a line of it, and the file that the last one makes.
fn steps(language: Language) -> (&'static [&'static str], &'static str) {
    match language {
        Language::Rust => {
            (&["cargo build --release --target wasm32-wasip2"], "target/wasm32-wasip2/release/chairs.wasm")
        }
        Language::Python => (
            &[
                "python3 -m venv .venv && . .venv/bin/activate",
                "pip install -r requirements.txt",
                "pytest",
                "reprise-guest build -o chairs.wasm",
            ],
            "chairs.wasm",
        ),
        Language::Js | Language::JsStarlingMonkey => {
            (&["npm install", "npm test", "npm run build"], "dist/chairs.wasm")
        }
        Language::Go | Language::GoHttp => {
            (&["go test", "GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o chairs.wasm ."], "chairs.wasm")
        }
        Language::C | Language::CDebug => (&["make test", "make"], "build/chairs.wasm"),
    }
}

#[rstest]
#[tokio::test]
async fn a_new_project_works(
    #[values(Language::Rust, Language::Python, Language::Js, Language::Go, Language::C)] language: Language,
) -> Result<()> {
    if !language.is_selected()? {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let place = dir.path().to_owned();
    let file = tokio::task::spawn_blocking(move || made(language, &place)).await??;
    // It is in a folder that goes with the test, so nothing of it is kept.
    let guest = prepared(&host(&file, Language::Rust)?, file).await?;
    let order = Scenario {
        name: NAME.to_owned(),
        input: json!({ "item": "chair", "quantity": 2, "account": "alice", "amount": 30 }),
        script: Script::new(participants),
        want: Want::Output(br#"{"reservation":"r-1","balance":70}"#.into()),
        journal: Journal::Same,
    };
    let told = run::play(&guest, run::GID, &order).await;
    run::check(&order, &told).with_context(|| language.name())?;
    ensure!(told.sent == ["01 action POST stock/reserve", "02 action POST bank/pay"], "{:?}", told.sent);
    run::replay(&guest, &order, &told).await
}

fn participants(operation: &Operation) -> CallResult {
    let body = match operation {
        Operation::Http { target, .. } if target == "stock/reserve" => json!({ "reservation": "r-1" }),
        _ => json!({ "balance": 70 }),
    };
    CallResult::Success { status: 200, body: body.to_string().into() }
}

/// Makes a project and takes the steps of its README; the file.
fn made(language: Language, dir: &Path) -> Result<PathBuf> {
    language.toolchain()?;
    let reprise = program("reprise", &[])?;
    bash(language, dir, &format!("{} new --lang {} {NAME}", reprise.display(), language.folder()))?;
    let project = dir.join(NAME);
    if language == Language::Rust {
        // Its dependencies are compiled once, in the versions that the checkout has.
        let guests = Language::toolchains().with_file_name("guests");
        fs::create_dir_all(&guests)?;
        std::os::unix::fs::symlink(guests, project.join("target"))?;
        fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock"))?;
    }
    let readme = fs::read_to_string(project.join("README.md"))?;
    let (steps, file) = steps(language);
    for step in steps {
        ensure!(readme.lines().any(|line| line == *step), "the README of {} does not say {step:?}", language.name());
    }
    // One shell for all of them: a step may set up the next.
    bash(language, &project, &steps.join(" && "))?;
    Ok(project.join(file))
}
