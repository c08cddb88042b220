//! `reprise check`: tries out what can go wrong in a workflow, in this process, and says what would be left behind.

mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use reprise_check::{Kind, Replies, RepliesError, Report, Setup, Severity, check};
use reprise_engine::Completeness;
use reprise_host::{Host, HostConfig, Program};

use super::deploy;
use super::error::CliError;
use super::exit_code::Exit;
use super::output::{self, Format, clean};
use super::paint::{ColorChoice, Paint};
use super::run::input;

/// What to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The component, a .wasm file; `-` reads stdin.
    #[arg(value_name = "FILE")]
    pub component: PathBuf,
    /// The input, JSON.
    #[arg(long, value_name = "JSON", conflicts_with = "input_file")]
    pub input: Option<String>,
    /// The file with the input, JSON or any bytes; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    pub input_file: Option<PathBuf>,
    /// What a participant answers to a call, as 'bank/transfer-out={"balance": 70}'; may be given more than once.
    #[arg(long, value_name = "CALL=JSON")]
    pub reply: Vec<String>,
    /// The file with replies: a TOML (.toml) or JSON table by call.
    #[arg(long, value_name = "FILE")]
    pub replies: Option<PathBuf>,
    /// A participant, or the host of a URL, that has no barrier; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub no_barrier: Vec<String>,
    /// Calls need not say how they are undone, as with the setting `completeness = "lenient"`.
    #[arg(long)]
    pub lenient: bool,
    /// The component that goes on after a crash: whether executions that are open can be upgraded to it.
    #[arg(long, value_name = "FILE")]
    pub upgrade: Option<PathBuf>,
    /// What stdout is for.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
    /// When to colour text.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
}

pub(super) async fn run(args: CheckArgs) -> Result<Exit, CliError> {
    let replies = replies(&args.reply, args.replies.as_deref())?;
    let input = input(args.input, args.input_file)?;
    // Two instances at a time at most: one that is kept for its closures, and the next one.
    let host = Host::new(HostConfig { instances: 4, ..HostConfig::default() })?;
    let program = prepare(&host, &args.component).await?;
    let upgrade = match &args.upgrade {
        Some(path) => Some(prepare(&host, path).await?),
        None => None,
    };
    let completeness = if args.lenient { Completeness::Lenient } else { Completeness::Strict };
    let setup = Setup { program, upgrade, input, replies, no_barrier: args.no_barrier, completeness };
    let report = check(&setup).await;
    match args.output {
        Format::Json => {
            output::line(&serde_json::to_string(&report).expect("a report is plain data with text keys"))?;
        }
        Format::Text => output::raw(table::draw(&report, Paint::choose(args.color)).as_bytes())?,
    }
    Ok(exit(&report))
}

async fn prepare(host: &Host, path: &Path) -> Result<Arc<Program>, CliError> {
    let file = path.display().to_string();
    let prepared = host.prepare(deploy::read(path)?).await;
    let prepared = prepared.map_err(|source| CliError::Component { file, source })?;
    for warning in prepared.warnings {
        eprintln!("warning: {}", clean(&warning));
    }
    Ok(prepared.program)
}

fn replies(typed: &[String], file: Option<&Path>) -> Result<Replies, CliError> {
    let mut replies = Replies::default();
    let wrong = |error: RepliesError| CliError::Usage(error.to_string());
    if let Some(path) = file {
        let bytes = deploy::read(path)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| CliError::Usage(format!("the replies in `{}` are no text in UTF-8", path.display())))?;
        let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        if is_toml { replies.add_toml(&text) } else { replies.add_json(&text) }.map_err(wrong)?;
    }
    typed.iter().try_for_each(|reply| replies.add(reply)).map_err(wrong)?;
    Ok(replies)
}

fn exit(report: &Report) -> Exit {
    match report.count(Severity::Error) {
        _ if report.findings.iter().any(|finding| finding.kind == Kind::Baseline) => Exit::Unusable,
        0 => Exit::Ok,
        _ => Exit::Findings,
    }
}
