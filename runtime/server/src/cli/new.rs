//! `reprise new`: writes a workflow project that builds with one command.

mod language;

pub use language::Language;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use thiserror::Error;

use super::error::CliError;
use super::exit_code::Exit;
use super::output;

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

/// A name that a package and a workflow can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectName(String);

/// A name that a project can't have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidProjectName {
    /// It has other characters, or too many.
    #[error("use 1 to 64 characters of a-z A-Z 0-9 _ -, a letter first")]
    Characters,
    /// It means something else to a language or its tools.
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
    let sdk = args.lang.sdk(args.sdk.as_deref())?;
    let folder = Path::new(name);
    claim(folder)?;
    for (path, template) in args.lang.template() {
        let text =
            template.replace("{{name}}", name).replace("{{crate}}", &name.replace('-', "_")).replace("{{sdk}}", &sdk);
        write(&folder.join(path), &text)?;
    }
    output::line(name)?;
    eprintln!("wrote the project `{name}`; next:");
    eprintln!("  cd {name} && {}", args.lang.next(name));
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
}
