//! A journal for people: one line an entry, and a line more for each registration.

use reprise_engine::{CallResult, Entry, EntryRecord, Operation, Registration, RunResult, SqlOperation, Undo};
use reprise_tests::drive::START;

/// Of longer bytes only the length is told.
const EXCERPT: usize = 400;

/// The journal as text.
pub(crate) fn journal(records: &[EntryRecord]) -> String {
    records.iter().map(line).collect()
}

/// Where two journals part: the entries from the first that differs.
pub(crate) fn difference(want: &[EntryRecord], got: &[EntryRecord]) -> String {
    let same = want.iter().zip(got).take_while(|(want, got)| want == got).count();
    let some = |records: &[EntryRecord]| journal(&records[same.min(records.len())..][..4.min(records.len() - same)]);
    format!("entry {same} on, expected:\n{}found:\n{}", some(want), some(got))
}

/// Bytes as text, unless it gets long.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    if bytes.len() > EXCERPT {
        return format!("({} bytes)", bytes.len());
    }
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }).collect()
}

fn line(record: &EntryRecord) -> String {
    let after = record.at.0 - START.0;
    let (what, registered) = match record.decode() {
        Ok(entry) => told(entry),
        Err(error) => (error.to_string(), Vec::new()),
    };
    let registered: String = registered.iter().map(registration).collect();
    format!("{:>3} {after:>6} ms  {}\n{registered}", record.seq.0, what.trim_end())
}

fn told(entry: Entry) -> (String, Vec<Registration>) {
    match entry {
        Entry::Admitted { input, .. } | Entry::Started { input, .. } => {
            (format!("started {}", excerpt(&input)), vec![])
        }
        Entry::Intended { scope, ticket, branch, operation, options, registered } => {
            let within = scope.map(|index| format!(" in handler {index}")).unwrap_or_default();
            let options = if options.is_empty() { options } else { format!(" with {options}") };
            (format!("call {ticket}{within}: {branch} {}{options}", call(&operation)), registered)
        }
        Entry::Completed { ticket, result: ended, attempts, .. } => {
            (format!("result {ticket}: {} after {attempts}", result(&ended)), vec![])
        }
        Entry::TimerFired { ticket, length_ms, .. } => (format!("timer {ticket} of {length_ms} ms"), vec![]),
        Entry::Canceled { ticket, .. } => (format!("cancel {ticket}"), vec![]),
        Entry::Returned { result: RunResult::Output(output), registered } => {
            (format!("output {}", excerpt(&output)), registered)
        }
        Entry::Returned { result: RunResult::Failure { message, details }, registered } => {
            (format!("failure {message:?} {}", excerpt(&details)), registered)
        }
        Entry::PhaseTwoDone { index, .. } => (format!("done: registration {index}"), vec![]),
        Entry::FinishDone { index, .. } => (format!("notified: registration {index}"), vec![]),
        Entry::Closed
        | Entry::Upgraded { .. }
        | Entry::Submitted { .. }
        | Entry::Opened { .. }
        | Entry::Enlisted { .. }
        | Entry::Reported(_)
        | Entry::Forced { .. } => (entry.kind_name().to_owned(), vec![]),
    }
}

fn registration(Registration { op, branch, undo }: &Registration) -> String {
    let what = match undo {
        Undo::Operation { operation, .. } => call(operation),
        Undo::Handler { name, payload, .. } => format!("handler {name} {}", excerpt(payload)),
    };
    format!("{:15}{branch} {op}: {}\n", "", what.trim_end())
}

fn call(operation: &Operation) -> String {
    match operation {
        Operation::Http { body, .. } | Operation::Request { body, .. } => format!("{operation} {}", excerpt(body)),
        Operation::Grpc { message, .. } => format!("{operation} {message:02x?}"),
        Operation::Sql(SqlOperation { statements, .. }) | Operation::Xa(SqlOperation { statements, .. }) => {
            format!("{operation} {statements:?}")
        }
        Operation::XaFinish { .. } => operation.to_string(),
    }
}

fn result(result: &CallResult) -> String {
    match result {
        CallResult::Success { status, body } | CallResult::Failure { status, body } => {
            format!("{} {status} {}", result.name(), excerpt(body))
        }
        CallResult::Response { status, headers, body, .. } => {
            format!("{} {status} {} headers {}", result.name(), headers.len(), excerpt(body))
        }
        CallResult::Exhausted { error, .. } | CallResult::Deadline { error, .. } | CallResult::Invalid(error) => {
            format!("{}: {error}", result.name())
        }
        CallResult::Canceled => result.name().to_owned(),
    }
}
