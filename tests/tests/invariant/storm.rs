//! What goes wrong, when: kills, faults of the banks, and old requests that arrive again.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::plan::Books;
use crate::random::Random;
use crate::world::{Victim, World};

/// Where faults of the banks strike.
const PATHS: [&str; 14] = [
    "/transfer-out",
    "/transfer-out/revert",
    "/transfer-in",
    "/transfer-in/revert",
    "/transfer-out/try",
    "/transfer-out/confirm",
    "/transfer-out/cancel",
    "/transfer-in/try",
    "/transfer-in/confirm",
    "/transfer-in/cancel",
    "/bank.v1.Bank/TransferOut",
    "/bank.v1.Bank/TransferOutRevert",
    "/bank.v1.Bank/TransferIn",
    "/bank.v1.Bank/TransferInRevert",
];

/// What they are, the frequent ones more than once. None of them refuses an action: a bank's barrier keeps its refusals,
/// but not those of a fault, so another copy of the same request might take effect. Too little money is the true case.
const KINDS: [&str; 8] = ["drop-reply", "drop-reply", "drop-reply", "delay", "delay", "error", "ongoing", "crash"];

/// What is killed, the frequent ones more than once.
const VICTIMS: [Victim; 12] = [
    Victim::Runtime,
    Victim::Runtime,
    Victim::Runtime,
    Victim::Runtime,
    Victim::Server(Books::Postgres),
    Victim::Server(Books::Postgres),
    Victim::Server(Books::MariaDb),
    Victim::Server(Books::Redis),
    Victim::Bank(Books::Postgres),
    Victim::Bank(Books::MariaDb),
    Victim::Bank(Books::Sqlite),
    Victim::Bank(Books::Redis),
];

/// Longest wait for late copies of requests: a bank may be waiting for a lock.
const DELIVERY: Duration = Duration::from_millis(200);

/// Lets things go wrong for so long; afterwards everything runs.
pub(crate) async fn rage(world: &mut World, mut random: Random, length: Duration) -> Result<()> {
    let end = Instant::now() + length;
    let mut kills: Vec<Victim> = Vec::new();
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(random.between(100, 1_000))).await;
        world.mend()?;
        for _ in 0..random.between(0, 5) {
            let books = random.one_of(&Books::ALL);
            world.fault(books, fault(&mut random)).await?;
        }
        if random.chance(30) {
            deliver_late(world, &mut random).await;
        }
        if random.chance(70) {
            let victims = victims(&mut random);
            strike(world, &victims, Duration::from_millis(random.between(0, 500))).await?;
            kills.extend(victims);
        }
    }
    world.mend()?;
    println!("killed: {kills:?}");
    let count = |is: fn(&Victim) -> bool| kills.iter().filter(|victim| is(victim)).count();
    println!(
        "killed: the runtime {} times, banks {}, servers {}",
        count(|victim| matches!(victim, Victim::Runtime)),
        count(|victim| matches!(victim, Victim::Bank(_))),
        count(|victim| matches!(victim, Victim::Server(_))),
    );
    Ok(())
}

fn fault(random: &mut Random) -> Value {
    let path = random.one_of(&PATHS);
    let in_phase_two = ["revert", "Revert", "confirm", "cancel"].iter().any(|end| path.ends_with(end));
    json!({
        "path": path,
        "kind": if in_phase_two && random.chance(20) { "fail" } else { random.one_of(&KINDS) },
        "times": random.between(1, 3),
        "delay_ms": random.between(10, 300),
    })
}

/// One, or two at once.
fn victims(random: &mut Random) -> Vec<Victim> {
    let mut victims = vec![random.one_of(&VICTIMS)];
    if random.chance(20) {
        let other = random.one_of(&VICTIMS);
        if other != victims[0] {
            victims.push(other);
        }
    }
    victims
}

async fn strike(world: &mut World, victims: &[Victim], down: Duration) -> Result<()> {
    for victim in victims {
        world.kill(*victim)?;
    }
    tokio::time::sleep(down).await;
    // Servers first: a bank does not start without its database.
    let mut victims = victims.to_vec();
    victims.sort_by_key(|victim| !matches!(victim, Victim::Server(_)));
    for victim in victims {
        world.start(victim)?;
    }
    Ok(())
}

/// Delivers what the proxy of a bank has kept.
async fn deliver_late(world: &World, random: &mut Random) {
    let branch = &world.branches[&random.one_of(&Books::ALL)];
    // Nobody needs the answers, and the bank may die meanwhile.
    let _ = tokio::time::timeout(DELIVERY, branch.proxy.release()).await;
}
