//! Core modules as uploads: they become the components that their compilers did not make.

use std::path::Path;

use reprise_engine::{Digest, RunResult};
use reprise_host::{ComponentError, Host, HostConfig, component_of};
use sha2::{Digest as _, Sha256};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::drive::{Drive, ok, output, run_and_replay};
use crate::guests::{component, config, host};

/// What every module here has: memory, with room for the adapter's 64 KiB, and a `realloc` that never frees.
const LIBC: &str = r#"
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 1024))
    (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
"#;

/// `run` returns its input.
const RUN: &str = r#"
    (func (export "run") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 4) (local.get 0))
      (i32.store (i32.const 8) (local.get 1))
      (i32.const 0))
"#;

/// `handle` succeeds.
const HANDLE: &str = r#"
    (func (export "handle") (param i32 i32 i32 i32 i32 i32) (result i32)
      (i32.store (i32.const 0) (i32.const 0))
      (i32.const 0))
"#;

/// `run` returns 8 bytes of WASI preview 1's randomness.
const RANDOM: &str = r#"
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (func (export "run") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (call $random (i32.const 32) (i32.const 8)))
      (i32.store (i32.const 4) (i32.const 32))
      (i32.store (i32.const 8) (i32.const 8))
      (i32.const 0))
"#;

/// `run` makes a list of headers of WASI's HTTP client and drops it. What else a client uses is linked, which compares
/// its types with those that are served.
const HEADERS: &str = r#"
    (import "wasi:http/outgoing-handler@0.2.12" "handle" (func (param i32 i32 i32 i32)))
    (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func (param i32 i32)))
    (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func (param i32 i32)))
    (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func (param i32 i64 i32)))
    (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func (param i32 i32 i32 i32)))
    (import "wasi:io/poll@0.2.12" "poll" (func (param i32 i32 i32)))
    (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
    (import "wasi:http/types@0.2.0" "[resource-drop]fields" (func $drop (param i32)))
    (func (export "run") (param i32 i32) (result i32)
      (call $drop (call $fields))
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 8) (i32.const 0))
      (i32.const 0))
"#;

/// `run` opens a branch and returns nothing.
const BRANCH: &str = r#"
    (import "reprise:workflow/transaction@0.1.0" "new-branch" (func $branch (result i32)))
    (func (export "run") (param i32 i32) (result i32)
      (drop (call $branch))
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 8) (i32.const 0))
      (i32.const 0))
"#;

fn module(parts: &[&str]) -> Vec<u8> {
    let (imports, rest): (Vec<&str>, Vec<&str>) =
        parts.iter().copied().partition(|part| part.trim_start().starts_with("(import"));
    component(&format!("(module {} {})", imports.concat(), rest.concat()))
}

