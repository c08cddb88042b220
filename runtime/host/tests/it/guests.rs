//! Guests for the tests: the probe and the client, built once per test run, and components written as text.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use reprise_host::{Host, HostConfig, Program};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The bytes of `probe-guest`.
pub(crate) static PROBE: LazyLock<Vec<u8>> = LazyLock::new(|| build("probe-guest"));

/// The bytes of `client-guest`.
pub(crate) static CLIENT: LazyLock<Vec<u8>> = LazyLock::new(|| build("client-guest"));

/// Builds in a target directory of its own: the outer cargo holds the lock of the usual one.
fn build(package: &str) -> Vec<u8> {
    let target = root().join("target/guests");
    let status = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["build", "--quiet", "--package", package, "--target", "wasm32-wasip2", "--profile", "guest"])
        .arg("--target-dir")
        .arg(&target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "{package} can't be built; `rustup target add wasm32-wasip2`");
    let file = format!("wasm32-wasip2/guest/{}.wasm", package.replace('-', "_"));
    std::fs::read(target.join(file)).expect("cargo wrote the component")
}

pub(crate) fn config() -> HostConfig {
    HostConfig { instances: 8, memory_bytes_max: 64 << 20, ..HostConfig::default() }
}

pub(crate) fn host() -> Host {
    Host::new(config()).expect("eight instances fit everywhere")
}

pub(crate) async fn probe(host: &Host) -> Arc<Program> {
    host.prepare(PROBE.clone()).await.expect("the probe is a good component").program
}

pub(crate) async fn client(host: &Host) -> Arc<Program> {
    host.prepare(CLIENT.clone()).await.expect("the client is a good component").program
}

pub(crate) fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's text is WAT")
}

/// A component of no language: `run` returns its input.
pub(crate) const ECHO: &str = r#"
(component
  (core module $m
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "run") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 4) (local.get 0))
      (i32.store (i32.const 8) (local.get 1))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (type $failure' (record (field "message" string) (field "details" (list u8))))
  (export $failure "failure" (type $failure'))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error $failure)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
"#;
