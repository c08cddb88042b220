//! Journal entries as people read them.

use reprise_engine::{
    AtDue, CallResult, Entry, EntryRecord, Operation, Registration, RunResult, SqlOperation, SqlValue, Undo,
};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::bytes::Readable;
use super::time::Time;

/// One row of a journal. A broken one says so, instead of what it holds.
pub(super) struct RecordJson<'a>(pub(super) &'a EntryRecord);

impl RecordJson<'_> {
    /// The name of its kind; `broken` if it can't be read.
    pub(super) fn kind(&self) -> &'static str {
        self.0.decode().map_or("broken", |entry| entry.kind_name())
    }
}

impl Serialize for RecordJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("seq", &record.seq)?;
        map.serialize_entry("at", &Time(record.at))?;
        let decoded = record.decode();
        if let Ok(entry) = &decoded {
            map.serialize_entry("kind", entry.kind_name())?;
        }
        map.serialize_entry("fingerprint", &format!("{:016x}", record.fingerprint))?;
        map.serialize_entry("bytes", &record.data.len())?;
        match &decoded {
            Ok(entry) => map.serialize_entry("entry", &EntryJson(entry))?,
            Err(error) => map.serialize_entry("error", &error.to_string())?,
        }
        map.end()
    }
}

struct EntryJson<'a>(&'a Entry);

impl Serialize for EntryJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Entry::Started { gid, workflow, digest, input, on_trap } => {
                map.serialize_entry("gid", gid.as_str())?;
                map.serialize_entry("workflow", workflow.as_str())?;
                map.serialize_entry("digest", digest)?;
                map.serialize_entry("on_trap", on_trap)?;
                Readable::of(input).member(&mut map, "input")?;
            }
            Entry::Admitted { gid, workflow, digest, input, rules } => {
                map.serialize_entry("gid", gid.as_str())?;
                map.serialize_entry("workflow", workflow.as_str())?;
                map.serialize_entry("digest", digest)?;
                map.serialize_entry("on_trap", &rules.on_trap)?;
                map.serialize_entry("completeness", &rules.completeness)?;
                if let Some(deadline) = rules.deadline {
                    map.serialize_entry("deadline", &deadline)?;
                }
                if let Some(query_back) = &rules.query_back {
                    map.serialize_entry("query_back", &OperationJson(&query_back.operation))?;
                }
                Readable::of(input).member(&mut map, "input")?;
            }
            Entry::Opened { gid, workflow, digest, input, rules: _, steering } => {
                map.serialize_entry("gid", gid.as_str())?;
                map.serialize_entry("workflow", workflow.as_str())?;
                map.serialize_entry("digest", digest)?;
                map.serialize_entry("due", &Time(steering.due))?;
                match &steering.at_due {
                    AtDue::RollBack(message) => map.serialize_entry("then_rolls_back", message)?,
                    AtDue::Call { operation, every_ms, .. } => {
                        map.serialize_entry("then_calls", &OperationJson(operation))?;
                        map.serialize_entry("every_ms", every_ms)?;
                    }
                }
                Readable::of(input).member(&mut map, "input")?;
            }
            Entry::Enlisted { name, registered } => {
                map.serialize_entry("branch", name)?;
                registrations(&mut map, registered)?;
            }
            Entry::Reported(report) => {
                map.serialize_entry("branch", &report.branch)?;
                map.serialize_entry("op", &report.op)?;
                map.serialize_entry("status", &report.status)?;
                Readable::of(&report.data).member(&mut map, "data")?;
            }
            Entry::Forced { reason } => map.serialize_entry("reason", reason)?,
            Entry::Submitted { by } => map.serialize_entry("by", by)?,
            Entry::Intended { scope, ticket, branch, operation, options, registered } => {
                scoped(&mut map, *scope)?;
                map.serialize_entry("ticket", ticket)?;
                map.serialize_entry("branch", &branch.to_string())?;
                map.serialize_entry("operation", &OperationJson(operation))?;
                optional(&mut map, "options", options)?;
                registrations(&mut map, registered)?;
            }
            Entry::Completed { scope, ticket, result, attempts } => {
                scoped(&mut map, *scope)?;
                map.serialize_entry("ticket", ticket)?;
                map.serialize_entry("attempts", attempts)?;
                map.serialize_entry("result", &ResultJson(result))?;
            }
            Entry::TimerFired { scope, ticket, length_ms } => {
                scoped(&mut map, *scope)?;
                map.serialize_entry("ticket", ticket)?;
                map.serialize_entry("length_ms", length_ms)?;
            }
            Entry::Canceled { scope, ticket } => {
                scoped(&mut map, *scope)?;
                map.serialize_entry("ticket", ticket)?;
            }
            Entry::Returned { result, registered } => {
                match result {
                    RunResult::Output(output) => Readable::of(output).member(&mut map, "output")?,
                    RunResult::Failure { message, details } => {
                        map.serialize_entry("failure", message)?;
                        Readable::of(details).member(&mut map, "details")?;
                    }
                }
                registrations(&mut map, registered)?;
            }
            Entry::PhaseTwoDone { index, attempts } | Entry::FinishDone { index, attempts } => {
                map.serialize_entry("index", index)?;
                map.serialize_entry("attempts", attempts)?;
            }
            Entry::Closed => {}
            Entry::Upgraded { digest } => map.serialize_entry("digest", digest)?,
        }
        map.end()
    }
}

