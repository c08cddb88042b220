//! What happens to the nodes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Books, Held, scenario, until};
use serde_json::{Value, json};

use crate::audit;
use crate::cluster::{Cluster, LEASE, now_ms};
use crate::load::{Ended, Load};

/// Transfers before something happens, and after it.
const SOME: usize = 60;

/// Ends the transfers and looks at what they have left behind; tells more if that or `happened` is wrong. `happened`:
/// executions that nobody waited for.
async fn concluded(cluster: &Cluster, load: Load, happened: Result<Vec<String>>) -> Result<()> {
    let checked = async {
        let alone = happened?;
        cluster.bank.clear_faults().await?;
        let mut ended = load.finish().await?;
        let runtime = &cluster.nodes.last().context("a node")?.runtime;
        for gid in alone {
            let status = runtime.execution(&gid, Some("30s")).await?;
            ensure!(status["phase"] == "succeeded", "{status:#}");
            ended.push(Ended::alone(gid));
        }
        audit::check(cluster, &ended).await
    };
    let checked = checked.await;
    if checked.is_err() {
        println!("{}", cluster.last_words());
    }
    checked
}

fn is_fenced(cluster: &Cluster, node: &str, exit: Option<i32>) -> Result<()> {
    let log = cluster.log(node)?;
    let told = log.contains("another node has taken over this one's executions");
    ensure!(exit.is_some_and(|code| code != 0) && told, "{node} ended with {exit:?}:\n{log}");
    Ok(())
}

pub(crate) async fn a_killed_node_is_replaced(store: Books) -> Result<()> {
    let mut cluster = Cluster::open(store).await?;
    let mut load = Load::start(&cluster.urls());
    let happened = async {
        load.more(SOME).await?;
        let victim = cluster.nodes[0].name.clone();
        cluster.is_busy(&victim).await?;
        cluster.nodes[0].runtime.process.kill()?;
        let (killed, left) = (Instant::now(), cluster.owned(&victim).await?);
        cluster.is_inherited(&victim).await?;
        println!("{left} executions of a killed node were taken over within {:?}, lease {LEASE:?}", killed.elapsed());
        cluster.hide(0);
        cluster.join().await?;
        load.more(SOME).await?;
        Ok(Vec::new())
    };
    let happened = happened.await;
    concluded(&cluster, load, happened).await
}

pub(crate) async fn a_frozen_node_wakes_up_fenced(store: Books) -> Result<()> {
    let mut cluster = Cluster::open(store).await?;
    let mut load = Load::start(&cluster.urls());
    let happened = async {
        load.more(SOME).await?;
        let zombie = cluster.nodes[1].name.clone();
        let stubborn = cluster.calls_for_ever(1).await?;
        cluster.nodes[1].runtime.process.freeze()?;
        let (frozen, left) = (Instant::now(), cluster.owned(&zombie).await?);
        cluster.is_inherited(&zombie).await?;
        println!("{left} executions of a frozen node were taken over within {:?}, lease {LEASE:?}", frozen.elapsed());
        load.more(SOME).await?;
        let thawed = now_ms();
        cluster.nodes[1].runtime.process.thaw()?;
        let exit = cluster.ends(1).await?;
        is_fenced(&cluster, &zombie, exit)?;
        let sent = cluster.arrivals_of(&zombie, thawed);
        ensure!(sent.is_empty(), "sent by a node that has nothing to send: {sent:?}");
        ensure!(cluster.owned(&zombie).await? == 0, "it has written something");
        cluster.hide(1);
        Ok(stubborn)
    };
    let happened = happened.await;
    concluded(&cluster, load, happened).await
}

pub(crate) async fn a_node_cut_off_from_the_database_stops_sending(store: Books) -> Result<()> {
    let mut cluster = Cluster::open(store).await?;
    let mut load = Load::start(&cluster.urls());
    let happened = async {
        load.more(SOME).await?;
        let island = cluster.nodes[2].name.clone();
        let stubborn = cluster.calls_for_ever(2).await?;
        cluster.nodes[2].to_database.cut();
        let since = now_ms();
        let (cut, left) = (Instant::now(), cluster.owned(&island).await?);
        let lease_ends = cluster.lease_ends_ms(&island).await?;
        cluster.is_inherited(&island).await?;
        println!("{left} executions of an island were taken over within {:?}, lease {LEASE:?}", cut.elapsed());
        load.more(SOME).await?;
        let last = cluster.arrivals_of(&island, since).last().context("it calls on while its lease holds")?.at_ms;
        println!("its last request came {} ms before the end of its lease", lease_ends - last);
        // What it had on its way to the database arrives now.
        cluster.nodes[2].to_database.mend(Held::Delivered);
        let exit = cluster.ends(2).await?;
        is_fenced(&cluster, &island, exit)?;
        let sent = cluster.arrivals_of(&island, lease_ends);
        ensure!(sent.is_empty(), "sent after the end of its lease: {sent:?}");
        cluster.hide(2);
        // Started again it is a new node.
        cluster.join().await?;
        load.more(SOME).await?;
        Ok(stubborn)
    };
    let happened = happened.await;
    concluded(&cluster, load, happened).await
}

