//! Time, randomness, messages, and what Rust draws from its surroundings.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reprise_guest::{Failure, Transaction, log as messages};
use serde::Serialize;

use crate::operations::Hex;
use crate::stub::get;

#[derive(Serialize)]
pub(crate) struct Slept {
    slept: bool,
}

pub(crate) async fn sleep(tx: &Transaction) -> Result<Slept, Failure> {
    tx.sleep(Duration::from_millis(1_500)).await;
    tx.sleep(Duration::ZERO).await;
    Ok(Slept { slept: true })
}

#[derive(Serialize)]
pub(crate) struct Times {
    before: u64,
    after: u64,
}

pub(crate) async fn now(tx: &Transaction) -> Result<Times, Failure> {
    let before = milliseconds(tx.now())?;
    get(tx, "/a").await?;
    Ok(Times { before, after: milliseconds(tx.now())? })
}

fn milliseconds(time: SystemTime) -> Result<u64, Failure> {
    Ok(u64::try_from(time.duration_since(UNIX_EPOCH)?.as_millis())?)
}

pub(crate) fn random(tx: &Transaction) -> Result<Hex, Failure> {
    Ok(Hex::of(&tx.random_bytes(16)))
}

#[derive(Serialize)]
pub(crate) struct Entropy {
    map: Vec<String>,
    set: Vec<u32>,
    hash: u64,
    wall: String,
    slept: String,
    heap: String,
    stack: String,
    nan: u64,
    thread: String,
    arguments: usize,
    environment: usize,
    sdk: u64,
}

/// A call comes first, so that a replay goes through it too.
#[expect(clippy::disallowed_methods, clippy::eq_op, reason = "what a language draws from its surroundings")]
pub(crate) async fn entropy(tx: &Transaction) -> Result<Entropy, Failure> {
    get(tx, "/a").await?;
    let map: HashMap<String, u32> = (0..50).map(|i| (format!("key-{i}"), i)).collect();
    let set: HashSet<u32> = (0..50).collect();
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(20));
    let (boxed, local) = (Box::new(7), 7);
    let zero = std::hint::black_box(0.0_f64);
    Ok(Entropy {
        map: map.into_keys().collect(),
        set: set.into_iter().collect(),
        hash: RandomState::new().hash_one("text"),
        wall: format!("{:?}", SystemTime::now()),
        slept: format!("{:?}", begun.elapsed()),
        heap: format!("{boxed:p}"),
        stack: format!("{:p}", &raw const local),
        nan: (zero / zero).to_bits(),
        thread: format!("{:?}", std::thread::current().id()),
        arguments: std::env::args().count(),
        environment: std::env::vars_os().count(),
        sdk: tx.random_u64(),
    })
}

#[derive(Serialize)]
pub(crate) struct Logged {
    logged: u32,
}

pub(crate) fn log() -> Logged {
    messages::trace("t");
    messages::debug("d");
    messages::info("i");
    messages::warn("w");
    messages::error("e");
    println!("out");
    eprintln!("err");
    Logged { logged: 5 }
}

pub(crate) async fn trap(tx: &Transaction) -> Result<(), Failure> {
    get(tx, "/a").await?;
    panic!("boom in scenario");
}
