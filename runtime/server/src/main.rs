//! The program `reprise`: reads the command line, runs the command, turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use reprise::cli::{self, Cli};

/// Many small allocations on several threads: the system's allocator spends a tenth of the processor on its locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(Cli::parse()).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            if let Some(message) = error.message() {
                eprintln!("{message}");
            }
            error.exit().into()
        }
    }
}
