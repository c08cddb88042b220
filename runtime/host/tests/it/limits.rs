//! Guests that go wrong: each harms only itself, and the failure says why.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};

use reprise_engine::GuestError;
use reprise_host::{GuestFailure, Host, HostConfig, HostError, Room};

use crate::drive::{Drive, ok, stopped};
use crate::guests::{PROBE, config, host, probe};

async fn fails(host: &Host, input: &str) -> GuestFailure {
    let program = probe(host).await;
    Drive::begin("limits", input, ok).run(&program).await.expect_err("it goes wrong")
}

fn trap(failure: GuestFailure) -> (String, String) {
    match failure {
        GuestFailure::Trap { message, backtrace, .. } => (message, backtrace.unwrap_or_default()),
        GuestFailure::Stopped(_)
        | GuestFailure::OutOfFuel { .. }
        | GuestFailure::OutOfMemory { .. }
        | GuestFailure::NoInstance
        | GuestFailure::MissingHandle => panic!("no trap: {failure:?}"),
    }
}

#[tokio::test]
async fn a_panic_tells_its_message_and_place() {
    let (message, backtrace) = trap(fails(&host(), "panic 7").await);
    assert!(message.contains("boom 7"), "{message}");
    assert!(message.contains("unreachable"), "{message}");
    assert!(!backtrace.contains("panic") && backtrace.ends_with("run"), "{backtrace}");
}

#[tokio::test]
async fn an_exit_is_a_trap() {
    let (message, _) = trap(fails(&host(), "exit").await);
    assert!(message.contains("exit code 1"), "wasi:cli/exit knows only ok and error: {message}");
}

#[tokio::test]
async fn a_deep_recursion_is_a_trap() {
    let (message, _) = trap(fails(&host(), "recurse 10000000").await);
    assert!(message.contains("call stack exhausted") || message.contains("out of bounds"), "{message}");
}

#[tokio::test]
async fn misuse_and_engine_limits_stop_the_guest() {
    let failure = fails(&host(), "misuse").await;
    assert!(matches!(stopped(&failure), Some(GuestError::Misuse(_))), "{failure:?}");
    let failure = fails(&host(), "random 70000").await;
    assert!(matches!(stopped(&failure), Some(GuestError::Limit(_))), "{failure:?}");
}

#[tokio::test]
async fn memory_is_bounded() {
    let failure = fails(&host(), "hog").await;
    let GuestFailure::OutOfMemory { asked, limit } = failure else { panic!("{failure:?}") };
    assert!(asked > limit && limit == 64 << 20, "{asked} {limit}");
}

#[tokio::test]
async fn fuel_is_bounded_and_counted_alike() {
    let host = Host::new(HostConfig { fuel: Some(2_000_000), ..config() }).expect("a good configuration");
    let failure = fails(&host, "spin").await;
    assert!(matches!(failure, GuestFailure::OutOfFuel { .. }), "{failure:?}");
    assert!(failure.to_string().contains("limits.fuel"), "{failure}");
    // Each call is given the full amount again.
    let program = probe(&host).await;
    for _ in 0..3 {
        Drive::begin("fuel", "noop", ok).run(&program).await.expect("a short run has enough");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_loop_lets_others_work_and_ends() {
    let host = Host::new(HostConfig { slices_max: 20, ..config() }).expect("a good configuration");
    let program = probe(&host).await;
    let turns = Arc::new(AtomicU32::new(0));
    let counted = turns.clone();
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let failure = Drive::begin("spin", "spin", ok).run(&program).await.expect_err("it never ends by itself");
    other.abort();
    assert!(matches!(failure, GuestFailure::OutOfFuel { .. }), "{failure:?}");
    assert!(failure.to_string().contains("200 ms"), "{failure}");
    assert!(turns.load(Ordering::Relaxed) >= 10, "{turns:?} turns of the other task on the same thread");
}

#[tokio::test]
async fn a_full_pool_says_so_and_recovers() {
    let host = Host::new(HostConfig { instances: 2, ..config() }).expect("a good configuration");
    let program = probe(&host).await;
    let mut kept = Vec::new();
    for gid in ["one", "two"] {
        kept.push(Drive::begin(gid, "noop", ok).place(&program, None).await.expect("there is room"));
    }
    let mut third = pin!(program.room());
    assert!(is_waiting(third.as_mut()), "all places are taken");
    kept.pop();
    assert!(!is_waiting(third.as_mut()), "there is room again");
}

/// Three instances take all the memory there is for instances: the fourth waits, though there are places.
#[tokio::test]
async fn memory_for_all_instances_is_bounded() {
    let alone = probe(&host()).await;
    Drive::begin("alone", "noop", ok).run(&alone).await.expect("it runs");
    let one = alone.memory_bytes();
    assert!(one >= 1 << 20, "{one} bytes for a stack of 1 MiB and data");

    let config = HostConfig { instances_bytes_max: 3 * one + one / 2, ..config() };
    let host = Host::new(config).expect("a good configuration");
    let program = probe(&host).await;
    let mut kept = Vec::new();
    for gid in ["one", "two", "three"] {
        kept.push(Drive::begin(gid, "noop", ok).place(&program, None).await.expect("there is room"));
    }
    let mut fourth = pin!(program.room());
    assert!(is_waiting(fourth.as_mut()));
    kept.pop();
    assert!(!is_waiting(fourth.as_mut()));
}

/// One that grows is counted with what it has, and the next one is taken for as large.
#[tokio::test]
async fn an_instance_that_grew_leaves_less_for_others() {
    let host = Host::new(HostConfig { instances_bytes_max: 16 << 20, ..config() }).expect("a good configuration");
    let program = probe(&host).await;
    let small = program.memory_bytes();
    let failure = Drive::begin("hog", "hog", ok).run(&program).await.expect_err("it takes all it can");
    assert!(matches!(failure, GuestFailure::OutOfMemory { .. }), "{failure:?}");
    assert!(program.memory_bytes() > 32 << 20, "{} bytes", program.memory_bytes());
    let first = program.room().await;
    let mut second = pin!(program.room());
    assert!(is_waiting(second.as_mut()), "they may both grow");
    drop(first);
    assert!(!is_waiting(second.as_mut()), "one may always run");
    for _ in 0..100 {
        Drive::begin("small", "noop", ok).run(&program).await.expect("it runs");
    }
    assert!(program.memory_bytes() < 2 * small, "{} bytes: one of many was large", program.memory_bytes());
}

fn is_waiting(room: Pin<&mut impl Future<Output = Option<Room>>>) -> bool {
    room.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[tokio::test]
async fn settings_are_checked() {
    let refused = Host::new(HostConfig { instances: 0, ..config() });
    assert!(matches!(refused, Err(HostError::Setting { setting: "instances", .. })));
    // 4,000,000 instances of 4 GiB are beyond any address space.
    let refused = Host::new(HostConfig { instances: 4_000_000, memory_bytes_max: 4 << 30, ..config() });
    let text = refused.expect_err("it can't be reserved").to_string();
    assert!(text.contains("limits.instances"), "{text}");
}

#[tokio::test]
async fn the_default_configuration_starts() {
    let host = Host::new(HostConfig::default()).expect("the defaults must fit everywhere");
    host.prepare(PROBE.clone()).await.expect("the probe is a good component");
}
