//! What one guest invocation (`run`, or one handler) did so far, in the form that replay needs.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::entry::{Entry, EntryRecord, Fingerprint};
use crate::ids::{Gid, Seq, Ticket, Timestamp};
use crate::result::CallResult;

/// The guest took another path than the journal records.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the workflow took another path on replay: entry {seq} recorded `{recorded}`; this run asks for `{asked}`")]
pub struct Divergence {
    /// The entry that does not fit.
    pub seq: Seq,
    /// What it records.
    pub recorded: String,
    /// What this run asks for instead.
    pub asked: String,
}

/// The seed of everything random in an execution.
#[must_use]
pub fn seed_of(gid: &Gid) -> u64 {
    xxh3_64_with_seed(gid.as_str().as_bytes(), 0x5265_7072_6973_6521)
}

/// A recorded result of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) seq: Seq,
    pub(crate) at: Timestamp,
    /// None once the guest has taken it.
    pub(crate) result: Option<TicketResult>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TicketResult {
    Call(CallResult),
    Timer { length_ms: u64 },
}

/// Something the guest asked for, in the order it asked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) seq: Seq,
    fingerprint: Fingerprint,
    /// Stored bytes, for messages.
    record: EntryRecord,
}

impl Asked {
    pub(crate) fn describe(&self) -> String {
        self.record.decode().map_or_else(|e| e.to_string(), |entry| entry.describe())
    }
}

/// The recorded part of one guest invocation.
#[derive(Debug, Default)]
pub(crate) struct ScopeLog {
    asked: Vec<Asked>,
    cursor: usize,
    results: Vec<Option<Recorded>>,
    /// By ticket: whether the journal has a call under it. Known of what was folded only; nothing else needs it.
    calls: Vec<bool>,
}

impl ScopeLog {
    pub(crate) fn push_call(&mut self, ticket: Ticket) {
        let index = ticket.0 as usize;
        if self.calls.len() <= index {
            self.calls.resize(index + 1, false);
        }
        self.calls[index] = true;
    }

    pub(crate) fn has_call(&self, ticket: Ticket) -> bool {
        self.calls.get(ticket.0 as usize).copied().unwrap_or(false)
    }

    pub(crate) fn push_asked(&mut self, record: EntryRecord) {
        self.asked.push(Asked { seq: record.seq, fingerprint: record.fingerprint, record });
    }

    /// Keeps the first result of a ticket; whether it was the first.
    pub(crate) fn push_result(&mut self, ticket: Ticket, recorded: Recorded) -> bool {
        let index = ticket.0 as usize;
        if self.results.len() <= index {
            self.results.resize_with(index + 1, || None);
        }
        if self.results[index].is_some() {
            return false;
        }
        self.results[index] = Some(recorded);
        true
    }

    pub(crate) fn result(&self, ticket: Ticket) -> Option<&Recorded> {
        self.results.get(ticket.0 as usize)?.as_ref()
    }

    pub(crate) fn result_mut(&mut self, ticket: Ticket) -> Option<&mut Recorded> {
        self.results.get_mut(ticket.0 as usize)?.as_mut()
    }

    /// Whether everything recorded has been asked for again.
    pub(crate) const fn is_live(&self) -> bool {
        self.cursor == self.asked.len()
    }

    /// The next recorded request, if the guest is still behind.
    pub(crate) fn next_asked(&self) -> Option<&Asked> {
        self.asked.get(self.cursor)
    }

    /// Compares what the guest asks with what is recorded: true if it was recorded, false if it is new.
    pub(crate) fn replays(&mut self, entry: &Entry, encoded: &[u8]) -> Result<bool, Divergence> {
        let Some(next) = self.asked.get(self.cursor) else {
            return Ok(false);
        };
        if next.fingerprint != xxhash_rust::xxh3::xxh3_64(encoded) {
            return Err(Divergence { seq: next.seq, recorded: next.describe(), asked: entry.describe() });
        }
        self.cursor += 1;
        Ok(true)
    }
}