fn refused(parts: &[&str]) -> String {
    match component_of(&module(parts)) {
        Err(error @ ComponentError::CoreModule(_)) => error.to_string(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn run(host: &Host, gid: &str, upload: Vec<u8>, input: &str) -> Vec<u8> {
    let program = host.prepare(upload).await.expect("a good module").program;
    match Drive::begin(gid, input, ok).run(&program).await {
        Ok(RunResult::Output(output)) => output,
        other => panic!("expected an output, got {other:?}"),
    }
}

#[tokio::test]
async fn a_core_module_runs() {
    let host = host();
    assert_eq!(run(&host, "echo", module(&[LIBC, RUN]), "hi").await, b"hi");
    let branch = host.prepare(module(&[BRANCH, LIBC])).await.expect("a good module");
    assert_eq!(branch.warnings, [] as [String; 0]);
    assert_eq!(output(&run_and_replay(&branch.program, "branch", "", ok).await), "");
}

#[tokio::test]
async fn a_core_module_may_import_an_http_client() {
    let host = host();
    assert_eq!(run(&host, "http", module(&[HEADERS, LIBC]), "").await, b"");
    let with_preview_1 = format!("{HEADERS}{}", RANDOM.replace("\"run\"", "\"random\""));
    let (imports, rest): (Vec<_>, Vec<_>) = with_preview_1.lines().partition(|line| line.contains("(import"));
    assert_eq!(run(&host, "both", module(&[&imports.concat(), LIBC, &rest.join("\n")]), "").await, b"");
}

#[tokio::test]
async fn an_export_handle_is_found() {
    let host = host();
    for (parts, handles) in [(&[LIBC, RUN][..], false), (&[LIBC, RUN, HANDLE], true)] {
        assert_eq!(host.prepare(module(parts)).await.expect("a good module").program.has_handle(), handles);
    }
}

#[tokio::test]
async fn the_digest_is_that_of_the_module() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let host = |dir: &Path| Host::new(HostConfig { cache_dir: Some(dir.into()), ..config() }).expect("it starts");
    let upload = module(&[LIBC, RUN]);
    let digest = host(dir.path()).prepare(upload.clone()).await.expect("a good module").digest;
    assert_eq!(digest, Digest::new(Sha256::digest(&upload).into()));
    let found = host(dir.path()).program(digest).await.expect("nothing interrupts");
    assert_eq!(found.expect("it is cached").digest(), digest);
}

#[tokio::test]
async fn preview_1_is_as_deterministic_as_wasi_0_2() {
    let host = host();
    let first = run(&host, "a", module(&[RANDOM, LIBC]), "").await;
    assert_eq!((first.len(), &first), (8, &run(&host, "a", module(&[RANDOM, LIBC]), "").await));
    assert_ne!(first, run(&host, "b", module(&[RANDOM, LIBC]), "").await);
}

#[test]
fn the_same_module_becomes_the_same_component() {
    let upload = module(&[RANDOM, LIBC, HANDLE]);
    let made = component_of(&upload).expect("a good module");
    assert_eq!(made, component_of(&upload).expect("a good module"));
    assert_eq!(made, component_of(&made).expect("a component stays what it is"));
}

/// The module with the types of a world that exports `run`.
fn carrying(world: &str, encoding: StringEncoding) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let text = format!("package some:types@0.1.0; world w {{ {world} }}");
    let package = resolve.push_source("own.wit", &text).expect("WIT");
    let world = resolve.select_world(&[package], None).expect("one world");
    let mut upload = module(&[LIBC, RUN]);
    embed_component_metadata(&mut upload, &resolve, world, encoding).expect("it fits");
    upload
}

#[tokio::test]
async fn types_that_a_module_carries_are_left_out() {
    for world in ["export run: func(n: u32) -> u32;", "import foreign: func();"] {
        let upload = carrying(world, StringEncoding::UTF8);
        assert_eq!(component_of(&upload), component_of(&module(&[LIBC, RUN])));
        assert_eq!(run(&host(), "echo", upload, "hi").await, b"hi");
    }
    let foreign = carrying("export run: func(n: u32) -> u32;", StringEncoding::UTF16);
    let made = component_of(&foreign);
    assert!(made.is_err_and(|error| error.to_string().contains("its texts are UTF-16")));
}

#[test]
fn what_a_module_lacks_is_named() {
    let start = r#"(func (export "_start"))"#;
    let foreign = r#"(import "env" "puts" (func (param i32)))"#;
    let other_version = r#"(import "reprise:workflow/transaction@0.2.0" "new-branch" (func (result i32)))"#;
    let unknown = r#"(import "reprise:workflow/transaction@0.1.0" "new-brunch" (func (result i32)))"#;
    let no_wasi = r#"(import "wasi_snapshot_preview1" "fork" (func (result i32)))"#;
    let wrong_run = r#"(func (export "run") (param i64) (result i32) (i32.const 0))"#;
    let wrong_handle = r#"(func (export "handle") (result i32) (i32.const 0))"#;
    let memory = r#"(memory (export "memory") 1)"#;
    for (parts, texts) in [
        (&[][..], &["does not export `run`; it exports nothing", "help: a workflow's module exports `memory`"][..]),
        (&[LIBC], &["does not export `run`; it exports `memory`, `cabi_realloc`"]),
        (&[LIBC, RUN, start], &["exports `_start`", "-mexec-model=reactor"]),
        (&[foreign, LIBC, RUN], &["imports `env.puts`, which nobody answers"]),
        (&[other_version, LIBC, RUN], &["reprise:workflow/transaction@0.2.0"]),
        (&[unknown, LIBC, RUN], &["`new-brunch`"]),
        (&[no_wasi, LIBC, RUN], &["`fork`"]),
        (&[LIBC, wrong_run], &["`run`: expected `[I32, I32] -> [I32]` but found `[I64] -> [I32]`"]),
        (&[LIBC, RUN, wrong_handle], &["`handle`: expected `[I32, I32, I32, I32, I32, I32] -> [I32]`"]),
        (&[RUN.replace("(i32.store", "(drop (i32.const 0)) (i32.store").as_str(), memory], &["cabi_realloc"]),
    ] {
        let text = refused(parts);
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn damage_is_an_error() {
    assert_eq!(component_of(b""), Err(ComponentError::Empty));
    assert_eq!(component_of(b"(module)"), Err(ComponentError::NotWasm));
    let whole = module(&[RANDOM, LIBC, HANDLE]);
    let (mut whole_enough, mut broken) = (0, 0);
    for end in 8..whole.len() {
        match component_of(&whole[..end]) {
            Ok(_) => whole_enough += 1,
            Err(ComponentError::CoreModule(_) | ComponentError::Invalid(_)) => broken += 1,
            Err(other) => panic!("cut off after {end} bytes: {other}"),
        }
    }
    assert_eq!((whole_enough, broken), (1, whole.len() - 9), "only the names at the end may be missing");
}
