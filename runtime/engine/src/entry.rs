//! Journal entries: what is recorded of an execution, and its stored form.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use crate::ids::{BranchId, Digest, Gid, Seq, Ticket, Timestamp, WorkflowName};
use crate::operation::{Op, Operation};
use crate::options::BranchOptions;
use crate::result::{CallResult, RunResult};
use crate::rules::{OnTrap, Rules, Steering};

/// Version of the stored form written today. Older ones stay readable for ever.
const VERSION: u8 = 1;

/// Number of the newest kind of entry.
const NEWEST_KIND: u8 = 15;

/// What is recorded. Stored by position (postcard): variants and fields are only ever appended as new variants.
/// Bytes are marked as such: they are stored as any list, and copied at once instead of one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// The execution was admitted.
    Started {
        /// Its gid.
        gid: Gid,
        /// The workflow it runs.
        workflow: WorkflowName,
        /// The component it runs.
        digest: Digest,
        /// The input bytes.
        #[serde(with = "serde_bytes")]
        input: Vec<u8>,
        /// What a trap leads to.
        on_trap: OnTrap,
    },
    /// The guest asked for an operation. It is sent only after this entry is durable.
    Intended {
        /// The handler that asked (index of its registration), or none for `run`.
        scope: Option<u32>,
        /// The guest's ticket.
        ticket: Ticket,
        /// The branch.
        branch: BranchId,
        /// The call.
        operation: Operation,
        /// The branch's options in recorded form.
        options: String,
        /// What was registered since the last entry of this scope.
        registered: Vec<Registration>,
    },
    /// An operation has its result.
    Completed {
        /// As intended.
        scope: Option<u32>,
        /// As intended.
        ticket: Ticket,
        /// The result.
        result: CallResult,
        /// Attempts made by the process that recorded it.
        attempts: u32,
    },
    /// A timer of the guest fired.
    TimerFired {
        /// The handler that set it, or none for `run`.
        scope: Option<u32>,
        /// The guest's ticket.
        ticket: Ticket,
        /// Its length, milliseconds.
        length_ms: u64,
    },
    /// The guest gave an operation up.
    Canceled {
        /// As intended.
        scope: Option<u32>,
        /// As intended.
        ticket: Ticket,
    },
    /// `run` returned: the decision.
    Returned {
        /// Output or failure.
        result: RunResult,
        /// What was registered since the last entry.
        registered: Vec<Registration>,
    },
    /// A registered commit or rollback is done.
    PhaseTwoDone {
        /// Position among the registrations of the execution.
        index: u32,
        /// Attempts made by the process that recorded it.
        attempts: u32,
    },
    /// Everything of phase two is done.
    Closed,
    /// A registered notification is delivered.
    FinishDone {
        /// Position among the registrations of the execution.
        index: u32,
        /// Attempts made by the process that recorded it.
        attempts: u32,
    },
    /// The execution goes on with another component.
    Upgraded {
        /// The component from here on.
        digest: Digest,
    },
    /// The execution was admitted, with the rules it lives by. `Started` is what earlier versions wrote.
    Admitted {
        /// Its gid.
        gid: Gid,
        /// The workflow it runs.
        workflow: WorkflowName,
        /// The component it runs.
        digest: Digest,
        /// The input bytes.
        #[serde(with = "serde_bytes")]
        input: Vec<u8>,
        /// What was agreed when it was triggered.
        rules: Rules,
    },
    /// A prepared message may go on: the sender's local transaction is committed.
    Submitted {
        /// Who says so.
        by: SubmittedBy,
    },
    /// An execution without a guest was admitted: it is steered from outside.
    Opened {
        /// Its gid.
        gid: Gid,
        /// The name of its kind.
        workflow: WorkflowName,
        /// The program it stands for.
        digest: Digest,
        /// What it was opened with.
        #[serde(with = "serde_bytes")]
        input: Vec<u8>,
        /// What was agreed when it was opened.
        rules: Rules,
        /// How it goes on.
        steering: Steering,
    },
    /// Who steers it registered a branch.
    Enlisted {
        /// What participants know the branch by.
        name: String,
        /// What its ends do.
        registered: Vec<Registration>,
    },
    /// Who steers it reported something done.
    Reported(Report),
    /// An operator ended it; nothing more is called.
    Forced {
        /// Why.
        reason: String,
    },
}

/// What somebody who steers an execution did in it, to be told when it goes on elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The branch, as who steers it names it.
    pub branch: String,
    /// Which part of it.
    pub op: String,
    /// What it ended in.
    pub status: String,
    /// Its result.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
}

/// Who says that a local transaction is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubmittedBy {
    /// The sender.
    Sender,
    /// The answer to the query-back.
    QueryBack,
}

/// Something to do in phase two or when all is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// `Commit`, `Rollback` or `Finish`.
    pub op: Op,
    /// The branch it belongs to.
    pub branch: BranchId,
    /// What to do.
    pub undo: Undo,
}

