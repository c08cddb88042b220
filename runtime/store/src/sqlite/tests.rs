//! What only SQLite has: a file, its owner, its plans, its failures.

mod failures;
mod files;
mod plans;

use reprise_engine::{Digest, EntryRecord, Phase, Seq, Timestamp};
use tempfile::TempDir;

use super::{SqliteOptions, SqliteStore};
use crate::{Activity, ExecutionKey, NewExecution, Progress, Store, Write, Written};

fn options(directory: &TempDir) -> SqliteOptions {
    SqliteOptions { wal_pages: 64, ..SqliteOptions::new(directory.path().join("reprise.db")) }
}

async fn open(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(options(directory)).await.expect("opens")
}

fn entries(from: u32, count: u32) -> Vec<EntryRecord> {
    let entry = |seq| EntryRecord { seq: Seq(seq), at: Timestamp(1), kind: 1, fingerprint: 2, data: vec![3; 100] };
    (from..from + count).map(entry).collect()
}

fn progress(activity: Activity) -> Progress {
    Progress {
        phase: if activity == Activity::Finished { Phase::Succeeded } else { Phase::Running },
        digest: Digest::new([4; 32]),
        activity,
        wake_at: None,
        note: None,
        result: None,
        updated_at: Timestamp(1),
    }
}

fn create(gid: &str, activity: Activity) -> Write {
    let execution = NewExecution {
        gid: gid.parse().expect("a gid"),
        workflow: "transfer".parse().expect("a workflow name"),
        input_hash: [5; 32],
        created_at: Timestamp(1),
    };
    Write::Create { execution, entries: entries(0, 2), progress: progress(activity) }
}

fn append(key: ExecutionKey, from: u32) -> Write {
    Write::Append { key, entries: entries(from, 1), progress: None }
}

async fn created(store: &SqliteStore, gid: &str) -> ExecutionKey {
    match store.commit(&[create(gid, Activity::Active)]).await.expect("commits")[..] {
        [Written::Created(key)] => key,
        ref other => panic!("not created: {other:?}"),
    }
}
