//! Projects made by `reprise new`, built once a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::program::{ended, reprise};

/// The top of the checkout.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("runtime/server lies two folders deep")
}

/// Where guests are built, so that their dependencies are compiled once.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("guests")
}

/// A project of this name in a folder of its own, as `reprise new` makes it.
pub(crate) fn make(name: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let made = ended(reprise(&["new", name]).current_dir(dir.path()));
    assert_eq!((made.code, made.stdout.as_str()), (0, format!("{name}\n").as_str()), "{}", made.stderr);
    let project = dir.path().join(name);
    // The versions that the checkout has, so that they need not be chosen or fetched.
    fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).expect("the lock file can be copied");
    (dir, project)
}

/// Runs Cargo in a project.
pub(crate) fn cargo(project: &Path, arguments: &[&str]) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(project).env("CARGO_TARGET_DIR", target());
    // What an outer cargo set for itself is none of the inner one's business.
    for name in ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    let done = ended(&mut command);
    assert_eq!(done.code, 0, "cargo {arguments:?}:\n{}\n{}", done.stdout, done.stderr);
}

/// Builds the component of a project, as its README says; the file.
pub(crate) fn build(project: &Path, name: &str) -> PathBuf {
    cargo(project, &["build", "--release", "--target", "wasm32-wasip2"]);
    target().join("wasm32-wasip2/release").join(format!("{}.wasm", name.replace('-', "_")))
}

/// The component of the project `cli-test-order`, just as it was made.
pub(crate) fn order() -> &'static Path {
    static ORDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let (_dir, project) = make("cli-test-order");
        build(&project, "cli-test-order")
    });
    &ORDER
}

/// The same with a trap where it should refuse an order.
pub(crate) fn trapping() -> &'static Path {
    static TRAPPING: LazyLock<PathBuf> = LazyLock::new(|| {
        let (_dir, project) = make("cli-test-trap");
        let source = project.join("src/lib.rs");
        let text = fs::read_to_string(&source).expect("a source");
        let changed =
            text.replace("return Err(Failure::new(\"the quantity is zero\"));", "panic!(\"the quantity is zero\");");
        assert_ne!(text, changed);
        fs::write(source, changed).expect("a source");
        build(&project, "cli-test-trap")
    });
    &TRAPPING
}