/// How a registration is performed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Undo {
    /// By the runtime alone.
    Operation {
        /// The call.
        operation: Operation,
        /// The branch's options in recorded form.
        options: String,
    },
    /// By the guest's export `handle`.
    Handler {
        /// Which handler; `#...` needs `run` replayed first.
        name: String,
        /// Its argument.
        #[serde(with = "serde_bytes")]
        payload: Vec<u8>,
        /// The branch's options in recorded form.
        options: String,
    },
}

impl Undo {
    /// Bytes of payload, for limits.
    pub(crate) fn payload_bytes(&self) -> usize {
        match self {
            Self::Operation { operation, .. } => operation.payload_bytes(),
            Self::Handler { name, payload, .. } => name.len() + payload.len(),
        }
    }

    /// The branch's options when it was registered, in recorded form.
    #[must_use]
    pub fn options(&self) -> &str {
        match self {
            Self::Operation { options, .. } | Self::Handler { options, .. } => options,
        }
    }
}

/// A hash of a stored entry; for what the guest asked, it tells whether a replay asks the same.
pub type Fingerprint = u64;

/// An entry in its stored form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRecord {
    /// Position in the journal.
    pub seq: Seq,
    /// When it was made.
    pub at: Timestamp,
    /// Number of the entry's kind, for people and queries.
    pub kind: u8,
    /// Hash of `data`.
    pub fingerprint: Fingerprint,
    /// Version byte and the entry.
    pub data: Vec<u8>,
}

/// A stored entry that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntryError {
    /// The bytes and their hash disagree.
    #[error("the stored bytes are damaged (hash {stored:016x}, computed {computed:016x})")]
    Damaged {
        /// As stored.
        stored: Fingerprint,
        /// As computed from the bytes.
        computed: Fingerprint,
    },
    /// Written by a newer runtime.
    #[error("entry version {0} is newer than this runtime knows; run a newer reprise on this store")]
    Version(u8),
    /// Written by a newer runtime.
    #[error("entry kind {0} is newer than this runtime knows; run a newer reprise on this store")]
    Kind(u8),
    /// The bytes are what somebody wrote, and no entry that this runtime can read.
    #[error("the stored bytes are no entry: {0}")]
    Decode(String),
}

impl EntryError {
    /// Whether a newer runtime may be able to read it. Bytes that are whole and can't be read are a newer runtime's too:
    /// a known kind may hold an operation that is not known here.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        match self {
            Self::Version(_) | Self::Kind(_) | Self::Decode(_) => true,
            Self::Damaged { .. } => false,
        }
    }
}

impl Entry {
    /// The stored bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_into(Vec::with_capacity(96))
    }

    /// The stored bytes, in `buffer`, which is emptied first.
    #[must_use]
    pub fn encode_into(&self, mut buffer: Vec<u8>) -> Vec<u8> {
        buffer.clear();
        buffer.push(VERSION);
        postcard::to_extend(self, buffer).expect("entries are plain data")
    }

    /// The entry as it is stored at `seq`, made at `at`.
    #[must_use]
    pub fn to_record(&self, seq: Seq, at: Timestamp) -> EntryRecord {
        EntryRecord::new(seq, at, self.kind(), self.encode())
    }

    /// A number per kind; part of the stored form.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Started { .. } => 0,
            Self::Intended { .. } => 1,
            Self::Completed { .. } => 2,
            Self::TimerFired { .. } => 3,
            Self::Canceled { .. } => 4,
            Self::Returned { .. } => 5,
            Self::PhaseTwoDone { .. } => 6,
            Self::Closed => 7,
            Self::FinishDone { .. } => 8,
            Self::Upgraded { .. } => 9,
            Self::Admitted { .. } => 10,
            Self::Submitted { .. } => 11,
            Self::Opened { .. } => 12,
            Self::Enlisted { .. } => 13,
            Self::Reported(_) => 14,
            Self::Forced { .. } => 15,
        }
    }

    /// A name per kind, as the API shows it.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self {
            Self::Started { .. } | Self::Admitted { .. } | Self::Opened { .. } => "started",
            Self::Submitted { .. } => "submitted",
            Self::Intended { .. } => "op-intended",
            Self::Completed { .. } => "op-completed",
            Self::TimerFired { .. } => "timer-fired",
            Self::Canceled { .. } => "op-canceled",
            Self::Returned { .. } => "returned",
            Self::PhaseTwoDone { .. } => "phase-two-done",
            Self::Closed => "closed",
            Self::FinishDone { .. } => "finish-done",
            Self::Upgraded { .. } => "upgraded",
            Self::Enlisted { .. } => "branch-registered",
            Self::Reported(_) => "reported",
            Self::Forced { .. } => "forced",
        }
    }

    /// One line that says what the guest asked for, for divergence messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Intended { scope, ticket, branch, operation, options, registered } => {
                let within = scope.map(|index| format!(" in handler {index}")).unwrap_or_default();
                let body = match operation {
                    Operation::Http { body, .. } | Operation::Request { body, .. } => body.as_slice(),
                    Operation::Grpc { message, .. } => message.as_slice(),
                    Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => &[],
                };
                let body = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
                let registered = registered.iter().map(describe_registration).collect::<Vec<_>>().join(", ");
                let options = BranchOptions::describe_recorded(options);
                format!(
                    "call {ticket}{within}: branch {branch} {operation} body={body:?} options={options:?} registered=[{registered}]"
                )
            }
            Self::Canceled { ticket, .. } => format!("cancel of call {ticket}"),
            Self::Returned { result: RunResult::Output(output), .. } => {
                format!("return of {} bytes of output", output.len())
            }
            Self::Returned { result: RunResult::Failure { message, .. }, .. } => {
                format!("return of the failure {message:?}")
            }
            Self::TimerFired { ticket, length_ms, .. } => format!("timer {ticket} of {length_ms} ms"),
            Self::Started { .. }
            | Self::Admitted { .. }
            | Self::Submitted { .. }
            | Self::Completed { .. }
            | Self::PhaseTwoDone { .. }
            | Self::Closed
            | Self::FinishDone { .. }
            | Self::Upgraded { .. }
            | Self::Opened { .. }
            | Self::Enlisted { .. }
            | Self::Reported(_)
            | Self::Forced { .. } => self.kind_name().to_owned(),
        }
    }
}

