//! Rules of the house that a compiler does not check.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the checkout").to_owned()
}

/// Rust sources that git knows, with their text.
fn sources() -> Result<Vec<(String, String)>> {
    let output = Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()).output().context("git")?;
    ensure!(output.status.success(), "git ls-files failed");
    String::from_utf8(output.stdout)?
        .lines()
        .filter(|path| root().join(path).exists())
        .map(|path| Ok((path.to_owned(), std::fs::read_to_string(root().join(path))?)))
        .collect()
}

#[test]
fn the_engine_builds_without_the_world() -> Result<()> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--offline", "--package", "reprise-engine", "--edges", "normal", "--prefix", "none"])
        .current_dir(root())
        .output()
        .context("cargo tree")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout)?;
    ensure!(tree.contains("reprise-engine"), "no tree: {tree}");
    for banned in ["tokio", "sqlx", "wasmtime", "reqwest", "tonic", "axum", "rand "] {
        let found = tree.lines().find(|line| line.starts_with(banned));
        ensure!(found.is_none(), "the engine depends on {found:?}");
    }
    Ok(())
}

#[test]
fn sql_is_written_in_two_rooms_only() -> Result<()> {
    let mut wrong = Vec::new();
    for (path, text) in sources()? {
        // Participants have databases of their own, tests look behind the runtime's back.
        let allowed = ["runtime/store/", "runtime/sql/"].iter().any(|room| path.starts_with(room));
        let runtime = path.starts_with("runtime/") && !allowed && !path.contains("/tests/");
        let sql = ["\"SELECT ", "\"INSERT ", "sqlx::", "rusqlite::"].iter().any(|sign| text.contains(sign));
        if runtime && sql {
            wrong.push(path);
        }
    }
    ensure!(wrong.is_empty(), "SQL outside runtime/store and runtime/sql: {wrong:?}");
    Ok(())
}

#[test]
fn every_room_says_what_it_owns() -> Result<()> {
    let mut silent = Vec::new();
    for (path, text) in sources()? {
        if !text.trim_start().starts_with("//!") {
            silent.push(path);
        }
    }
    ensure!(silent.is_empty(), "files without a head: {silent:?}");
    Ok(())
}

#[test]
fn rooms_stay_small() -> Result<()> {
    let large: Vec<String> = sources()?
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > 620)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    ensure!(large.is_empty(), "split these: {large:?}");
    Ok(())
}

#[test]
fn only_one_place_reads_the_wall_clock() -> Result<()> {
    let readers: Vec<String> = sources()?
        .into_iter()
        .filter(|(path, text)| {
            path.starts_with("runtime/")
                && !path.contains("/tests/")
                && text.contains(&["SystemTime", "::now("].concat())
        })
        .map(|(path, _)| path)
        .collect();
    ensure!(readers == ["runtime/coordinator/src/clock.rs"], "the clock is read in {readers:?}");
    Ok(())
}
