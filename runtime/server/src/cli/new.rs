//! `reprise new`: writes a workflow project that builds with one command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use thiserror::Error;

use super::error::CliError;
use super::exit_code::Exit;
use super::output;

/// The Rust project: path and text, in which `{{name}}`, `{{crate}}` and `{{sdk}}` are replaced.
const RUST: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.in")),
    ("README.md", include_str!("../../templates/rust/README.md.in")),
    (".gitignore", include_str!("../../templates/rust/gitignore.in")),
    ("src/lib.rs", include_str!("../../templates/rust/src/lib.rs.in")),
    ("tests/order.rs", include_str!("../../templates/rust/tests/order.rs.in")),
];

/// The guest SDK beside the sources that this program was built from.
const SDK_OF_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/rust");

/// Names that Cargo refuses or that clash with what every program has.
const RESERVED: [&str; 56] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "incremental",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "use",
    "where",
    "while",
];

/// What to write.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The project and its folder.
    pub name: ProjectName,
    /// The language.
    #[arg(long, value_enum, default_value_t)]
    pub lang: Language,
    /// The folder of the guest SDK to build with [default: the one this program was built with].
    #[arg(long, value_name = "PATH")]
    pub sdk: Option<PathBuf>,
}

/// A language that projects can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Language {
    /// Rust.
    #[default]
    Rust,
}

/// A name that a package and a workflow can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectName(String);

/// A name that a project can't have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidProjectName {
    /// It has other characters, or too many.
    #[error("use 1 to 64 characters of a-z A-Z 0-9 _ -, a letter first")]
    Characters,
    /// It means something else to Rust or Cargo.
    #[error("the name means something else to Rust; choose another")]
    Reserved,
}

impl std::str::FromStr for ProjectName {
    type Err = InvalidProjectName;

    fn from_str(name: &str) -> Result<Self, InvalidProjectName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if name.len() > 64 || !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.bytes().all(allowed) {
            return Err(InvalidProjectName::Characters);
        }
        let clash = ["reprise-guest", "serde", "serde_json"].contains(&name);
        if clash || RESERVED.contains(&name.replace('-', "_").to_ascii_lowercase().as_str()) {
            return Err(InvalidProjectName::Reserved);
        }
        Ok(Self(name.to_owned()))
    }
}

pub(super) fn run(args: &NewArgs) -> Result<Exit, CliError> {
    let ProjectName(name) = &args.name;
    let sdk = sdk(args.sdk.as_deref())?;
    let folder = Path::new(name);
    claim(folder)?;
    let Language::Rust = args.lang;
    for (path, template) in RUST {
        let text =
            template.replace("{{name}}", name).replace("{{crate}}", &name.replace('-', "_")).replace("{{sdk}}", &sdk);
        write(&folder.join(path), &text)?;
    }
    output::line(name)?;
    eprintln!("wrote the project `{name}`; next:");
    eprintln!("  cd {name} && cargo test && cargo build --release --target wasm32-wasip2");
    Ok(Exit::Ok)
}

/// Takes a folder that does not exist or is empty.
fn claim(folder: &Path) -> Result<(), CliError> {
    let file = |source| CliError::File { doing: format!("write the folder `{}`", folder.display()), source };
    match fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(CliError::Usage(format!(
            "the folder `{}` exists and is not empty; choose another name or place",
            folder.display()
        ))),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(folder).map_err(file),
        Err(error) => Err(file(error)),
    }
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    parent
        .and_then(|()| fs::write(path, text))
        .map_err(|source| CliError::File { doing: format!("write `{}`", path.display()), source })
}

/// The dependency on the SDK, as Cargo.toml has it: the folder that was named, that of the checkout, or a version.
fn sdk(named: Option<&Path>) -> Result<String, CliError> {
    if let Some(path) = named {
        let text = fs::read_to_string(path.join("Cargo.toml"));
        if !text.is_ok_and(|text| text.contains("name = \"reprise-guest\"")) {
            let message =
                format!("--sdk `{}` is not the guest SDK: it has no Cargo.toml of reprise-guest", path.display());
            return Err(CliError::Usage(message));
        }
    }
    match named.unwrap_or(Path::new(SDK_OF_CHECKOUT)).canonicalize() {
        // TOML's basic strings have the escapes of JSON's.
        Ok(path) => Ok(format!("{{ path = {} }}", serde_json::Value::from(path.to_string_lossy().as_ref()))),
        Err(_) => Ok(format!("\"{}\"", env!("CARGO_PKG_VERSION"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let long = "x".repeat(65);
        for (name, valid) in [
            ("order", true),
            ("my-Order_2", true),
            ("", false),
            ("2nd", false),
            ("-x", false),
            ("a/b", false),
            ("..", false),
            ("über", false),
            ("fn", false),
            ("proc-macro", false),
            ("serde", false),
            (&long, false),
        ] {
            assert_eq!(name.parse::<ProjectName>().is_ok(), valid, "{name:?}");
        }
    }

    #[test]
    fn every_marker_is_filled_in() {
        for (path, template) in RUST {
            let filled = template.replace("{{name}}", "").replace("{{crate}}", "").replace("{{sdk}}", "");
            assert!(!filled.contains("{{"), "{path}");
        }
    }

    #[test]
    fn only_the_sdk_is_the_sdk() {
        assert!(sdk(None).expect("the checkout's").ends_with("guest-sdk/rust\" }"));
        assert!(matches!(sdk(Some(Path::new("/"))), Err(CliError::Usage(_))));
    }
}
