//! `reprise component`: makes a component of a core module, for other runtimes and tools.

use std::path::PathBuf;

use clap::Args;
use reprise_host::component_of;

use super::deploy;
use super::error::CliError;
use super::exit_code::Exit;

/// What to make a component of.
#[derive(Debug, Args)]
pub struct ComponentArgs {
    /// The core module, a .wasm file; `-` reads stdin. A component stays what it is.
    #[arg(value_name = "FILE")]
    pub module: PathBuf,
    /// The component, a file to write.
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
}

pub(super) fn run(args: &ComponentArgs) -> Result<Exit, CliError> {
    let module = deploy::read(&args.module)?;
    let file = args.module.display().to_string();
    let component = component_of(&module).map_err(|source| CliError::Module { file, source })?;
    std::fs::write(&args.out, &component)
        .map_err(|source| CliError::File { doing: format!("write `{}`", args.out.display()), source })?;
    Ok(Exit::Ok)
}
