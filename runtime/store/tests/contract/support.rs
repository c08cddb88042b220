//! Stores to test, and short ways to write what is stored.

use reprise_engine::{Digest, EntryRecord, Gid, Phase, Seq, Timestamp, WorkflowName};
use reprise_store::{
    Activity, ExecutionKey, MemoryStore, MySqlStore, NewExecution, PostgresStore, Progress, ServerOptions,
    SqliteOptions, SqliteStore, Store, Write, Written,
};
use tempfile::TempDir;

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// [`MemoryStore`].
    Memory,
    /// [`SqliteStore`].
    Sqlite,
    /// [`PostgresStore`].
    Postgres,
    /// [`MySqlStore`], on MariaDB.
    MariaDb,
}

/// An empty store, and the directory it lives in.
pub(crate) struct Bed {
    /// The store.
    pub(crate) store: Box<dyn Store>,
    _directory: TempDir,
}

impl Bed {
    /// Opens it.
    pub(crate) async fn new(kind: Kind) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store: Box<dyn Store> = match kind {
            Kind::Memory => Box::new(MemoryStore::new()),
            Kind::Sqlite => Box::new(SqliteStore::open(options(&directory)).await.expect("opens")),
            Kind::Postgres => {
                let options = ServerOptions::new(reprise_test_services::postgres().await);
                Box::new(PostgresStore::open(options).await.expect("opens"))
            }
            Kind::MariaDb => {
                let options = ServerOptions::new(reprise_test_services::mariadb().await);
                Box::new(MySqlStore::open(options).await.expect("opens"))
            }
        };
        Self { store, _directory: directory }
    }
}

/// A file in `directory` with a small log, which the tests write quickly.
pub(crate) fn options(directory: &TempDir) -> SqliteOptions {
    SqliteOptions { wal_pages: 64, ..SqliteOptions::new(directory.path().join("reprise.db")) }
}

/// A gid.
pub(crate) fn gid(text: &str) -> Gid {
    text.parse().expect("a gid")
}

/// A workflow.
pub(crate) fn workflow(name: &str) -> WorkflowName {
    name.parse().expect("a workflow name")
}

/// Entries at `from..from + count` whose data names their seq and `mark`.
pub(crate) fn entries(from: u32, count: u32, mark: u8) -> Vec<EntryRecord> {
    let entry = |seq: u32| EntryRecord {
        seq: Seq(seq),
        at: Timestamp(1000 + u64::from(seq)),
        kind: (seq % 9) as u8,
        fingerprint: u64::MAX - u64::from(seq),
        data: vec![1, seq as u8, mark],
    };
    (from..from + count).map(entry).collect()
}

/// A row that changes.
pub(crate) fn progress(phase: Phase, activity: Activity) -> Progress {
    Progress {
        phase,
        digest: Digest::new([3; 32]),
        activity,
        wake_at: None,
        note: None,
        result: None,
        updated_at: Timestamp(2000),
    }
}

/// Parked until `wake_at`.
pub(crate) fn parked(wake_at: u64) -> Progress {
    Progress { wake_at: Some(Timestamp(wake_at)), ..progress(Phase::Running, Activity::Parked) }
}

/// A new execution with one entry.
pub(crate) fn create(text: &str) -> Write {
    create_of("transfer", text, progress(Phase::Running, Activity::Active))
}

/// A new execution of `name` that stands at `progress`.
pub(crate) fn create_of(name: &str, text: &str, progress: Progress) -> Write {
    let execution = NewExecution {
        gid: gid(text),
        workflow: workflow(name),
        input_hash: [text.len() as u8; 32],
        created_at: Timestamp(1000),
    };
    Write::Create { execution, entries: entries(0, 1, 0), progress }
}

/// An append without progress.
pub(crate) fn append(key: ExecutionKey, entries: Vec<EntryRecord>) -> Write {
    Write::Append { key, entries, progress: None }
}

/// Progress without entries.
pub(crate) fn advance(key: ExecutionKey, progress: Progress) -> Write {
    Write::Append { key, entries: Vec::new(), progress: Some(progress) }
}

/// Writes one and answers its key.
pub(crate) async fn created(store: &dyn Store, write: Write) -> ExecutionKey {
    match store.commit(&[write]).await.expect("commits")[..] {
        [Written::Created(key)] => key,
        ref other => panic!("not created: {other:?}"),
    }
}
