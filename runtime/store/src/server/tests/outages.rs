//! The server is killed and comes back: what was acknowledged is there, and everything goes on by itself.

use std::time::Duration;

use reprise_engine::{Seq, Timestamp};
use reprise_test_services::Server;
use tokio::time::Instant;

use super::super::dialect::Dialect;
use super::super::mysql::MySql;
use super::super::postgres::Postgres;
use super::cut::Way;
use super::{Activity, append, create, created, entries, open, options, progress, until};
use crate::{Cluster as _, ExecutionKey, Progress, ServerOptions, ServerStore, Store, StoreError, Write, Written};

const KILLS: usize = 4;

/// Repeats the same call until it is answered.
async fn commit<D: Dialect>(store: &ServerStore<D>, writes: &[Write]) -> Vec<Written> {
    loop {
        match store.commit(writes).await {
            Ok(written) => return written,
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn write_until<D: Dialect>(store: &ServerStore<D>, stop: &tokio::sync::Notify) -> Vec<ExecutionKey> {
    let mut keys = Vec::new();
    let mut stop = std::pin::pin!(stop.notified());
    loop {
        let first = keys.len();
        let creates: Vec<Write> = (first..first + 7).map(|i| create(&format!("g{i}"), Activity::Active)).collect();
        let made: Vec<ExecutionKey> = commit(store, &creates)
            .await
            .into_iter()
            .map(|written| match written {
                Written::Created(key) => key,
                // Also when the answer to the first attempt was lost.
                Written::Exists | Written::Conflict | Written::Appended => panic!("{written:?} at {first}"),
            })
            .collect();
        let parked = Progress { wake_at: Some(Timestamp(7)), ..progress(Activity::Parked) };
        let park =
            |key: &ExecutionKey| Write::Append { key: *key, entries: entries(2, 1), progress: Some(parked.clone()) };
        let appends: Vec<Write> = made.iter().map(park).collect();
        assert_eq!(commit(store, &appends).await, vec![Written::Appended; made.len()]);
        // A claim whose answer was lost is won, too.
        let claim =
            |key: &ExecutionKey| Write::Claim { key: *key, seen: parked.clone(), progress: progress(Activity::Active) };
        let claims: Vec<Write> = made.iter().map(claim).collect();
        assert_eq!(commit(store, &claims).await, vec![Written::Appended; made.len()]);
        keys.extend(made);
        if std::future::poll_fn(|context| std::task::Poll::Ready(stop.as_mut().poll(context).is_ready())).await {
            return keys;
        }
    }
}

async fn what_was_acknowledged_survives_kills<D: Dialect>(mut server: Server) {
    let url = server.database().await.expect("a database");
    let store = open::<D>(&url, "writer").await;
    let stop = tokio::sync::Notify::new();
    let kills = async {
        for kill in 0..KILLS {
            // Kill in the midst of the writing, at another time each.
            tokio::time::sleep(Duration::from_millis(100 + 37 * kill as u64)).await;
            let restarted = tokio::task::spawn_blocking(move || {
                server.kill().expect("kills");
                server.restart().expect("restarts");
                server
            });
            server = restarted.await.expect("restarts");
        }
        stop.notify_one();
        server
    };
    let (keys, server) = tokio::join!(write_until(&store, &stop), kills);
    assert!(keys.len() > 7 * KILLS, "{}", keys.len());
    for (i, key) in keys.iter().enumerate() {
        let row = store.execution(&format!("g{i}").parse().expect("a gid")).await.expect("reads").expect("exists");
        assert_eq!((row.key, row.progress.activity), (*key, Activity::Active));
        assert_eq!(store.journal(*key, Seq(0), 9).await.expect("reads").len(), 3);
    }
    let listed = store.active(keys.last().copied(), 9).await.expect("reads");
    assert!(listed.is_empty(), "{listed:?}");
    store.close().await.expect("closes");
    drop(server);
}

async fn an_outage_is_named_and_passes<D: Dialect>(mut server: Server) {
    let url = server.database().await.expect("a database");
    let store = open::<D>(&url, "reader").await;
    store.ping().await.expect("answers");
    server.kill().expect("kills");
    for error in [
        store.ping().await,
        store.next_wake().await.map(drop),
        store.commit(&[create("a", Activity::Active)]).await.map(drop),
    ] {
        let Err(StoreError::Unavailable(text)) = error else { panic!("{error:?}") };
        assert!(text.contains("repeat the call") && !text.contains("127.0.0.1/"), "{text}");
    }
    server.restart().expect("restarts");
    store.ping().await.expect("answers again");
    let answers = store.commit(&[create("a", Activity::Active)]).await.expect("commits again");
    assert!(matches!(answers[..], [Written::Created(_)]), "{answers:?}");
}

/// Longer than a lease: nobody could renew, so nobody is dead. One node finds the database later than the others, and is
/// not taken for dead either.
async fn an_outage_buries_nobody<D: Dialect>(mut server: Server) {
    let url = server.database().await.expect("a database");
    let lease = Duration::from_secs(3);
    let way = Way::to(&url).await;
    let open = async |url: &str, node| {
        ServerStore::<D>::open(ServerOptions { lease, ..options(url, node) }).await.expect("opens")
    };
    let (early, late) = (open(&url, "early").await, open(way.url(), "late").await);
    let key = created(&late, "a").await;
    let killed = tokio::task::spawn_blocking(move || {
        server.kill().expect("kills");
        server
    });
    let mut server = killed.await.expect("kills");
    let ended = Instant::now() + lease;
    way.cut();
    for store in [&early, &late] {
        tokio::time::timeout(Duration::from_secs(30), store.lease().lost()).await.expect("notices");
    }
    tokio::time::sleep_until(ended).await;
    let restarted = tokio::task::spawn_blocking(move || {
        server.restart().expect("restarts");
        server
    });
    let server = restarted.await.expect("restarts");

    tokio::time::timeout(Duration::from_secs(30), early.lease().held()).await.expect("renews");
    let renewed = Instant::now();
    // The second time after the outage it has looked around in between.
    for _ in 0..2 {
        let begun = Instant::now();
        until("it renews", async || (early.shared.node.last_contact() > begun).then_some(())).await;
    }
    assert!(renewed.elapsed() < lease, "too late to tell");
    assert!(early.adopt(9).await.expect("adopts").is_empty());
    way.mend();
    tokio::time::timeout(Duration::from_secs(30), late.lease().held()).await.expect("renews");
    assert_eq!(commit(&late, &[append(key, 2)]).await, [Written::Appended]);

    // Who is dead is noticed all the same.
    drop(late);
    until("the dead one is buried", async || early.adopt(9).await.expect("adopts").pop()).await;
    drop(server);
}

macro_rules! on_servers_of_their_own {
    ($($case:ident)*) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let folder = tempfile::tempdir().expect("a folder");
                let server = super::Server::start_postgres(folder.path()).expect("starts");
                super::$case::<super::Postgres>(server).await;
            })*
        }
        mod on_mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let folder = tempfile::tempdir().expect("a folder");
                let server = super::Server::start_mariadb(folder.path()).expect("starts");
                super::$case::<super::MySql>(server).await;
            })*
        }
    };
}

on_servers_of_their_own! {
    what_was_acknowledged_survives_kills
    an_outage_is_named_and_passes
    an_outage_buries_nobody
}
