//! Journal entries made durable per second by `Store::commit`, by entries in one commit.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use reprise::config::StoreKind;
use reprise_engine::{Digest, EntryRecord, Phase, Seq, Timestamp};
use reprise_store::{Activity, ExecutionKey, NewExecution, Progress, Store, Write, Written};
use serde::Serialize;

use crate::Spread;
use crate::database::{self, Opened};
use crate::runtime::Place;

const SIZES: [usize; 4] = [1, 8, 64, 256];
/// Entries of one execution; then the next ones take over, as in a busy node.
const LENGTH: u32 = 10;
const DATA: [u8; 160] = [7; 160];
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Commits of one size.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Append {
    /// `sqlite`, `postgres`, `mysql` or `memory`.
    pub store: &'static str,
    /// Entries in one commit, each of another execution.
    pub batch: usize,
    /// Entries made durable.
    pub entries_per_s: f64,
    /// One commit.
    #[serde(flatten)]
    pub commit: Spread,
}

/// Measures each size for about `time`. `dir`: for the data.
///
/// # Errors
/// The store failed.
pub async fn measure(store: StoreKind, dir: &Path, time: Duration) -> Result<Vec<Append>> {
    let place = Place::make(store, dir, BTreeMap::new()).await?;
    let opened = Opened::open(&place.config).await?;
    let mut rows = Vec::new();
    for batch in SIZES {
        rows.push(of_size(opened.store(), database::name(store), batch, time).await?);
    }
    opened.close().await?;
    Ok(rows)
}

async fn of_size(to: &dyn Store, store: &'static str, batch: usize, time: Duration) -> Result<Append> {
    let (mut keys, mut seq) = (Vec::new(), LENGTH);
    let mut commits = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        if seq == LENGTH {
            keys = create(to, batch).await?;
            seq = 1;
        }
        let append = |key: &_| Write::Append { key: *key, entries: vec![entry(seq)], progress: None };
        let writes: Vec<Write> = keys.iter().map(append).collect();
        let committing = Instant::now();
        to.commit(&writes).await?;
        commits.push(committing.elapsed());
        seq += 1;
    }
    let spent: Duration = commits.iter().sum();
    let entries_per_s = (commits.len() * batch) as f64 / spent.as_secs_f64();
    Ok(Append { store, batch, entries_per_s, commit: Spread::of(commits) })
}

fn entry(seq: u32) -> EntryRecord {
    EntryRecord { seq: Seq(seq), at: NOW, kind: 1, fingerprint: 0x9e37_79b9_7f4a_7c15, data: DATA.to_vec() }
}

async fn create(store: &dyn Store, count: usize) -> Result<Vec<ExecutionKey>> {
    let progress = Progress {
        phase: Phase::Running,
        digest: Digest::new([1; 32]),
        activity: Activity::Active,
        wake_at: None,
        note: None,
        result: None,
        updated_at: NOW,
    };
    let create = |_| {
        let execution = NewExecution {
            gid: uuid::Uuid::now_v7().to_string().parse()?,
            workflow: "transfer".parse()?,
            input_hash: [2; 32],
            created_at: NOW,
        };
        anyhow::Ok(Write::Create { execution, entries: vec![entry(0)], progress: progress.clone() })
    };
    let writes: Vec<Write> = (0..count).map(create).collect::<Result<_>>()?;
    let key = |written| match written {
        Written::Created(key) => Ok(key),
        Written::Exists | Written::Conflict | Written::Appended => bail!("a new execution: {written:?}"),
    };
    store.commit(&writes).await?.into_iter().map(key).collect()
}
