//! What only database servers have: nodes and their leases, plans, outages.

mod bulk;
mod cut;
mod leases;
mod nodes;
mod outages;
mod plans;

use std::time::Duration;

use reprise_engine::{Digest, EntryRecord, Phase, Seq, Timestamp};

use super::ServerOptions;
use super::dialect::Dialect;
use crate::{Activity, ExecutionKey, NewExecution, Progress, ServerStore, Store, Write, Written};

/// With a lease that a test can wait for.
fn options(url: &str, node: &str) -> ServerOptions {
    ServerOptions {
        node: node.to_owned(),
        lease: Duration::from_millis(600),
        lease_wait: Duration::from_secs(20),
        ..ServerOptions::new(url)
    }
}

async fn open<D: Dialect>(url: &str, node: &str) -> ServerStore<D> {
    ServerStore::open(options(url, node)).await.expect("opens")
}

/// Nodes that start at the same moment.
struct Fleet<D: Dialect, const N: usize>([ServerStore<D>; N]);

impl<D: Dialect, const N: usize> Fleet<D, N> {
    async fn open(url: &str) -> Self {
        let starts: [_; N] = std::array::from_fn(|i| tokio::spawn(ServerStore::open(options(url, &format!("n{i}")))));
        let mut stores = Vec::new();
        for start in starts {
            stores.push(start.await.expect("does not panic").expect("opens"));
        }
        Self(stores.try_into().expect("as many as started"))
    }
}

/// Asks again and again until there is an answer. Fails if that takes too long.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// Runs each case on both kinds of server.
macro_rules! on_both {
    ($($case:ident)*) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let url = reprise_test_services::postgres().await;
                super::$case::<crate::server::postgres::Postgres>(&url).await;
            })*
        }
        mod on_mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let url = reprise_test_services::mariadb().await;
                super::$case::<crate::server::mysql::MySql>(&url).await;
            })*
        }
    };
}
use on_both;

pub(super) fn entries(from: u32, count: u32) -> Vec<EntryRecord> {
    let entry = |seq| EntryRecord { seq: Seq(seq), at: Timestamp(1), kind: 1, fingerprint: 2, data: vec![3; 100] };
    (from..from + count).map(entry).collect()
}

pub(super) fn progress(activity: Activity) -> Progress {
    Progress {
        phase: if activity == Activity::Finished { Phase::Succeeded } else { Phase::Running },
        digest: Digest::new([4; 32]),
        activity,
        wake_at: None,
        note: None,
        result: None,
        updated_at: Timestamp(1),
    }
}

pub(super) fn create(gid: &str, activity: Activity) -> Write {
    // What is finished is of another workflow than what is asked for: then only its own index finds it soon.
    let workflow = if activity == Activity::Finished { "refund" } else { "transfer" };
    let execution = NewExecution {
        gid: gid.parse().expect("a gid"),
        workflow: workflow.parse().expect("a workflow name"),
        input_hash: [5; 32],
        created_at: Timestamp(1),
    };
    Write::Create { execution, entries: entries(0, 2), progress: progress(activity) }
}

pub(super) fn append(key: ExecutionKey, from: u32) -> Write {
    Write::Append { key, entries: entries(from, 1), progress: None }
}

async fn created<D: Dialect>(store: &ServerStore<D>, gid: &str) -> ExecutionKey {
    match store.commit(&[create(gid, Activity::Active)]).await.expect("commits")[..] {
        [Written::Created(key)] => key,
        ref other => panic!("not created: {other:?}"),
    }
}
