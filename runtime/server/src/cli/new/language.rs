//! The languages of `reprise new`: the project that it writes, the SDK, and what comes next.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use include_dir::{Dir, include_dir};

use crate::cli::error::CliError;

/// A language that projects can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Language {
    /// Rust.
    #[default]
    Rust,
    /// Python.
    Python,
    /// TypeScript and JavaScript.
    Js,
    /// Go.
    Go,
    /// C.
    C,
}

static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/rust/template");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/python/template");
static JS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/js/template");
static GO: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/go/template");
static C: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/c/template");

/// The guest SDKs beside the sources that this program was built from.
const SDKS_OF_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk");

impl Language {
    /// The files of a project: where each goes, and its text with `{{name}}`, `{{crate}}` and `{{sdk}}` to be replaced.
    pub(super) fn template(self) -> Vec<(PathBuf, &'static str)> {
        let mut files = Vec::new();
        collect(self.folder(), &mut files);
        files
    }

    const fn folder(self) -> &'static Dir<'static> {
        match self {
            Self::Rust => &RUST,
            Self::Python => &PYTHON,
            Self::Js => &JS,
            Self::Go => &GO,
            Self::C => &C,
        }
    }

    /// What to do in the folder of a new project.
    pub(super) fn next(self, name: &str) -> String {
        match self {
            Self::Rust => "cargo test && cargo build --release --target wasm32-wasip2".into(),
            Self::Python => format!(
                "python3 -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt && pytest && \
                 reprise-guest build -o {name}.wasm"
            ),
            Self::Js => "npm install && npm test && npm run build".into(),
            Self::Go => {
                format!("go test && GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o {name}.wasm .")
            }
            Self::C => "make test && make".into(),
        }
    }

    /// The SDK as the template names it: the folder that was named, that of the checkout, or a version.
    ///
    /// # Errors
    /// What was named is not this language's SDK, or there is none.
    pub(super) fn sdk(self, named: Option<&Path>) -> Result<String, CliError> {
        let (file, sign) = self.sign();
        if let Some(path) = named
            && !fs::read_to_string(path.join(file)).is_ok_and(|text| text.contains(sign))
        {
            let shown = path.display();
            let message = format!("--sdk `{shown}` is not the guest SDK: it has no {file} of it");
            return Err(CliError::Usage(message));
        }
        let beside = Path::new(SDKS_OF_CHECKOUT).join(self.name());
        let path = named.unwrap_or(&beside).canonicalize().ok();
        let path = path.as_deref().map(Path::to_string_lossy);
        match (self, path) {
            // TOML's basic strings have the escapes of JSON's.
            (Self::Rust, Some(path)) => Ok(format!("{{ path = {} }}", serde_json::Value::from(path.as_ref()))),
            (Self::Rust, None) => Ok(format!("\"{}\"", env!("CARGO_PKG_VERSION"))),
            (_, Some(path)) => Ok(path.into_owned()),
            (Self::Python, None) => Ok("reprise-guest".into()),
            (Self::Js, None) => Ok(format!("^{}", env!("CARGO_PKG_VERSION"))),
            (Self::Go | Self::C, None) => {
                Err(CliError::Usage("name the folder of the guest SDK, `guest-sdk` of a checkout, with --sdk".into()))
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Js => "js",
            Self::Go => "go",
            Self::C => "c",
        }
    }

    /// A file of the SDK, and a text in it.
    const fn sign(self) -> (&'static str, &'static str) {
        match self {
            Self::Rust => ("Cargo.toml", "name = \"reprise-guest\""),
            Self::Python => ("pyproject.toml", "name = \"reprise-guest\""),
            Self::Js => ("package.json", "\"@reprise/guest\""),
            Self::Go => ("go.mod", "module reprise.dev/guest"),
            Self::C => ("workflow.mk", "reprise"),
        }
    }
}

fn collect(folder: &'static Dir<'static>, files: &mut Vec<(PathBuf, &'static str)>) {
    for file in folder.files() {
        let text = file.contents_utf8().expect("templates are text");
        files.push((place(file.path()), text));
    }
    for inner in folder.dirs() {
        collect(inner, files);
    }
}

/// Templates end in `.in` and hide nothing, so that tools take them for what they are.
fn place(path: &Path) -> PathBuf {
    let path = if path.extension().is_some_and(|end| end == "in") { path.with_extension("") } else { path.to_owned() };
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name @ ("gitignore" | "npmrc")) => path.with_file_name(format!(".{name}")),
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_is_filled_in() {
        for language in Language::value_variants() {
            let files = language.template();
            assert!(files.iter().any(|(path, _)| path == Path::new("README.md")), "{language:?}: {files:?}");
            assert!(files.iter().any(|(path, _)| path == Path::new(".gitignore")), "{language:?}: {files:?}");
            for (path, template) in files {
                let filled = template.replace("{{name}}", "").replace("{{crate}}", "").replace("{{sdk}}", "");
                assert!(!filled.contains("{{"), "{language:?}: {}", path.display());
            }
        }
    }

    #[test]
    fn only_the_sdk_is_the_sdk() {
        for language in Language::value_variants() {
            let sdk = language.sdk(None).expect("the checkout's");
            assert!(sdk.contains(&format!("guest-sdk/{}", language.name())), "{sdk}");
            assert!(matches!(language.sdk(Some(Path::new("/"))), Err(CliError::Usage(_))));
            let named = Path::new(SDKS_OF_CHECKOUT).join(language.name());
            assert_eq!(language.sdk(Some(&named)).ok(), Some(sdk));
        }
    }
}
