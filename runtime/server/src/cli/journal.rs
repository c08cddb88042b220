//! `reprise journal`: prints the journal of an execution, one line per entry.

use std::time::Duration;

use clap::Args;
use reprise_engine::Gid;
use serde_json::Value;

use super::answer::{Entry, Execution, Journal, Members};
use super::error::CliError;
use super::exit_code::Exit;
use super::output::{self, Format, clean};
use super::paint::{Paint, Role};
use super::server::{Server, ServerArgs, read};

/// Characters of one value in a line.
const VALUE_CHARS: usize = 100;
/// Before an event stream that ended is opened again.
const REOPEN: Duration = Duration::from_millis(200);

/// Whose journal to print.
#[derive(Debug, Args)]
pub struct JournalArgs {
    /// The execution.
    pub gid: Gid,
    /// Goes on with new entries until the execution has ended.
    #[arg(long)]
    pub follow: bool,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

pub(super) async fn run(args: JournalArgs) -> Result<Exit, CliError> {
    let server = args.server.connect()?;
    let mut printer = Printer { format: args.server.output, paint: args.server.paint(), next: 0 };
    if args.follow {
        follow(&server, &args.gid, &mut printer).await?
    } else {
        all(&server, &args.gid, &mut printer).await?
    }
    Ok(Exit::Ok)
}

/// Prints what there is, page by page.
async fn all(server: &Server, gid: &Gid, printer: &mut Printer) -> Result<(), CliError> {
    loop {
        let answer = server.journal(gid, printer.next).await?;
        let page: Journal = answer.read()?;
        page.entries.iter().try_for_each(|entry| printer.print(entry.get()))?;
        if page.next.is_none() || page.entries.is_empty() {
            return Ok(());
        }
    }
}

/// Prints entries as they come, until nothing can follow.
async fn follow(server: &Server, gid: &Gid, printer: &mut Printer) -> Result<(), CliError> {
    loop {
        // Asked first: when it was over then, the stream that follows is whole.
        let execution: Execution = server.execution(gid, None).await?.read()?;
        let mut events = server.events(gid, printer.next).await?;
        while let Some(entry) = events.next().await? {
            printer.print(&entry)?;
        }
        if execution.is_over() {
            return Ok(());
        }
        tokio::time::sleep(REOPEN).await;
    }
}

/// Prints entries and knows where the next one begins.
struct Printer {
    format: Format,
    paint: Paint,
    next: u32,
}

impl Printer {
    fn print(&mut self, text: &str) -> Result<(), CliError> {
        let entry: Entry = read("the journal", text)?;
        self.next = entry.seq.saturating_add(1);
        match self.format {
            Format::Json => output::line(text),
            Format::Text => output::line(&line(&entry, self.paint)),
        }
    }
}

fn line(entry: &Entry, paint: Paint) -> String {
    let seq = paint.paint(Role::Quiet, &format!("{:>4}", entry.seq));
    let at = paint.paint(Role::Quiet, &entry.at.to_string());
    let kind = paint.paint(Role::Strong, &format!("{:<14}", clean(&entry.kind)));
    let bytes = paint.paint(Role::Quiet, &format!("{:>6} B", entry.bytes));
    let what = match &entry.error {
        Some(error) => paint.paint(Role::Bad, &clean(error)),
        None => describe(&entry.entry),
    };
    format!("{seq}  {at}  {kind}  {bytes}  {what}")
}

/// `name=value name=value`, without what is empty; operations as people call them.
fn describe(entry: &Members) -> String {
    let empty = |value: &Value| {
        value.is_null() || value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
    };
    let shown = entry.0.iter().filter(|(_, member)| !empty(member)).map(|(name, member)| {
        let text = match (name.as_str(), member) {
            ("operation", operation) => call(operation),
            ("registered", Value::Array(registered)) => {
                format!("[{}]", registered.iter().map(registration).collect::<Vec<_>>().join(", "))
            }
            _ => value(member),
        };
        format!("{}={text}", clean(name))
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// `POST bank/out {..}`; as it is if it is no call of HTTP or gRPC.
fn call(operation: &Value) -> String {
    let text = |name| operation.get(name).and_then(Value::as_str).map(clean);
    match (text("kind").as_deref(), text("method"), text("target")) {
        (Some("http"), Some(method), Some(target)) => {
            let body = operation.get("body").map(|body| format!(" {}", value(body))).unwrap_or_default();
            format!("{method} {target}{body}")
        }
        (Some("grpc"), Some(method), Some(target)) => format!("gRPC {target}/{}", method.trim_start_matches('/')),
        _ => value(operation),
    }
}

/// `01 rollback POST bank/out/revert`.
fn registration(registration: &Value) -> String {
    let text = |name| registration.get(name).and_then(Value::as_str).map(clean);
    let what = match (registration.get("operation"), text("handler")) {
        (Some(operation), _) => call(operation),
        (None, Some(handler)) => format!("handler {handler}"),
        (None, None) => value(registration),
    };
    format!("{} {} {what}", text("branch").unwrap_or_default(), text("op").unwrap_or_default())
}

fn value(value: &Value) -> String {
    let text = match value.as_str() {
        Some(text) if !text.contains(|c: char| c.is_whitespace() || c == '"') => text.to_owned(),
        Some(_) | None => value.to_string(),
    };
    let text = clean(&text).replace('\n', "\\n");
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, entry: &str) -> String {
        let entry = format!(
            r#"{{"seq": 3, "at": "2026-01-02T03:04:05.678Z", "kind": "{kind}", "fingerprint": "00ff", "bytes": 34, "entry": {entry}}}"#
        );
        line(&serde_json::from_str(&entry).expect("an entry"), Paint::Plain)
    }

    #[test]
    fn an_entry_is_a_line() {
        insta::assert_snapshot!(
            check("op-completed", r#"{"ticket": 0, "attempts": 2, "error": null, "result": {"state": "success"}, "text": "a b"}"#),
            @r#"   3  2026-01-02 03:04:05.678Z  op-completed        34 B  ticket=0 attempts=2 result={"state":"success"} text="a b""#
        );
    }

    #[test]
    fn operations_read_as_calls() {
        let entry = r#"{"ticket": 0, "branch": "01", "operation": {"kind": "http", "method": "POST", "target": "bank/out", "body": [1]},
            "registered": [
                {"op": "rollback", "branch": "01", "operation": {"kind": "grpc", "method": "/b.Bank/Undo", "target": "bank"}},
                {"op": "commit", "branch": "01", "handler": "confirm"}
            ]}"#;
        insta::assert_snapshot!(
            check("op-intended", entry),
            @"   3  2026-01-02 03:04:05.678Z  op-intended         34 B  ticket=0 branch=01 operation=POST bank/out [1] registered=[01 rollback gRPC bank/b.Bank/Undo, 01 commit handler confirm]"
        );
    }

    #[test]
    fn a_broken_entry_says_why() {
        let entry =
            r#"{"seq": 3, "at": 0, "fingerprint": "00ff", "bytes": 34, "error": "the stored bytes are damaged"}"#;
        insta::assert_snapshot!(
            line(&serde_json::from_str(entry).expect("an entry"), Paint::Plain),
            @"   3  1970-01-01 00:00:00.000Z  broken              34 B  the stored bytes are damaged"
        );
    }
}