pub(crate) async fn a_node_cut_off_from_the_participants_waits(store: Books) -> Result<()> {
    let mut cluster = Cluster::open(store).await?;
    let mut load = Load::start(&cluster.urls());
    let happened = async {
        load.more(SOME).await?;
        let lonely = cluster.nodes[0].name.clone();
        cluster.is_busy(&lonely).await?;
        cluster.nodes[0].to_bank.cut();
        let cut = now_ms();
        // Nobody else has to wait, and nothing moves: the node is not dead.
        cluster.hide(0);
        load.more(SOME).await?;
        ensure!(cluster.owned(&lonely).await? > 0, "what it works on waits with it");
        let in_transit = i64::try_from(LEASE.as_millis())?;
        let sent = cluster.arrivals_of(&lonely, cut + in_transit);
        ensure!(sent.is_empty(), "through a cable that is cut: {sent:?}");
        cluster.nodes[0].to_bank.mend(Held::Lost);
        let mended = now_ms();
        until("the node to go on", async || Ok((!cluster.arrivals_of(&lonely, mended).is_empty()).then_some(())))
            .await?;
        let ended = cluster.ended()?;
        ensure!(ended.is_empty(), "nobody has a reason to end: {ended:?}");
        Ok(Vec::new())
    };
    let happened = happened.await;
    concluded(&cluster, load, happened).await
}

pub(crate) async fn nodes_are_replaced_one_by_one(store: Books) -> Result<()> {
    let mut cluster = Cluster::open(store).await?;
    let mut load = Load::start(&cluster.urls());
    let happened = async {
        for old in 0..3 {
            load.more(SOME / 2).await?;
            cluster.join().await?;
            cluster.hide(old);
            let name = cluster.nodes[old].name.clone();
            cluster.nodes[old].runtime.process.ask_to_end()?;
            let asked = Instant::now();
            let exit = cluster.ends(old).await?;
            ensure!(exit == Some(0), "{name} ended with {exit:?}:\n{}", cluster.log(&name)?);
            let ended = Instant::now();
            cluster.is_inherited(&name).await?;
            println!(
                "{name} ended {:?} after it was asked to; inherited {:?} after that",
                ended - asked,
                ended.elapsed()
            );
        }
        load.more(SOME).await?;
        Ok(Vec::new())
    };
    let happened = happened.await;
    concluded(&cluster, load, happened).await
}

/// Longer than a lease, so that every node loses its own meanwhile.
const OUTAGE: Duration = Duration::from_secs(4);

pub(crate) async fn the_database_goes_and_comes_back(store: Books) -> Result<()> {
    let mut cluster = Cluster::open_on_own_server(store).await?;
    let mut load = Load::start(&cluster.urls());
    let happened = async {
        load.more(SOME).await?;
        let stubborn = cluster.calls_for_ever(0).await?;
        let mut server = cluster.server.take().context("a server of its own")?;
        tokio::task::block_in_place(|| server.kill())?;
        let (down, since) = (Instant::now(), now_ms());
        for node in &cluster.nodes {
            let gid = format!("refused-by-{}", node.name);
            let path = format!("/v1/executions/{gid}?workflow=transfer-saga");
            let input = json!({ "from": "nobody", "to": "bob", "amount": 1 });
            let (status, problem) = node.runtime.post(&path, &input).await?;
            ensure!(status == 503 && problem["type"] == "/problems/store-unavailable", "{status}: {problem:#}");
        }
        // The length of an outage is what it is.
        tokio::time::sleep(OUTAGE).await;
        let last = cluster.arrivals().last().context("something was sent")?.at_ms - since;
        println!("the last request came {last} ms after the database was gone");
        ensure!((1..=i64::try_from(LEASE.as_millis())?).contains(&last), "as long as the leases hold, no longer");
        tokio::task::block_in_place(|| server.restart())?;
        let up = Instant::now();
        load.more(SOME).await?;
        println!("after an outage of {:?}, {SOME} transfers ended within {:?}", up - down, up.elapsed());
        cluster.server = Some(server);
        let ended = cluster.ended()?;
        ensure!(ended.is_empty(), "nobody lived meanwhile who could have taken over: {ended:?}");
        Ok(stubborn)
    };
    let happened = happened.await;
    concluded(&cluster, load, happened).await
}

