//! `reprise deploy`: uploads a component as the next version of a workflow.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use reprise_engine::WorkflowName;

use super::answer::Deployed;
use super::error::CliError;
use super::exit_code::Exit;
use super::output::{self, Format, clean};
use super::server::ServerArgs;

/// What to deploy.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// The workflow.
    #[arg(value_name = "NAME")]
    pub workflow: WorkflowName,
    /// The component, a .wasm file; `-` reads stdin.
    #[arg(value_name = "FILE")]
    pub component: PathBuf,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

pub(super) async fn run(args: DeployArgs) -> Result<Exit, CliError> {
    let server = args.server.connect()?;
    let component = read(&args.component)?;
    let answer = server.deploy(&args.workflow, component).await?;
    match args.server.output {
        Format::Json => output::line(&answer.text)?,
        Format::Text => {
            let Deployed { workflow, version, digest, warnings } = answer.read()?;
            for warning in warnings {
                eprintln!("warning: {}", clean(&warning));
            }
            output::line(&clean(&format!("{workflow} v{version} {digest}")))?;
        }
    }
    Ok(Exit::Ok)
}

/// The bytes of a file, or of stdin for `-`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let bytes = if path == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let name = if path == "-" { "stdin".into() } else { format!("`{}`", path.display()) };
    bytes.map_err(|source| CliError::File { doing: format!("read {name}"), source })
}
