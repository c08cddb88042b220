//! Builds what a test needs, from source, once a process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};

static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

fn once(key: &str, build: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
    let mut built = BUILT.lock().expect("a build does not panic while it holds this");
    let built = built.get_or_insert_default();
    if let Some(path) = built.get(key) {
        return Ok(path.clone());
    }
    let path = build()?;
    built.insert(key.to_owned(), path.clone());
    Ok(path)
}

/// The top of the checkout.
///
/// # Panics
/// Never: this crate lies in it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the checkout").to_owned()
}

pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(arguments);
    // What an outer cargo set for itself is none of the inner one's business: some build scripts look at it, and
    // would run again. Whether to build incrementally is: a change of it compiles the workspace again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let own = text.starts_with("CARGO_")
            && !matches!(text.as_ref(), "CARGO_HOME" | "CARGO_TARGET_DIR" | "CARGO_INCREMENTAL");
        if own || matches!(text.as_ref(), "RUSTFLAGS" | "LD_LIBRARY_PATH") {
            command.env_remove(&name);
        }
    }
    let output = command.output().context("cargo can't be started")?;
    if !output.status.success() {
        bail!("cargo {} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The component of a guest, for instance `transfer-saga`.
///
/// # Errors
/// Cargo's messages.
pub fn guest(package: &str) -> Result<PathBuf> {
    guest_with(package, &[])
}

/// The component of a guest with features of its crate.
///
/// # Errors
/// Cargo's messages.
pub fn guest_with(package: &str, features: &[&str]) -> Result<PathBuf> {
    once(&format!("guest {package} {features:?}"), || {
        let dir = target().join("guests");
        let (text, list) = (dir.to_string_lossy(), features.join(","));
        let mut arguments = vec!["build", "-q", "-p", package, "--features", &list];
        arguments.extend(["--target", "wasm32-wasip2", "--profile", "guest", "--target-dir", &text]);
        cargo(&arguments)?;
        let built = dir.join("wasm32-wasip2/guest").join(format!("{}.wasm", package.replace('-', "_")));
        keep(&built, features)
    })
}

/// A program of the workspace in the dev profile, for instance `bank`; with `features`, a copy of its own.
///
/// # Errors
/// Cargo's messages.
pub fn program(package: &str, features: &[&str]) -> Result<PathBuf> {
    once(&format!("program {package} {features:?}"), || {
        let built = target().join("debug").join(package);
        // The whole workspace at once: built one by one, the packages would ask for their dependencies with different
        // features, and each of these would be compiled several times. For the same reason no dev-dependency asks for
        // more features than the dependencies do.
        if features.is_empty() {
            cargo(&["build", "-q", "--workspace", "--bins"])?;
            return Ok(built);
        }
        let list = features.iter().map(|feature| format!("{package}/{feature}")).collect::<Vec<_>>().join(",");
        cargo(&["build", "-q", "--workspace", "--bins", "--features", &list])?;
        keep(&built, features)
    })
}

/// What was built, where the next build with other features does not overwrite it.
fn keep(built: &Path, features: &[&str]) -> Result<PathBuf> {
    let name = built.file_stem().context("a file has a name")?.to_string_lossy();
    let kept = built.with_file_name(format!("{name}-with-{}", features.join("-")));
    // Renamed, as an older one may be running.
    let fresh = kept.with_extension(std::process::id().to_string());
    std::fs::copy(built, &fresh).with_context(|| format!("{} can't be copied", built.display()))?;
    std::fs::rename(&fresh, &kept).with_context(|| format!("{} can't be replaced", kept.display()))?;
    Ok(kept)
}