fn scoped<M: SerializeMap>(map: &mut M, scope: Option<u32>) -> Result<(), M::Error> {
    scope.map_or(Ok(()), |index| map.serialize_entry("handler", &index))
}

/// Recorded options are JSON text, or nothing.
fn optional<M: SerializeMap>(map: &mut M, name: &str, options: &str) -> Result<(), M::Error> {
    if options.is_empty() { Ok(()) } else { Readable::of(options.as_bytes()).member(map, name) }
}

fn registrations<M: SerializeMap>(map: &mut M, registered: &[Registration]) -> Result<(), M::Error> {
    if registered.is_empty() {
        return Ok(());
    }
    map.serialize_entry("registered", &Each(registered, RegistrationJson))
}

/// A list whose items are written as another type.
struct Each<'a, T, W>(&'a [T], fn(&'a T) -> W);

impl<'a, T, W: Serialize> Serialize for Each<'a, T, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            list.serialize_element(&(self.1)(item))?;
        }
        list.end()
    }
}

struct RegistrationJson<'a>(&'a Registration);

impl Serialize for RegistrationJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Registration { op, branch, undo } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("op", op)?;
        map.serialize_entry("branch", &branch.to_string())?;
        match undo {
            Undo::Operation { operation, options } => {
                map.serialize_entry("operation", &OperationJson(operation))?;
                optional(&mut map, "options", options)?;
            }
            Undo::Handler { name, payload, options } => {
                map.serialize_entry("handler", name)?;
                Readable::of(payload).member(&mut map, "payload")?;
                optional(&mut map, "options", options)?;
            }
        }
        map.end()
    }
}

struct OperationJson<'a>(&'a Operation);

impl Serialize for OperationJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Operation::Http { method, target, body } => {
                map.serialize_entry("kind", "http")?;
                map.serialize_entry("method", method)?;
                map.serialize_entry("target", target)?;
                Readable::of(body).member(&mut map, "body")?;
            }
            Operation::Grpc { target, method, message } => {
                map.serialize_entry("kind", "grpc")?;
                map.serialize_entry("target", target)?;
                map.serialize_entry("method", method)?;
                Readable::of(message).member(&mut map, "message")?;
            }
            Operation::Sql(sql) => {
                map.serialize_entry("kind", "sql")?;
                statements(&mut map, sql)?;
            }
            Operation::Xa(sql) => {
                map.serialize_entry("kind", "xa")?;
                statements(&mut map, sql)?;
            }
            Operation::XaFinish { database } => {
                map.serialize_entry("kind", "xa-finish")?;
                map.serialize_entry("database", database)?;
            }
            Operation::Request { method, url, headers, body } => {
                map.serialize_entry("kind", "request")?;
                map.serialize_entry("method", method)?;
                map.serialize_entry("url", url)?;
                map.serialize_entry("headers", &header_names(headers))?;
                Readable::of(body).member(&mut map, "body")?;
            }
        }
        map.end()
    }
}

