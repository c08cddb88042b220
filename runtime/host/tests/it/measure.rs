//! Numbers, on demand: `cargo test -p reprise-host --test it measure -- --ignored --nocapture`.

use std::time::Instant;

use reprise_host::{Host, HostConfig, Program};

use crate::drive::{Drive, ok};
use crate::guests::{config, probe};

/// Microseconds for a fresh instance, a run that does nothing, and the end of it: the median, as other jobs disturb.
async fn start_us(program: &Program, count: usize) -> f64 {
    let mut spent = Vec::with_capacity(count);
    for _ in 0..count {
        let mut drive = Drive::begin("measure", "noop", ok);
        let begun = Instant::now();
        let mut guest = drive.place(program, None).await.expect("there is room");
        guest.run(b"noop").await.expect("it returns");
        drop(guest);
        spent.push(begun.elapsed());
    }
    spent.sort();
    spent[count / 2].as_secs_f64() * 1e6
}

/// Microseconds per replayed call, the start of the instance included: the best of ten.
async fn replay_us(program: &Program, calls: u32) -> f64 {
    let input = format!("calls {calls}");
    let mut live = Drive::begin("measure", &input, ok);
    live.run(program).await.expect("it runs");
    let (mut best, mut fold) = (f64::MAX, f64::MAX);
    for _ in 0..10 {
        let begun = Instant::now();
        let mut replay = Drive::resume(&live.journal, ok);
        let loaded = begun.elapsed();
        let begun = Instant::now();
        let mut guest = replay.place(program, None).await.expect("there is room");
        replay.drive(guest.run(input.as_bytes())).await.expect("it replays");
        best = best.min(begun.elapsed().as_secs_f64() * 1e6 / f64::from(calls));
        fold = fold.min(loaded.as_secs_f64() * 1e6 / f64::from(calls));
    }
    println!("  folding the journal {fold:.2} us per call");
    best
}

#[tokio::test]
#[ignore = "measures"]
async fn measure() {
    for fuel in [None, Some(1 << 40)] {
        let host = Host::new(HostConfig { fuel, ..config() }).expect("a good configuration");
        let begun = Instant::now();
        let program = probe(&host).await;
        println!("fuel {fuel:?}: prepared in {:?}", begun.elapsed());
        start_us(&program, 2_000).await;
        println!("  start + noop + drop {:.1} us", start_us(&program, 5_000).await);
        println!("  replay {:.2} us per call", replay_us(&program, 9_000).await);
    }
}
