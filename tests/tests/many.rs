//! Many executions at once with random faults, and a crash in between: money is conserved, nothing happens twice.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{RuntimeOptions, Stage};
use rstest::rstest;
use serde_json::json;

/// Numbers that follow from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("a small number")]
    }
}

const SAGA: &[&str] = &["/transfer-out", "/transfer-in", "/transfer-out/revert", "/transfer-in/revert"];
const TCC: &[&str] = &[
    "/transfer-out/try",
    "/transfer-in/try",
    "/transfer-out/confirm",
    "/transfer-in/confirm",
    "/transfer-out/cancel",
    "/transfer-in/cancel",
];

/// What a gid is: its workflow, who pays, what goes wrong.
fn draw(dice: &mut Dice) -> (&'static str, bool, Vec<serde_json::Value>) {
    let (workflow, paths) = dice.of(&[("transfer-saga", SAGA), ("transfer-tcc", TCC)]);
    let faults = (0..dice.below(4)).map(|_| {
        let kind = dice.of(&["fail", "fail", "error", "ongoing", "drop-reply", "delay", "hang"]);
        json!({ "path": dice.of(paths), "kind": kind, "times": 1, "delay_ms": dice.below(200) })
    });
    let faults = faults.collect();
    (workflow, dice.below(3) == 0, faults)
}

#[rstest]
#[tokio::test]
async fn many_transfers_with_faults_and_a_crash_conserve_money(
    #[values(("sqlite", 200), ("postgres", 60), ("mysql", 60))] (store, transfers): (&str, u64),
) -> Result<()> {
    let seed = match std::env::var("REPRISE_TEST_SEED") {
        Ok(seed) => seed.parse().context("REPRISE_TEST_SEED is a number")?,
        Err(_) => RandomState::new().hash_one(0),
    };
    println!("seed {seed}: repeat with REPRISE_TEST_SEED={seed}");
    run(seed, store, transfers).await.with_context(|| format!("REPRISE_TEST_SEED={seed}"))
}

async fn run(seed: u64, store: &str, transfers: u64) -> Result<()> {
    let mut dice = Dice(seed);
    let url = match store {
        "postgres" => reprise_test_services::postgres().await,
        "mysql" => reprise_test_services::mariadb().await,
        _ => String::new(),
    };
    let (store, url) = (format!("store={store}"), format!("store_url={url:?}"));
    // After the crash the lease has to end first.
    let settings = ["idle_ms=100", "call_timeout_ms=1000", &store, &url, "store_lease_ms=1000"];
    let mut stage = Stage::open(RuntimeOptions::set(&settings)).await?;
    for workflow in ["transfer-saga", "transfer-tcc"] {
        stage.runtime.deploy(workflow).await?;
    }
    stage.bank.set_account("alice", 100_000).await?;
    stage.bank.set_account("bob", 100_000).await?;
    let crash_at = dice.below(transfers);
    for number in 0..transfers {
        let gid = format!("t{number}");
        let (workflow, back, faults) = draw(&mut dice);
        for mut fault in faults {
            fault["gid"] = gid.clone().into();
            stage.bank.fault(fault).await?;
        }
        let (from, to) = if back { ("bob", "alice") } else { ("alice", "bob") };
        let input = json!({ "from": from, "to": to, "amount": 1 + dice.below(50) });
        stage.runtime.trigger(&gid, workflow, &input, None).await?;
        if number == crash_at {
            stage.restart()?;
        }
    }
    let mut phases: BTreeMap<String, u32> = BTreeMap::new();
    for number in 0..transfers {
        let gid = format!("t{number}");
        let status = stage.runtime.finished(&gid).await?;
        let phase = status["phase"].as_str().context("a phase")?.to_owned();
        let effects = stage.bank.effects(&gid).await?;
        ensure!(effects.values().all(|count| *count == 1), "{gid}: something happened twice: {effects:?}");
        let of = |op: &str| effects.keys().filter(|(_, other)| other == op).count();
        let complete = match (phase.as_str(), status["workflow"] == "transfer-tcc") {
            ("succeeded", tcc) => of("action") == 2 && of("rollback") == 0 && of("commit") == if tcc { 2 } else { 0 },
            ("failed", _) => of("action") == of("rollback") && of("commit") == 0,
            _ => false,
        };
        ensure!(complete, "{gid} is {phase} with the effects {effects:?}\n{status:#}");
        *phases.entry(phase).or_default() += 1;
    }
    println!("{phases:?}");
    let accounts = stage.bank.accounts().await?;
    ensure!(accounts.values().map(|(balance, _)| balance).sum::<i64>() == 200_000, "money is lost: {accounts:?}");
    ensure!(accounts.values().all(|(_, frozen)| *frozen == 0), "money is frozen for ever: {accounts:?}");
    ensure!(phases.len() == 2, "the dice are loaded: {phases:?}");
    Ok(())
}
