//! The bank invariant: transfers between four databases, each branch in a mode of its own, while requests are refused,
//! delayed, repeated and lost and everything is killed with SIGKILL. At the end not a cent is missing, nothing is
//! frozen, prepared or locked, and every execution is closed with the effects that its end promises.
//!
//! Everything is drawn from one seed: `REPRISE_SEED=NUMBER` repeats a run up to the machine's own timing.
//! `REPRISE_SOAK_SECONDS=NUMBER` says how long transfers are begun; `make soak` does it for ten minutes.

mod audit;
mod clients;
mod plan;
mod random;
mod storm;
mod world;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{clients::Clients, random::Random, world::World};

/// How long transfers are begun where nobody says otherwise: CI.
const SECONDS: u64 = 15;

/// How many transfers are under way at one time.
const CLIENTS: usize = 8;

fn number_from(variable: &str) -> Result<Option<u64>> {
    match std::env::var(variable) {
        Ok(text) => Ok(Some(text.parse().with_context(|| format!("{variable} is no number: {text:?}"))?)),
        Err(_) => Ok(None),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_neither_made_nor_lost() -> Result<()> {
    let seed = number_from("REPRISE_SEED")?.unwrap_or_else(random::fresh_seed);
    let seconds = number_from("REPRISE_SOAK_SECONDS")?.unwrap_or(SECONDS);
    println!("REPRISE_SEED={seed} REPRISE_SOAK_SECONDS={seconds}");
    run(seed, Duration::from_secs(seconds))
        .await
        .with_context(|| format!("REPRISE_SEED={seed} REPRISE_SOAK_SECONDS={seconds} repeats this"))
}

async fn run(seed: u64, length: Duration) -> Result<()> {
    let started = Instant::now();
    let mut world = World::open(seed).await?;
    println!("{:?}: everything runs", started.elapsed());
    let checked = async {
        let clients = Clients::start(seed, CLIENTS, world.runtime_url());
        storm::rage(&mut world, Random::new(seed, "storm", 0), length).await?;
        world.calm().await?;
        println!("{:?}: the storm is over", started.elapsed());
        let outcomes = clients.finish().await?;
        println!("{:?}: all transfers have ended", started.elapsed());
        audit::check(&world, &outcomes).await
    };
    let checked = checked.await;
    match &checked {
        Ok(()) => println!("{:?}: the books are in order", started.elapsed()),
        Err(_) => {
            world.dir.disable_cleanup(true);
            println!(
                "{:?}: see {}, logs end so:\n{}",
                started.elapsed(),
                world.dir.path().display(),
                world.last_words()
            );
        }
    }
    checked
}
