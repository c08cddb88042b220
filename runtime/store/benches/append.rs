//! Rows appended per second by batch size: one entry per append, each to another execution; and the two commits of a
//! busy node: 64 new executions of 2 entries, 64 appends of 2 entries with progress.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reprise_engine::{Digest, EntryRecord, Phase, Seq, Timestamp};
use reprise_store::{
    Activity, ExecutionKey, MemoryStore, NewExecution, Progress, SqliteOptions, SqliteStore, Store, Write, Written,
};
use tokio::runtime::Runtime;

const DATA: [u8; 160] = [7; 160];

/// Entries of a workflow of a few branches. Then the next executions take over, as they do in a busy node.
const SEQ_MAX: u32 = 10;

fn entries(from: u32, count: u32) -> Vec<EntryRecord> {
    let entry = |i| EntryRecord {
        seq: Seq(from + i),
        at: Timestamp(1_700_000_000_000),
        kind: 1,
        fingerprint: 0x9e37_79b9_7f4a_7c15,
        data: DATA.to_vec(),
    };
    (0..count).map(entry).collect()
}

fn progress(activity: Activity) -> Progress {
    Progress {
        phase: if activity == Activity::Finished { Phase::Succeeded } else { Phase::Running },
        digest: Digest::new([1; 32]),
        activity,
        wake_at: None,
        note: None,
        result: (activity == Activity::Finished).then(|| b"{\"ok\":true}".to_vec()),
        updated_at: Timestamp(1_700_000_000_000),
    }
}

/// Gids count up, as those of one process in one benchmark.
fn creates(next_gid: &mut u64, count: usize) -> Vec<Write> {
    let mut create = || {
        *next_gid += 1;
        let execution = NewExecution {
            gid: format!("{:016x}", next_gid.wrapping_mul(0x9e37_79b9_7f4a_7c15)).parse().expect("hexadecimal"),
            workflow: "transfer".parse().expect("letters"),
            input_hash: [2; 32],
            created_at: Timestamp(1_700_000_000_000),
        };
        Write::Create { execution, entries: entries(0, 2), progress: progress(Activity::Active) }
    };
    (0..count).map(|_| create()).collect()
}

fn keys(answers: &[Written]) -> Vec<ExecutionKey> {
    let key = |answer: &Written| match answer {
        Written::Created(key) => *key,
        Written::Exists | Written::Conflict | Written::Appended => panic!("created"),
    };
    answers.iter().map(key).collect()
}

/// Builds what `commit` takes outside of the measured time.
fn measure(runtime: &Runtime, store: &dyn Store, rounds: u64, mut writes: impl FnMut() -> Vec<Write>) -> Duration {
    let mut taken = Duration::ZERO;
    for _ in 0..rounds {
        let writes = writes();
        let start = std::time::Instant::now();
        black_box(runtime.block_on(store.commit(&writes))).expect("commits");
        taken += start.elapsed();
    }
    taken
}

fn appends(c: &mut Criterion, runtime: &Runtime, name: &str, store: &dyn Store) {
    let mut gid = 0;
    let mut group = c.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for size in [1, 8, 64, 256] {
        let mut at_work = Vec::new();
        let mut seq = SEQ_MAX;
        let mut batch = || {
            if seq == SEQ_MAX {
                at_work = keys(&runtime.block_on(store.commit(&creates(&mut gid, size))).expect("creates"));
                seq = 2;
            }
            seq += 1;
            let append = |key: &_| Write::Append { key: *key, entries: entries(seq - 1, 1), progress: None };
            at_work.iter().map(append).collect()
        };
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("append", size), |b| {
            b.iter_custom(|rounds| measure(runtime, store, rounds, &mut batch));
        });
    }
    group.throughput(Throughput::Elements(64));
    group.bench_function("create 64 of 2 entries", |b| {
        b.iter_custom(|rounds| measure(runtime, store, rounds, || creates(&mut gid, 64)));
    });
    group.bench_function("finish 64 by 2 entries", |b| {
        b.iter_custom(|rounds| {
            let finish =
                |key| Write::Append { key, entries: entries(2, 2), progress: Some(progress(Activity::Finished)) };
            measure(runtime, store, rounds, || {
                let created = runtime.block_on(store.commit(&creates(&mut gid, 64))).expect("creates");
                keys(&created).into_iter().map(finish).collect()
            })
        });
    });
    let created = runtime.block_on(store.commit(&creates(&mut gid, 1))).expect("creates");
    let key = keys(&created)[0];
    let long = Write::Append { key, entries: entries(2, 998), progress: None };
    runtime.block_on(store.commit(&[long])).expect("appends");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("load a journal of 1000", |b| {
        b.iter(|| runtime.block_on(store.journal(key, Seq(0), 1000)).expect("loads").len());
    });
    group.finish();
}

fn stores(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    appends(c, &runtime, "memory", &MemoryStore::new());
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let options = SqliteOptions::new(directory.path().join("bench.db"));
    let store = runtime.block_on(SqliteStore::open(options)).expect("opens");
    appends(c, &runtime, "sqlite", &store);
    runtime.block_on(store.close()).expect("closes");
}

criterion_group!(benches, stores);
criterion_main!(benches);