pub(crate) async fn one_of_two_servers_dies_and_comes_back() -> Result<()> {
    let mut cluster = Cluster::open_on_galera().await?;
    let mut load = Load::start(&cluster.urls());
    let happened = async {
        cluster.is_whole().await?;
        load.more(SOME).await?;
        let (one, other) = (cluster.nodes[0].name.clone(), cluster.nodes[2].name.clone());
        let stubborn = cluster.calls_for_ever(0).await?;
        let mut galera = cluster.galera.take().context("two servers")?;
        tokio::task::block_in_place(|| galera.servers()[0].kill())?;
        let killed = Instant::now();
        cluster.hide(0);
        cluster.hide(2);
        cluster.is_inherited(&one).await?;
        cluster.is_inherited(&other).await?;
        println!("executions of nodes without their server were taken over within {:?}", killed.elapsed());
        load.more(SOME).await?;
        tokio::task::block_in_place(|| galera.servers()[0].restart())?;
        cluster.galera = Some(galera);
        cluster.is_whole().await?;
        for node in [0, 2] {
            let exit = cluster.ends(node).await?;
            is_fenced(&cluster, &cluster.nodes[node].name.clone(), exit)?;
        }
        // One more on each server.
        cluster.join().await?;
        cluster.join().await?;
        load.more(SOME).await?;
        Ok(stubborn)
    };
    let happened = happened.await;
    concluded(&cluster, load, happened).await
}

pub(crate) async fn any_node_answers(store: Books) -> Result<()> {
    let cluster = Cluster::open(store).await?;
    let [a, b, c] = [0, 1, 2].map(|node| &cluster.nodes[node].runtime);
    // Long enough in one call to be asked about meanwhile.
    cluster.bank.fault(json!({ "path": "/transfer-in", "kind": "delay", "delay_ms": 1_000 })).await?;
    let input = json!({ "from": "alice", "to": "bob", "amount": 1 });
    a.trigger("moves", "transfer-saga", &input, None).await?;
    cluster.bank.asked("moves", "/transfer-in", 1).await?;
    let seen = b.execution("moves", None).await?;
    ensure!(seen["elsewhere"] == true && seen["activity"] == "active", "{seen:#}");
    let (again, waited, followed) = tokio::join!(
        b.trigger("moves", "transfer-saga", &input, Some("20s")),
        c.execution("moves", Some("20s")),
        c.finished("moves"),
    );
    for status in [again?, waited?, followed?] {
        ensure!(status["phase"] == "succeeded", "{status:#}");
    }
    let other = json!({ "from": "alice", "to": "bob", "amount": 2 });
    let (status, problem) = b.post("/v1/executions/moves?workflow=transfer-saga", &other).await?;
    ensure!(status == 409 && problem["type"] == "/problems/gid-in-use", "{status}: {problem:#}");

    for (gid, verdict, contrary, end) in [("yes", "submit", "abort", "succeeded"), ("no", "abort", "submit", "failed")]
    {
        let path = format!("/v1/executions/{gid}?workflow=scenario&prepare=bank/query-prepared&check_after=1h");
        let (status, answer) = a.post(&path, &scenario("deliver")).await?;
        ensure!(status == 202, "{status}: {answer:#}");
        let told = async |runtime: &reprise_tests::Runtime, verdict: &str| -> Result<(u16, Value)> {
            runtime.post(&format!("/v1/executions/{gid}/{verdict}"), &json!({})).await
        };
        for runtime in [b, c, b] {
            let (status, answer) = told(runtime, verdict).await?;
            ensure!([200, 202].contains(&status), "{status}: {answer:#}");
        }
        let status = c.execution(gid, Some("20s")).await?;
        ensure!(status["phase"] == end, "{status:#}");
        let (status, answer) = told(b, contrary).await?;
        ensure!(status == 409 && answer["type"] == "/problems/decided", "{status}: {answer:#}");
    }
    let effects = cluster.bank.effects("moves").await?;
    ensure!(effects.len() == 2 && effects.values().all(|count| *count == 1), "{effects:?}");
    Ok(())
}
