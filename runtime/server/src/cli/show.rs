//! `reprise show`: draws an execution, once or whenever something happens.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use reprise_engine::Gid;

use super::answer::Execution;
use super::drawing;
use super::error::CliError;
use super::events::Events;
use super::exit_code::Exit;
use super::moment::Moment;
use super::output::{self, Format};
use super::server::{Answer, Server, ServerArgs};

/// On a terminal attempts and times go on between two events.
const REFRESH: Duration = Duration::from_secs(1);
/// Before an event stream that ended is opened again.
const REOPEN: Duration = Duration::from_millis(200);

/// What to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The execution.
    pub gid: Gid,
    /// Draws it again whenever something happens, until it has ended; exits like `run`.
    #[arg(long)]
    pub watch: bool,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

pub(super) async fn run(args: ShowArgs) -> Result<Exit, CliError> {
    let server = args.server.connect()?;
    if args.watch {
        return watch(&server, &args).await;
    }
    let answer = server.execution(&args.gid, None).await?;
    print(&answer, &answer.read()?, &args.server, Place::Below)?;
    Ok(Exit::Ok)
}

/// Where a drawing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Below what is there.
    Below,
    /// Over the whole terminal.
    Over,
}

async fn watch(server: &Server, args: &ShowArgs) -> Result<Exit, CliError> {
    let text = args.server.output == Format::Text;
    let place = if text && std::io::stdout().is_terminal() { Place::Over } else { Place::Below };
    let mut drawn = String::new();
    let mut events: Option<Events> = None;
    loop {
        let answer = server.execution(&args.gid, None).await?;
        let execution: Execution = answer.read()?;
        if place == Place::Over || answer.text != drawn {
            print(&answer, &execution, &args.server, place)?;
            drawn.clone_from(&answer.text);
        }
        if execution.is_over() {
            return Ok(Exit::of(&execution));
        }
        let stream = match &mut events {
            Some(stream) => stream,
            // From the entries that are drawn, so nothing happens unseen in between.
            None => events.insert(server.events(&args.gid, execution.entries.unwrap_or(0)).await?),
        };
        let event = tokio::select! {
            event = stream.next() => event?.is_some(),
            () = tokio::time::sleep(REFRESH), if place == Place::Over => true,
        };
        if !event {
            events = None;
            tokio::time::sleep(REOPEN).await;
        }
    }
}

fn print(answer: &Answer, execution: &Execution, server: &ServerArgs, place: Place) -> Result<(), CliError> {
    match (server.output, place) {
        (Format::Json, _) => output::line(&answer.text),
        (Format::Text, Place::Below) => output::raw(drawing::draw(execution, Moment::now(), server.paint()).as_bytes()),
        (Format::Text, Place::Over) => {
            let drawing = drawing::draw(execution, Moment::now(), server.paint());
            output::raw(format!("\u{1b}[H\u{1b}[2J{drawing}").as_bytes())
        }
    }
}
