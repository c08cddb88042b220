//! Discovery as a whole: a bank of several processes that the runtime finds through a real etcd, while they, and etcd, come
//! and go; and the runtime itself, found through etcd by others.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use etcd_client::{Client, GetOptions};
use reprise_discovery::{Discovery, DiscoveryConfig, RegisterConfig, Registration, Target};
use reprise_test_services::Server;
use reprise_tests::{Bank, Books, Process, Runtime, RuntimeOptions, client, program, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const MONEY: i64 = 1_000_000;
/// Transfers at one time, and how often.
const AT_ONCE: usize = 16;
const ROUNDS: usize = 6;

/// A process of the bank, registered as a go-zero server would be: `api` and `rpc` are services of their own.
struct Member {
    bank: Bank,
    registrations: Vec<Registration>,
}

impl Member {
    fn start(dir: &Path, name: &str, database: &str, etcd: &str) -> Result<Self> {
        let dir = dir.join(name);
        std::fs::create_dir(&dir)?;
        let bank = Bank::start_on(&dir, database, &[])?;
        let discovery = Discovery::new(&DiscoveryConfig::default())?;
        let register = |service: &str, url: &str| {
            let address = url.trim_start_matches("http://");
            discovery.register(&RegisterConfig { ttl_s: 3, ..RegisterConfig::at(format!("{etcd}-{service}"), address) })
        };
        let registrations = vec![register("api", &bank.http)?, register("rpc", &bank.grpc)?];
        Ok(Self { bank, registrations })
    }

    /// SIGKILL: its leases are not kept alive any more, and etcd has it until they end.
    fn kill(&mut self) -> Result<()> {
        self.registrations.clear();
        self.bank.process.kill()?;
        Ok(())
    }
}

/// Keys and values below a target's key, as go-zero's resolver reads them.
async fn pairs(target: &str) -> Result<Vec<(String, String)>> {
    let (host, key) = target.trim_start_matches("etcd://").split_once('/').context("host and key")?;
    let mut client = Client::connect([host], None).await?;
    let got = client.get(format!("{key}/"), Some(GetOptions::new().with_prefix())).await?;
    let pairs = got.kvs().iter().map(|pair| Ok((pair.key_str()?.to_owned(), pair.value_str()?.to_owned())));
    pairs.collect()
}

/// Waits until a target has so many processes.
async fn has(target: &str, count: usize) -> Result<()> {
    let what = format!("{count} at {target}");
    until(&what, async || Ok((pairs(target).await?.len() == count).then_some(()))).await
}

/// Some transfers at one time, each to its end.
async fn transfers(runtime: &Arc<Runtime>, round: usize) -> Result<()> {
    let mut under_way = JoinSet::new();
    for number in 0..AT_ONCE {
        let (runtime, gid) = (Arc::clone(runtime), format!("move-{round}-{number}"));
        under_way.spawn(async move {
            let input = json!({ "from": "alice", "to": "bob", "amount": 10, "fee": 1, "dialect": "postgres" });
            runtime.trigger(&gid, "transfer-mixed", &input, Some("60s")).await
        });
    }
    while let Some(ended) = under_way.join_next().await {
        let status: Value = ended??;
        ensure!(status["phase"] == "succeeded", "{status}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_transfer_is_lost_while_instances_and_etcd_come_and_go() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut etcd = Server::start_etcd(&dir.path().join("etcd"))?;
    let url = etcd.url().to_owned();
    let database = Books::Postgres.create(dir.path(), "books").await;
    let mut a = Member::start(dir.path(), "a", &database, &url)?;
    let b = Member::start(dir.path(), "b", &database, &url)?;
    for (account, balance) in [("alice", MONEY), ("bob", 0), ("fees", 0)] {
        b.bank.set_account(account, balance).await?;
    }
    let (api, rpc) = (format!("{url}-api"), format!("{url}-rpc"));
    has(&api, 2).await?;
    has(&rpc, 2).await?;
    let options = RuntimeOptions::set(&[&format!("databases.bank-a.url={database}")]);
    // As go-zero 1.3, and as go-zero 1.4, writes it.
    let discov = rpc.replace("etcd://", "discov://");
    let runtime = Runtime::start_for(dir.path(), &[("bank", &api), ("bank-grpc", &discov)], &options)?;
    runtime.deploy("transfer-mixed").await?;
    let runtime = Arc::new(runtime);

    transfers(&runtime, 0).await?;
    for (name, member) in [("a", &a), ("b", &b)] {
        let seen = member.bank.requests().await?.len();
        ensure!(seen > AT_ONCE, "{name} has a good part of it: {seen}");
    }
    let (moved, killed) = tokio::join!(transfers(&runtime, 1), async { a.kill() });
    killed?;
    moved.context("a process dies")?;
    etcd.kill()?;
    transfers(&runtime, 2).await.context("etcd is away")?;
    etcd.restart()?;
    let c = Member::start(dir.path(), "c", &database, &url)?;
    transfers(&runtime, 3).await.context("etcd is back")?;
    // One that comes is used, one whose lease has ended is not known any more.
    for target in [&api, &rpc] {
        has(target, 2).await?;
    }
    for round in 4..ROUNDS {
        transfers(&runtime, round).await?;
    }
    ensure!(!c.bank.requests().await?.is_empty(), "the new one is used");

    let count = i64::try_from(AT_ONCE * ROUNDS)?;
    let accounts = b.bank.accounts().await?;
    let want = [("alice", MONEY - 10 * count), ("bob", 9 * count), ("fees", count)];
    ensure!(accounts == want.map(|(name, balance)| (name.to_owned(), (balance, 0))).into(), "{accounts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_is_found_and_gone_with_its_lease() -> Result<()> {
    let target = reprise_test_services::etcd().await;
    let dir = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let start = || -> Result<Process> {
        let mut command = Command::new(program("reprise", &[])?);
        command.args(["serve", "--listen", &address, "--data-dir"]).arg(dir.path().join("reprise"));
        for (key, value) in [("target", target.as_str()), ("address", &address), ("ttl_s", "2")] {
            command.arg("--set").arg(format!("discovery.register.{key}={value}"));
        }
        Process::start(&mut command, &dir.path().join("reprise.log"))
    };
    let found = Discovery::new(&DiscoveryConfig::default())?.follow(&target.parse::<Target>()?);
    for by_force in [true, false] {
        let mut runtime = start()?;
        has(&target, 1).await?;
        let (key, value) = pairs(&target).await?.swap_remove(0);
        let lease = key.rsplit('/').next().context("the lease is the last part")?;
        ensure!(lease.parse::<i64>().is_ok() && value == address, "{key} {value}");
        // A client that knows the key only.
        until("a client to find it", async || {
            Ok((found.addresses().await?.first().map(ToString::to_string) == Some(address.clone())).then_some(()))
        })
        .await?;
        let health = client().get(format!("http://{value}/health")).send().await?;
        ensure!(health.status().is_success(), "{}", health.status());
        if by_force {
            runtime.kill()?;
            let gone = tokio::time::timeout(Duration::from_secs(6), has(&target, 0)).await;
            gone.context("its lease of 2 s ends")??;
        } else {
            runtime.terminate()?;
            ensure!(pairs(&target).await?.is_empty(), "it took itself off");
        }
        until("the client to know", async || Ok(found.addresses().await?.is_empty().then_some(()))).await?;
    }
    Ok(())
}
