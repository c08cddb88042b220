//! Compiled once, found again, healed when damaged.

use std::path::{Path, PathBuf};
use std::time::Instant;

use reprise_engine::RunResult;
use reprise_host::{Host, HostConfig};

use crate::drive::{Drive, ok};
use crate::guests::{ECHO, PROBE, component, config};

fn host(dir: &Path) -> Host {
    Host::new(HostConfig { cache_dir: Some(dir.into()), ..config() }).expect("a good configuration")
}

fn files(dir: &Path, end: &str) -> Vec<PathBuf> {
    let engines = std::fs::read_dir(dir).expect("the directory is there");
    engines
        .flat_map(|engine| std::fs::read_dir(engine.expect("readable").path()).expect("a directory per engine"))
        .map(|file| file.expect("readable").path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect()
}

#[tokio::test]
async fn a_program_is_found_again_without_its_bytes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let first = host(dir.path());
    let digest = first.prepare(component(ECHO)).await.expect("a good component").digest;
    drop(first);
    let second = host(dir.path());
    let program = second.program(digest).await.expect("nothing interrupts").expect("it is cached");
    let mut drive = Drive::begin("cached", "hi", ok);
    assert_eq!(drive.run(&program).await, Ok(RunResult::Output(b"hi".to_vec())));
    let unknown = reprise_engine::Digest::new([1; 32]);
    assert!(second.program(unknown).await.expect("nothing interrupts").is_none());
}

#[tokio::test]
async fn without_a_directory_only_memory_remembers() {
    let host = Host::new(HostConfig { programs_in_memory: 1, ..config() }).expect("a good configuration");
    let echo = host.prepare(component(ECHO)).await.expect("a good component").digest;
    assert!(host.program(echo).await.expect("nothing interrupts").is_some());
    host.prepare(PROBE.clone()).await.expect("a good component");
    assert!(host.program(echo).await.expect("nothing interrupts").is_none(), "one place, taken by the newer");
}

#[tokio::test]
async fn damage_is_noticed_and_healed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let digest = host(dir.path()).prepare(component(ECHO)).await.expect("a good component").digest;
    let code = files(dir.path(), ".cwasm").pop().expect("one file");
    let good = std::fs::read(&code).expect("readable");
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for damaged in [Vec::new(), good[..good.len() / 2].to_vec(), flipped] {
        std::fs::write(&code, damaged).expect("writable");
        let host = host(dir.path());
        assert!(host.program(digest).await.expect("nothing interrupts").is_none());
        host.prepare(component(ECHO)).await.expect("compiled again");
        assert_eq!(std::fs::read(&code).expect("readable"), good);
    }
    assert_eq!(files(dir.path(), ""), {
        let mut both = files(dir.path(), ".cwasm");
        both.extend(files(dir.path(), ".sum"));
        both
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_uploads_compile_once() {
    let host = Host::new(config()).expect("a good configuration");
    let begun = Instant::now();
    let alone = Host::new(config()).expect("a good configuration");
    alone.prepare(PROBE.clone()).await.expect("a good component");
    let once = begun.elapsed();
    let uploads: Vec<_> = (0..8)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { host.prepare(PROBE.clone()).await.expect("a good component").program })
        })
        .collect();
    let mut programs = Vec::new();
    for upload in uploads {
        programs.push(upload.await.expect("no panic"));
    }
    assert!(programs.iter().all(|program| std::sync::Arc::ptr_eq(program, &programs[0])), "one program for all");
    println!("compiled alone in {once:?}");
}
