//! Workflows in every language that has an SDK here: built from source with pinned toolchains, once for the same sources.

use std::fs::{self, File};
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use ignore::WalkBuilder;
use xxhash_rust::xxh3::Xxh3;

use crate::build::{guest, root, target};

/// Which languages to test, by the names of their SDKs' folders: `rust,js`. All of them if it is not set.
const SELECTED: &str = "REPRISE_LANGUAGES";

/// The extension of the folder beside a guest in which machine code of it may be kept: it goes when the guest goes.
pub const COMPILED: &str = "compiled";

/// A language with an SDK, and how its guests are built where there is more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// Rust.
    Rust,
    /// Python, on componentize-py.
    Python,
    /// JavaScript and TypeScript, on QuickJS.
    Js,
    /// JavaScript and TypeScript, on StarlingMonkey.
    JsStarlingMonkey,
    /// Go.
    Go,
    /// Go with its package `net/http`.
    GoHttp,
    /// C.
    C,
    /// C with debug information.
    CDebug,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Rust, Self::Python, Self::Js, Self::JsStarlingMonkey, Self::Go, Self::GoHttp, Self::C, Self::CDebug];

    /// A name for people and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Js => "js",
            Self::JsStarlingMonkey => "js-starlingmonkey",
            Self::Go => "go",
            Self::GoHttp => "go-http",
            Self::C => "c",
            Self::CDebug => "c-debug",
        }
    }

    /// Its folder in `guest-sdk`, `examples/transfer-saga` and so on.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Js | Self::JsStarlingMonkey => "js",
            Self::Go | Self::GoHttp => "go",
            Self::C | Self::CDebug => "c",
        }
    }

    /// Whether `REPRISE_LANGUAGES` has it, or is not set.
    ///
    /// # Errors
    /// The variable names a language that there is not.
    pub fn is_selected(self) -> Result<bool> {
        let Ok(names) = std::env::var(SELECTED) else { return Ok(true) };
        let names: Vec<&str> = names.split(',').map(str::trim).collect();
        let unknown = names.iter().find(|name| Self::ALL.iter().all(|language| language.folder() != **name));
        ensure!(unknown.is_none(), "{SELECTED}: there is no language {unknown:?}");
        Ok(names.contains(&self.folder()))
    }

    /// Its SDK.
    #[must_use]
    pub fn sdk(self) -> PathBuf {
        root().join("guest-sdk").join(self.folder())
    }

    /// Where the toolchains are: a folder for each language.
    #[must_use]
    pub fn toolchains() -> PathBuf {
        target().join("toolchains")
    }

    /// Installs its toolchain unless it is there; its folder.
    ///
    /// # Errors
    /// What the installation says.
    pub fn toolchain(self) -> Result<PathBuf> {
        let folder = Self::toolchains().join(self.folder());
        if self != Self::Rust {
            let installed = run(Command::new(self.sdk().join("toolchain")).arg(&folder));
            let advice = format!("without it, {SELECTED}=... tests the other languages");
            installed.with_context(|| format!("the toolchain of {} can't be installed; {advice}", self.folder()))?;
        }
        Ok(folder)
    }

    /// The component or core module of a project with a folder for each language, for instance `examples/transfer-saga`;
    /// `package` is its crate, where cargo builds it. Built again when a file of the SDK or the project has changed.
    ///
    /// # Errors
    /// What the build says.
    pub fn guest(self, project: &str, package: &str) -> Result<PathBuf> {
        if self == Self::Rust { guest(package) } else { self.component(&root().join(project).join(self.folder())) }
    }

    /// The same for the folder of a project in this language, which is not Rust, anywhere.
    ///
    /// # Errors
    /// What the build says.
    pub fn component(self, project: &Path) -> Result<PathBuf> {
        let dir = target().join("conformance");
        fs::create_dir_all(&dir)?;
        let place = project.strip_prefix(root()).unwrap_or(project).to_string_lossy().replace('/', "-");
        let name = format!("{place}-{}", self.name());
        // One build in a folder at a time: whoever waited finds it done.
        let lock = File::create(dir.join(format!("{place}.lock")))?;
        lock.lock().with_context(|| format!("the lock of {name}"))?;
        let built = dir.join(format!("{name}-{:016x}.wasm", self.inputs(project)?));
        if !built.exists() {
            self.toolchain()?;
            remove_older(&dir, &name)?;
            let fresh = dir.join(format!("{name}.wasm"));
            self.build(project, &fresh)?;
            fs::rename(&fresh, &built).with_context(|| format!("{} was not built", fresh.display()))?;
        }
        Ok(built)
    }

    fn build(self, project: &Path, to: &Path) -> Result<()> {
        let mut command = Command::new(self.sdk().join("build-component"));
        command.arg(project).arg(to).env("REPRISE_TOOLCHAINS", Self::toolchains());
        match self {
            Self::JsStarlingMonkey => _ = command.args(["--engine", "sm"]),
            Self::GoHttp => _ = command.env("GOFLAGS", "-tags=http"),
            Self::CDebug => _ = command.env("DEBUG", "1"),
            Self::Rust | Self::Python | Self::Js | Self::Go | Self::C => {}
        }
        run(&mut command).with_context(|| format!("{} in {}", project.display(), self.name()))
    }

    /// A hash of everything that the guest is made of; what `.gitignore` files name is made of it.
    fn inputs(self, project: &Path) -> Result<u64> {
        let mut hash = Xxh3::new();
        for folder in [&self.sdk(), project, &root().join("wit")] {
            let mut files = WalkBuilder::new(folder);
            files.hidden(false).require_git(false).sort_by_file_path(Ord::cmp);
            for file in files.build() {
                let file = file?;
                if file.file_type().is_some_and(|kind| kind.is_file()) {
                    hash.write(file.path().as_os_str().as_encoded_bytes());
                    hash.write(&fs::read(file.path()).with_context(|| file.path().display().to_string())?);
                }
            }
        }
        Ok(hash.finish())
    }
}

/// What was made of other sources.
fn remove_older(dir: &Path, name: &str) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let Some((hash, kind)) = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')?.split_once('.'))
        else {
            continue;
        };
        if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let removed = if kind == COMPILED { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} can't be started"))?;
    if !output.status.success() {
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{command:?} ended with {}:\n{said}\n{complained}", output.status);
    }
    Ok(())
}
