//! The command line: `serve` starts the runtime, `new` writes a project, `component` makes a component of a core
//! module, `check` tries one out, every other command talks to a server over its HTTP API and decides nothing itself.
//!
//! What is typed is checked while it is parsed, so a command that runs has valid names. Data goes to stdout, talk to
//! stderr; how it ended is an [`Exit`].

mod answer;
mod check;
mod columns;
mod component;
mod deploy;
mod drawing;
mod error;
mod events;
mod exit_code;
mod journal;
mod ls;
mod moment;
mod new;
mod output;
mod paint;
mod participants;
mod run;
mod server;
mod show;
mod upload;

use clap::{Parser, Subcommand};

pub use check::CheckArgs;
pub use component::ComponentArgs;
pub use deploy::DeployArgs;
pub use error::CliError;
pub use exit_code::Exit;
pub use journal::JournalArgs;
pub use ls::LsArgs;
pub use new::{Language, NewArgs};
pub use output::Format;
pub use paint::ColorChoice;
pub use participants::{ParticipantArgs, ParticipantCommand, ParticipantsArgs};
pub use run::{OnTrap, RunArgs, Wait};
pub use server::ServerArgs;
pub use show::ShowArgs;

use crate::config::ServeArgs;

/// Runs distributed transactions written as WebAssembly workflows, and looks at them.
#[derive(Debug, Parser)]
#[command(name = "reprise", version, propagate_version = true, after_help = exit_code::HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts the runtime.
    Serve(ServeArgs),
    /// Uploads a component as the next version of a workflow.
    Deploy(DeployArgs),
    /// Runs a workflow: prints its output, or why it failed.
    Run(RunArgs),
    /// Lists executions, newest first.
    Ls(LsArgs),
    /// Draws an execution: its branches, what was tried, what is next.
    Show(ShowArgs),
    /// Prints the journal of an execution, one line per entry.
    Journal(JournalArgs),
    /// Shows the services that workflows call, pauses and resumes them.
    Participants(ParticipantsArgs),
    /// Tries out what can go wrong in a workflow, without a server, and says what would be left behind.
    Check(CheckArgs),
    /// Makes a component of a core module, as `deploy` does by itself.
    Component(ComponentArgs),
    /// Writes a workflow project that builds.
    New(NewArgs),
}

/// Does what was asked for.
///
/// # Errors
/// [`CliError`], which knows its text and its exit code.
pub async fn run(cli: Cli) -> Result<Exit, CliError> {
    match cli.command {
        Command::Serve(args) => crate::serve::serve(args).await.map(|()| Exit::Ok).map_err(CliError::Serve),
        Command::Deploy(args) => deploy::run(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Ls(args) => ls::run(args).await,
        Command::Show(args) => show::run(args).await,
        Command::Journal(args) => journal::run(args).await,
        Command::Participants(args) => participants::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Component(args) => component::run(&args),
        Command::New(args) => new::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }
}