fn statements<M: SerializeMap>(map: &mut M, sql: &SqlOperation) -> Result<(), M::Error> {
    map.serialize_entry("database", &sql.database)?;
    let statements: Vec<serde_json::Value> = sql
        .statements
        .iter()
        .map(|statement| {
            let parameters: Vec<String> = statement.parameters.iter().map(show_value).collect();
            serde_json::json!({ "sql": statement.sql, "parameters": parameters, "affected": statement.affected })
        })
        .collect();
    map.serialize_entry("statements", &statements)
}

fn show_value(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => "null".into(),
        SqlValue::Boolean(value) => value.to_string(),
        SqlValue::Integer(value) => value.to_string(),
        SqlValue::Real(value) => value.to_string(),
        SqlValue::Text(value) => format!("{value:?}"),
        SqlValue::Bytes(value) => format!("{} bytes", value.len()),
    }
}

/// Names only: values may be credentials.
fn header_names(headers: &[(String, Vec<u8>)]) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}

struct ResultJson<'a>(&'a CallResult);

impl Serialize for ResultJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.0.name())?;
        match self.0 {
            CallResult::Success { status, body } | CallResult::Failure { status, body } => {
                map.serialize_entry("status", status)?;
                Readable::of(body).member(&mut map, "body")?;
            }
            CallResult::Exhausted { attempts, error } | CallResult::Deadline { attempts, error } => {
                map.serialize_entry("attempts", attempts)?;
                map.serialize_entry("error", error)?;
            }
            CallResult::Response { status, headers, body, refused: _ } => {
                map.serialize_entry("status", status)?;
                map.serialize_entry("headers", &header_names(headers))?;
                Readable::of(body).member(&mut map, "body")?;
            }
            CallResult::Canceled => {}
            CallResult::Invalid(error) => map.serialize_entry("error", error)?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reprise_engine::{BranchId, Op, Seq, Ticket, Timestamp};

    fn json(record: &EntryRecord) -> String {
        serde_json::to_string(&RecordJson(record)).expect("plain data")
    }

    #[test]
    fn entries_are_readable() {
        let http = |body: &[u8]| Operation::Http { method: "POST".into(), target: "bank/in".into(), body: body.into() };
        let branch = BranchId::of_run(1);
        let undo = Undo::Operation { operation: http(b"undo"), options: r#"{"timeout_ms":5}"#.into() };
        let entry = Entry::Intended {
            scope: None,
            ticket: Ticket(0),
            branch,
            operation: http(br#"{"amount": 12345678901234567890.10}"#),
            options: String::new(),
            registered: vec![Registration { op: Op::Rollback, branch, undo }],
        };
        insta::assert_snapshot!(
            json(&entry.to_record(Seq(1), Timestamp(5))),
            @r#"{"seq":1,"at":"1970-01-01T00:00:00.005Z","kind":"op-intended","fingerprint":"e87301629d287018","bytes":98,"entry":{"ticket":0,"branch":"01","operation":{"kind":"http","method":"POST","target":"bank/in","body":{"amount": 12345678901234567890.10}},"registered":[{"op":"rollback","branch":"01","operation":{"kind":"http","method":"POST","target":"bank/in","body_text":"undo"},"options":{"timeout_ms":5}}]}}"#
        );
        let result = CallResult::Success { status: 200, body: vec![0xff] };
        let entry = Entry::Completed { scope: Some(2), ticket: Ticket(0), result, attempts: 3 };
        insta::assert_snapshot!(
            json(&entry.to_record(Seq(2), Timestamp(6))),
            @r#"{"seq":2,"at":"1970-01-01T00:00:00.006Z","kind":"op-completed","fingerprint":"83f4cfa0e98e5b0e","bytes":11,"entry":{"handler":2,"ticket":0,"attempts":3,"result":{"kind":"success","status":200,"body_base64":"/w=="}}}"#
        );
    }

    #[test]
    fn a_broken_row_says_so() {
        let mut record = Entry::Closed.to_record(Seq(7), Timestamp(5));
        record.data[1] ^= 1;
        let shown = json(&record);
        assert!(shown.contains(r#""seq":7"#) && shown.contains("damaged") && !shown.contains(r#""entry""#), "{shown}");
        assert_eq!(RecordJson(&record).kind(), "broken");
    }
}
