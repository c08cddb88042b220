//! `reprise ls`: lists executions, newest first.

use clap::{Args, ValueEnum};
use reprise_engine::{Phase, WorkflowName};

use super::answer::{Activity, Cursor, Execution, Executions};
use super::columns::{Cell, Columns};
use super::drawing::{activity_name, phase_role};
use super::error::CliError;
use super::exit_code::Exit;
use super::moment::{Moment, length};
use super::output::{self, Format, clean};
use super::paint::Role;
use super::server::ServerArgs;

/// What to list.
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Only executions in this phase.
    #[arg(long, value_parser = phase)]
    pub phase: Option<Phase>,
    /// Only executions of this workflow.
    #[arg(long)]
    pub workflow: Option<WorkflowName>,
    /// Only executions of this activity.
    #[arg(long, value_enum)]
    pub activity: Option<ActivityName>,
    /// How many at one time; the server has a default and a maximum.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Goes on where an earlier list ended.
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    /// Lists all, page by page.
    #[arg(long)]
    pub all: bool,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Whether somebody works on an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ActivityName {
    /// In memory, worked on.
    Active,
    /// Waiting without memory.
    Parked,
    /// Stopped until somebody looks.
    Quarantined,
    /// Over.
    Finished,
}

pub(super) async fn run(args: LsArgs) -> Result<Exit, CliError> {
    let server = args.server.connect()?;
    let mut table = Table::new(&args.server);
    let mut after = args.after.clone().map(Cursor);
    loop {
        let answer = server.executions(&query(&args, after.as_ref())).await?;
        let page: Executions = answer.read()?;
        match args.server.output {
            Format::Json => page.executions.iter().try_for_each(|execution| output::line(execution.get()))?,
            Format::Text => {
                let executions = page.executions.iter().map(|execution| answer.read_part(execution.get()));
                table.print(&executions.collect::<Result<Vec<Execution>, _>>()?)?;
            }
        }
        after = page.next;
        match &after {
            Some(cursor) if !args.all => {
                eprintln!("there may be more: --all, or --after {}", clean(&cursor.0));
                return Ok(Exit::Ok);
            }
            Some(_) => {}
            None => return Ok(Exit::Ok),
        }
    }
}

fn query(args: &LsArgs, after: Option<&Cursor>) -> Vec<(&'static str, String)> {
    let activity = args.activity.and_then(|activity| activity.to_possible_value());
    let parameters = [
        ("phase", args.phase.map(|phase| phase.to_string())),
        ("workflow", args.workflow.as_ref().map(ToString::to_string)),
        ("activity", activity.map(|activity| activity.get_name().to_owned())),
        ("after", after.map(|cursor| cursor.0.clone())),
        ("limit", args.limit.map(|limit| limit.to_string())),
    ];
    parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn phase(name: &str) -> Result<Phase, String> {
    Phase::from_name(name).ok_or_else(|| "use running, committing, rolling-back, succeeded or failed".to_owned())
}

/// Prints pages below one heading.
struct Table {
    columns: Columns,
    paint: super::paint::Paint,
    headed: bool,
    now: Moment,
}

impl Table {
    fn new(server: &ServerArgs) -> Self {
        Self { columns: Columns::default(), paint: server.paint(), headed: false, now: Moment::now() }
    }

    fn print(&mut self, executions: &[Execution]) -> Result<(), CliError> {
        let heading = ["GID", "WORKFLOW", "PHASE", "ACTIVITY", "STARTED", "TOOK"];
        let heading = heading.map(|name| (Role::Strong, name.to_owned()));
        let rows: Vec<Vec<Cell>> = executions.iter().map(|execution| row(execution, self.now)).collect();
        let heading = (!std::mem::replace(&mut self.headed, true)).then(|| heading.to_vec());
        let rows: Vec<Vec<Cell>> = heading.into_iter().chain(rows).collect();
        rows.iter().for_each(|row| self.columns.fit(row));
        rows.iter().try_for_each(|row| output::line(&self.columns.line(self.paint, row)))
    }
}

fn row(execution: &Execution, now: Moment) -> Vec<Cell> {
    let until = if execution.phase.is_closed() { execution.updated_at } else { now };
    let activity = match execution.activity {
        Activity::Quarantined => Role::Bad,
        Activity::Active | Activity::Parked | Activity::Finished | Activity::Other => Role::Normal,
    };
    vec![
        (Role::Normal, clean(&execution.gid)),
        (Role::Normal, clean(&execution.workflow)),
        (phase_role(execution.phase), execution.phase.to_string()),
        (activity, if execution.elsewhere { "elsewhere" } else { activity_name(execution.activity) }.to_owned()),
        (Role::Quiet, execution.created_at.to_string()),
        (Role::Normal, length(until.ms_since(execution.created_at))),
    ]
}
