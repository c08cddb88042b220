//! The guests: built once for the same sources, compiled once for the same guest, shared by all cases.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use anyhow::{Context as _, Result};
use reprise_host::{Host, HostConfig, Program};
use reprise_tests::{COMPILED, Language};
use tokio::sync::OnceCell;

/// What is built: the folder with a folder for each language in it, and the crate in Rust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Project {
    pub(crate) folder: &'static str,
    pub(crate) package: &'static str,
}

/// The guest with all scenarios.
pub(crate) const SCENARIOS: Project = Project { folder: "tests/conformance", package: "conformance-guest" };

type Cell = Arc<OnceCell<Arc<Program>>>;

static PROGRAMS: LazyLock<Mutex<HashMap<(Language, Project), Cell>>> = LazyLock::new(Mutex::default);

/// A guest that can run.
pub(crate) async fn program(language: Language, project: Project) -> Result<Arc<Program>> {
    let cell =
        PROGRAMS.lock().expect("nothing panics while it holds this").entry((language, project)).or_default().clone();
    let program = cell.get_or_try_init(async || {
        let file = built(language, project).await?;
        prepared(&host(&file, language)?, file).await
    });
    program.await.cloned()
}

/// The file of a guest.
pub(crate) async fn built(language: Language, project: Project) -> Result<PathBuf> {
    tokio::task::spawn_blocking(move || language.guest(project.folder, project.package)).await?
}

/// A host that keeps the machine code of this guest beside it. Cargo's file is overwritten by the next build, and takes no
/// time to compile.
pub(crate) fn host(file: &std::path::Path, language: Language) -> Result<Host> {
    let cache_dir = (language != Language::Rust).then(|| file.with_extension(COMPILED));
    Ok(Host::new(HostConfig { cache_dir, ..config() })?)
}

pub(crate) fn config() -> HostConfig {
    HostConfig { instances: 64, instances_bytes_max: u64::MAX, ..HostConfig::default() }
}

pub(crate) async fn prepared(host: &Host, file: PathBuf) -> Result<Arc<Program>> {
    let bytes = tokio::fs::read(&file).await?;
    let prepared = host.prepare(bytes).await.with_context(|| file.display().to_string())?;
    Ok(prepared.program)
}
