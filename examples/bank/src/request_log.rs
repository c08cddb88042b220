//! The request log: what arrived, in order of arrival, and what it came to.
//!
//! It lives in memory, so it survives the runtime but not the bank; with a file it also outlives the bank. A line goes
//! to the file when its answer is known, so the file is in order of answers.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use reprise_barrier::Branch;
use serde::{Deserialize, Serialize};

/// The wire a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP; a status is the HTTP status.
    Http,
    /// gRPC; a status is the gRPC code, 0 for OK.
    Grpc,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the log, from 1.
    pub n: u64,
    /// The wire.
    pub protocol: Protocol,
    /// The HTTP path (with `{gid}/{branch_id}` where the branch is in it), or the full gRPC method.
    pub path: String,
    /// The global transaction.
    pub gid: Option<String>,
    /// Its branch.
    pub branch_id: Option<String>,
    /// The operation of the branch.
    pub op: Option<String>,
    /// The kind of transaction.
    pub trans_type: Option<String>,
    /// The account in the body.
    pub account: Option<String>,
    /// The amount in the body.
    pub amount: Option<i64>,
    /// `done`, `repeat`, `empty`, `late`, `refused`, `invalid`, `error`, `fault:KIND`; `pending` while it is at work.
    pub answer: String,
    /// The status of the answer, as [`Protocol`] says; 0 while there is none.
    pub status: u16,
    /// The W3C trace context that came along.
    pub traceparent: Option<String>,
    /// A notification's query string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// A notification's body, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Entry {
    /// A request that has just arrived, with nothing known but where.
    pub(crate) fn arrived(protocol: Protocol, path: &str) -> Self {
        Self {
            n: 0,
            protocol,
            path: path.to_owned(),
            gid: None,
            branch_id: None,
            op: None,
            trans_type: None,
            account: None,
            amount: None,
            answer: "pending".to_owned(),
            status: 0,
            traceparent: None,
            query: None,
            body: None,
        }
    }

    /// The same, of this operation.
    pub(crate) fn of(self, branch: Option<&Branch>) -> Self {
        let Some(branch) = branch else { return self };
        Self {
            gid: Some(branch.gid().to_owned()),
            branch_id: Some(branch.branch_id().to_owned()),
            op: Some(branch.op().to_owned()),
            trans_type: Some(branch.trans_type().to_owned()),
            ..self
        }
    }
}

/// All requests since the start or the last clearing.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: Vec<Entry>,
    last: u64,
    file: Option<File>,
}

impl RequestLog {
    /// From now on also appends JSON lines to the file at `path`.
    pub(crate) fn append_to(&self, path: &Path) -> io::Result<()> {
        let file = File::options().create(true).append(true).open(path)?;
        self.with(|kept| kept.file = Some(file));
        Ok(())
    }

    /// Notes that `entry` arrived, and gives it its number.
    pub(crate) fn arrive(&self, entry: &Entry) -> u64 {
        self.with(|kept| {
            kept.last += 1;
            kept.entries.push(Entry { n: kept.last, ..entry.clone() });
            kept.last
        })
    }

    /// Notes what entry `n` came to. An entry that was cleared meanwhile stays away.
    pub(crate) fn answer(&self, n: u64, answer: &str, status: u16) {
        self.with(|kept| {
            let Ok(at) = kept.entries.binary_search_by_key(&n, |entry| entry.n) else { return };
            let entry = &mut kept.entries[at];
            answer.clone_into(&mut entry.answer);
            entry.status = status;
            if let Some(file) = &mut kept.file
                && let Err(error) = append(file, entry)
            {
                eprintln!("bank: the request log file is not written any more: {error}");
                kept.file = None;
            }
        });
    }

    /// All entries, in order of arrival.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.with(|kept| kept.entries.clone())
    }

    /// Forgets all entries; numbers go on, and the file keeps its lines.
    pub(crate) fn clear(&self) {
        self.with(|kept| kept.entries.clear());
    }

    fn with<R>(&self, f: impl FnOnce(&mut Kept) -> R) -> R {
        f(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn append(file: &mut File, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)
}