fn describe_registration(registration: &Registration) -> String {
    let Registration { op, branch, undo } = registration;
    match undo {
        Undo::Operation { operation, .. } => format!("{branch} {op}: {operation}"),
        Undo::Handler { name, .. } => format!("{branch} {op}: handler {name}"),
    }
}

impl EntryRecord {
    pub(crate) fn new(seq: Seq, at: Timestamp, kind: u8, data: Vec<u8>) -> Self {
        Self { seq, at, kind, fingerprint: xxh3_64(&data), data }
    }

    /// The entry.
    ///
    /// # Errors
    /// [`EntryError`]: damaged, newer than this runtime, or no entry.
    pub fn decode(&self) -> Result<Entry, EntryError> {
        let computed = xxh3_64(&self.data);
        if computed != self.fingerprint {
            return Err(EntryError::Damaged { stored: self.fingerprint, computed });
        }
        match self.data.split_first() {
            // The kind as the bytes have it: the hash is theirs.
            Some((&VERSION, [kind, ..])) if *kind > NEWEST_KIND => Err(EntryError::Kind(*kind)),
            Some((&VERSION, bytes)) => postcard::from_bytes(bytes).map_err(|e| EntryError::Decode(e.to_string())),
            Some((version, _)) => Err(EntryError::Version(*version)),
            None => Err(EntryError::Decode("empty".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intended() -> Entry {
        Entry::Intended {
            scope: None,
            ticket: Ticket(3),
            branch: BranchId::of_run(2),
            operation: Operation::Http { method: "POST".into(), target: "bank/in".into(), body: b"{}".to_vec() },
            options: String::new(),
            registered: vec![Registration {
                op: Op::Rollback,
                branch: BranchId::of_run(2),
                undo: Undo::Handler { name: "undo".into(), payload: vec![1], options: String::new() },
            }],
        }
    }

    #[test]
    fn the_stored_form_is_stable() {
        // A change of these bytes means that journals written by earlier releases can't be read any more.
        insta::assert_snapshot!(
            format!("{:02x?}", intended().encode()),
            @"[01, 01, 00, 03, 02, 00, 00, 04, 50, 4f, 53, 54, 07, 62, 61, 6e, 6b, 2f, 69, 6e, 02, 7b, 7d, 00, 01, 02, 02, 00, 01, 04, 75, 6e, 64, 6f, 01, 01, 00]"
        );
    }

    #[test]
    fn records_are_checked() {
        let record = intended().to_record(Seq(1), Timestamp(5));
        assert_eq!(record.decode(), Ok(intended()));
        let mut damaged = record.clone();
        damaged.data[5] ^= 1;
        assert!(matches!(damaged.decode(), Err(EntryError::Damaged { .. })));
        let of = |kind, data| EntryRecord::new(Seq(1), Timestamp(5), kind, data);
        let mut newer = record.data;
        newer[0] = 9;
        let unknown_operation = [VERSION, 1, 0, 3, 2, 99].to_vec();
        for (record, want) in [
            (of(1, newer), EntryError::Version(9)),
            (of(NEWEST_KIND + 1, vec![VERSION, NEWEST_KIND + 1]), EntryError::Kind(NEWEST_KIND + 1)),
        ] {
            assert_eq!(record.decode(), Err(want.clone()));
            assert!(want.is_newer());
        }
        assert!(of(1, unknown_operation).decode().is_err_and(|error| error.is_newer()));
        assert!(damaged.decode().is_err_and(|error| !error.is_newer()));
    }

    #[test]
    fn the_newest_kind_is_the_last_one() {
        let newest = Entry::Forced { reason: "why".into() };
        assert_eq!((newest.kind(), newest.encode()[1]), (NEWEST_KIND, NEWEST_KIND));
        let next = [VERSION, NEWEST_KIND + 1, 0, 0, 0, 0];
        assert!(postcard::from_bytes::<Entry>(&next[1..]).is_err(), "a kind was added: raise NEWEST_KIND");
    }
}
