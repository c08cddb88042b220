//! `reprise participants`: how the services stand that workflows call; pauses and resumes them.

use clap::{Args, Subcommand};

use super::answer::{Breaker, Participant, Participants};
use super::columns::{Cell, Columns};
use super::error::CliError;
use super::exit_code::Exit;
use super::output::{self, Format, clean};
use super::paint::Role;
use super::server::{ParticipantVerb, ServerArgs};

/// What to do with participants; lists them without a command.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ParticipantsArgs {
    /// Pauses or resumes one.
    #[command(subcommand)]
    pub command: Option<ParticipantCommand>,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Pauses or resumes a participant.
#[derive(Debug, Subcommand)]
pub enum ParticipantCommand {
    /// Sends nothing more to a participant: calls wait, attempts under way end. Survives a restart.
    Pause(ParticipantArgs),
    /// Ends a pause.
    Resume(ParticipantArgs),
}

/// One participant.
#[derive(Debug, Args)]
pub struct ParticipantArgs {
    /// Its name in the configuration.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

pub(super) async fn run(args: ParticipantsArgs) -> Result<Exit, CliError> {
    match args.command {
        None => list(&args.server).await,
        Some(ParticipantCommand::Pause(args)) => set(&args, ParticipantVerb::Pause).await,
        Some(ParticipantCommand::Resume(args)) => set(&args, ParticipantVerb::Resume).await,
    }
}

async fn list(args: &ServerArgs) -> Result<Exit, CliError> {
    let answer = args.connect()?.participants().await?;
    let Participants { participants } = answer.read()?;
    match args.output {
        Format::Json => participants.iter().try_for_each(|one| output::line(one.get()))?,
        Format::Text => {
            let read = participants.iter().map(|one| answer.read_part(one.get()));
            print(args, &read.collect::<Result<Vec<Participant>, _>>()?)?;
        }
    }
    Ok(Exit::Ok)
}

async fn set(args: &ParticipantArgs, verb: ParticipantVerb) -> Result<Exit, CliError> {
    let answer = args.server.connect()?.participant(&args.name, verb).await?;
    match args.server.output {
        Format::Json => output::line(&answer.text)?,
        Format::Text => print(&args.server, &[answer.read()?])?,
    }
    Ok(Exit::Ok)
}

fn print(args: &ServerArgs, participants: &[Participant]) -> Result<(), CliError> {
    let heading = ["NAME", "HOST", "STATE", "IN FLIGHT", "WAITING", "SUCCESS", "FAILURE", "ONGOING", "UNKNOWN"];
    let heading = heading.map(|name| (Role::Strong, name.to_owned())).to_vec();
    let rows: Vec<Vec<Cell>> = std::iter::once(heading).chain(participants.iter().map(row)).collect();
    let mut columns = Columns::default();
    rows.iter().for_each(|row| columns.fit(row));
    rows.iter().try_for_each(|row| output::line(&columns.line(args.paint(), row)))
}

fn row(one: &Participant) -> Vec<Cell> {
    let count = |count: u64| (Role::Normal, count.to_string());
    let outcomes = &one.outcomes;
    vec![
        (Role::Normal, clean(&one.name)),
        (Role::Quiet, clean(&one.host)),
        state(one),
        count(one.in_flight),
        count(one.waiting),
        count(outcomes.success),
        count(outcomes.failure),
        count(outcomes.ongoing),
        count(outcomes.unknown),
    ]
}

/// What keeps calls away from it, if anything does.
fn state(one: &Participant) -> Cell {
    match (&one.breaker, one.paused) {
        (_, true) => (Role::Bad, "paused".to_owned()),
        (Some(Breaker::Open { until }), false) => (Role::Bad, format!("breaker open until {}", until.time_of_day())),
        (Some(Breaker::HalfOpen), false) => (Role::Busy, "breaker half-open".to_owned()),
        (Some(Breaker::Closed | Breaker::Other) | None, false) => (Role::Good, "ok".to_owned()),
    }
}
