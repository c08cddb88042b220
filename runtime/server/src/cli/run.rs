//! `reprise run`: triggers a workflow and waits for its end, or not.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use reprise_engine::{Gid, Phase, WorkflowName};
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::answer::{Admitted, Execution, Failure, Note};
use super::deploy;
use super::error::CliError;
use super::exit_code::Exit;
use super::output::{self, Format, clean};
use super::server::{Answer, Server, ServerArgs, Trigger};

/// How long one request waits, so that a quarantine is noticed before the whole wait is over.
const SLICE: Duration = Duration::from_secs(2);
/// The least time between two requests, should the server wait shorter than it was asked to.
const PAUSE: Duration = Duration::from_millis(200);

/// What to run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The workflow.
    pub workflow: WorkflowName,
    /// The global transaction id: the same gid again is the same execution. Chosen by the server if none is given.
    #[arg(long)]
    pub gid: Option<Gid>,
    /// The input, JSON.
    #[arg(long, value_name = "JSON", conflicts_with = "input_file")]
    pub input: Option<String>,
    /// The file with the input, JSON or any bytes; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    pub input_file: Option<PathBuf>,
    /// Does not wait for the end; prints the gid.
    #[arg(long, conflicts_with = "wait")]
    pub no_wait: bool,
    /// How long to wait for the end.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub wait: Wait,
    /// What a trap of the workflow leads to.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_trap: Option<OnTrap>,
    /// Rolls back if the workflow has not returned by then.
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Wait>,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// How long to wait: `60s`, `500ms`, `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(Duration);

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
        // Longer than a process lives is as good as a year.
        let longest = Duration::from_hours(366 * 24);
        parsed.map(|time| Self(time.min(longest))).ok_or_else(|| "write for instance 60s, 500ms or 1m30s".to_owned())
    }
}

/// What a trap leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnTrap {
    /// The execution is kept until a fixed component is deployed; the default.
    Quarantine,
    /// The execution is rolled back.
    Rollback,
}

impl OnTrap {
    const fn name(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Rollback => "rollback",
        }
    }
}

pub(super) async fn run(args: RunArgs) -> Result<Exit, CliError> {
    let input = input(args.input, args.input_file)?;
    let server = args.server.connect()?;
    let deadline = Instant::now() + args.wait.0;
    let trigger = Trigger {
        gid: args.gid.as_ref(),
        workflow: &args.workflow,
        on_trap: args.on_trap.map(OnTrap::name),
        timeout: args.timeout.map(|timeout| timeout.0),
        // Zero would ask for no wait, which is answered with less.
        wait: (!args.no_wait).then(|| args.wait.0.clamp(Duration::from_millis(1), SLICE)),
    };
    let mut answer = server.trigger(trigger, input).await?;
    if args.no_wait {
        match args.server.output {
            Format::Json => output::line(&answer.text)?,
            Format::Text => output::line(&clean(&answer.read::<Admitted>()?.gid))?,
        }
        return Ok(Exit::Ok);
    }
    let mut execution: Execution = answer.read()?;
    if let Some((later, end)) = wait(&server, &execution, deadline).await? {
        (answer, execution) = (later, end);
    }
    match args.server.output {
        Format::Json => output::line(&answer.text)?,
        Format::Text => tell(&execution)?,
    }
    Ok(Exit::of(&execution))
}

/// The input as it was typed, or from a file.
pub(super) fn input(json: Option<String>, file: Option<PathBuf>) -> Result<Vec<u8>, CliError> {
    match (json, file) {
        (Some(json), _) => match serde_json::from_str::<IgnoredAny>(&json) {
            Ok(_) => Ok(json.into_bytes()),
            Err(error) => {
                Err(CliError::Usage(format!("--input is no JSON: {error}; use --input-file for other bytes")))
            }
        },
        (None, Some(file)) => deploy::read(&file),
        (None, None) => Ok(Vec::new()),
    }
}

/// Asks until the execution has ended, is quarantined or `deadline` has passed; the last answer, if there was need to ask.
async fn wait(server: &Server, first: &Execution, deadline: Instant) -> Result<Option<(Answer, Execution)>, CliError> {
    let mut last: Option<(Answer, Execution)> = None;
    loop {
        let execution = last.as_ref().map_or(first, |(_, execution)| execution);
        let asked = Instant::now();
        if Exit::of(execution) != Exit::Open || asked >= deadline {
            return Ok(last);
        }
        let gid = execution.gid.parse().map_err(|error| CliError::Usage(format!("{error}")))?;
        let answer = server.execution(&gid, Some(SLICE.min(deadline - asked))).await?;
        let execution = answer.read()?;
        last = Some((answer, execution));
        tokio::time::sleep_until((asked + PAUSE).min(deadline)).await;
    }
}

/// The output to stdout, everything else to stderr.
fn tell(execution: &Execution) -> Result<(), CliError> {
    let gid = clean(&execution.gid);
    match Exit::of(execution) {
        Exit::Ok => return output(execution),
        Exit::Failed => {
            eprintln!("error[failed]: `{gid}` failed and was rolled back");
            if let Some(failure) = &execution.failure {
                tell_failure(failure);
            }
        }
        Exit::Quarantined => {
            eprintln!("error[quarantined]: `{gid}` is quarantined");
            if let Some(Note::Quarantined { reason, message, .. }) = &execution.note {
                eprintln!("  {}: {}", clean(reason), clean(message).replace('\n', "\n  "));
            }
        }
        Exit::Open | Exit::Trouble | Exit::Usage | Exit::Refused | Exit::Findings | Exit::Unusable => {
            let what = match execution.phase {
                Phase::RollingBack => "is still rolling back",
                Phase::Committing => "is still committing",
                Phase::Running | Phase::Succeeded | Phase::Failed => "is still running",
            };
            eprintln!("error[open]: `{gid}` {what}; it goes on whether anybody waits or not");
        }
    }
    eprintln!("help: `reprise show {gid}` draws what it did and what is next");
    Ok(())
}

fn tell_failure(failure: &Failure) {
    eprintln!("  {}", clean(&failure.message).replace('\n', "\n  "));
    let details = failure.details.as_ref().map(|details| details.get()).or(failure.details_base64.as_deref());
    if let Some(details) = details {
        eprintln!("  details: {}", clean(details));
    }
}

fn output(execution: &Execution) -> Result<(), CliError> {
    match (&execution.output, &execution.output_base64) {
        (Some(json), _) => output::line(json.get()),
        (None, Some(base64)) => {
            let bytes = STANDARD.decode(base64).map_err(|error| CliError::Foreign {
                url: format!("execution `{}`", execution.gid),
                reason: format!("its output is no base64: {error}"),
            })?;
            output::raw(&bytes)
        }
        (None, None) => output::line("null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_have_units() {
        for (text, want) in
            [("60s", Some(60_000)), ("500ms", Some(500)), ("1m30s", Some(90_000)), ("5", None), ("-5s", None)]
        {
            assert_eq!(text.parse().ok(), want.map(|ms| Wait(Duration::from_millis(ms))), "{text}");
        }
    }

    #[test]
    fn an_input_that_is_typed_is_json() {
        assert_eq!(input(Some("[1]".into()), None).ok(), Some(b"[1]".to_vec()));
        assert!(matches!(input(Some("{".into()), None), Err(CliError::Usage(_))));
        assert_eq!(input(None, None).ok(), Some(Vec::new()));
    }
}
