//! The small figures with criterion's care: instance start, and replay of 100 results from memory. How fast entries are
//! appended has its bench beside the store: `runtime/store/benches/append.rs`.

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use reprise_bench::guest::Probe;
use tokio::runtime::Runtime;

fn guests(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let probe = runtime.block_on(Probe::prepare()).expect("the probe builds");
    c.bench_function("start, no-op, drop", |b| {
        b.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut taken = Duration::ZERO;
                for _ in 0..rounds {
                    let session = probe.session("noop");
                    let began = Instant::now();
                    probe.run(session, "noop").await.expect("it returns");
                    taken += began.elapsed();
                }
                taken
            })
        });
    });
    let results = 100;
    let journal = runtime.block_on(probe.record(results)).expect("it runs");
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(u64::from(results)));
    group.bench_function("100 results from memory", |b| {
        b.iter_batched(
            || journal.clone(),
            |journal| runtime.block_on(probe.replay(journal, results)).expect("it replays"),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, guests);
criterion_main!(benches);
