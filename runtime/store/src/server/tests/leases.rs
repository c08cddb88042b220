//! Who may write, and what becomes of who may not any more.

use std::time::Duration;

use reprise_test_services::{mariadb, postgres};

use super::super::dialect::Dialect;
use super::super::mysql::MySql;
use super::super::postgres::Postgres;
use super::{Activity, append, create, created, open, options};
use crate::{ServerOptions, ServerStore, Store, StoreError, Written};

async fn one_node_at_a_time<D: Dialect>(url: &str) {
    let first = open::<D>(url, "first").await;
    let impatient = ServerOptions { lease_wait: Duration::from_millis(900), ..options(url, "second") };
    let error = ServerStore::<D>::open(impatient).await.expect_err("refused");
    let text = error.to_string();
    assert!(matches!(error, StoreError::Open(_)), "{text}");
    assert!(text.contains("node `first` (epoch 1)") && text.contains("stop that node"), "{text}");

    // Given back, it is free at once; an open that does not wait at all gets it.
    first.close().await.expect("closes");
    let hasty = ServerOptions { lease_wait: Duration::ZERO, ..options(url, "second") };
    let second = ServerStore::<D>::open(hasty.clone()).await.expect("opens");
    assert!(matches!(first.commit(&[create("a", Activity::Active)]).await, Err(StoreError::Unavailable(_))));

    // Dropped, as by a kill, it lasts until its end.
    drop(second);
    assert!(matches!(ServerStore::<D>::open(hasty).await, Err(StoreError::Open(_))));
    created(&open::<D>(url, "third").await, "a").await;
}

async fn a_node_that_lost_its_lease_writes_nothing<D: Dialect>(url: &str) {
    let zombie = open::<D>(url, "zombie").await;
    let key = created(&zombie, "a").await;
    // It stands still: nothing renews.
    zombie.renewal.abort();
    let next = open::<D>(url, "next").await;

    let name = "transfer".parse().expect("a workflow name");
    let digest = reprise_engine::Digest::new([1; 32]);
    let now = reprise_engine::Timestamp(1);
    let errors = [
        zombie.commit(&[append(key, 2), create("b", Activity::Active)]).await.map(drop),
        zombie.deploy(&name, digest, b"component", now).await.map(drop),
        zombie.pause_participant("bank", now).await,
        zombie.commit(&[append(key, 2)]).await.map(drop),
    ];
    for error in errors {
        let Err(StoreError::Fenced(text)) = error else { panic!("{error:?}") };
        assert!(text.contains("`zombie`, epoch 1"), "{text}");
    }
    zombie.fenced().await;

    assert_eq!(next.journal(key, reprise_engine::Seq(0), 9).await.expect("reads").len(), 2);
    assert_eq!(next.execution(&"b".parse().expect("a gid")).await.expect("reads"), None);
    assert_eq!(next.deployments(None).await.expect("reads"), []);
    assert_eq!(next.paused_participants().await.expect("reads"), Vec::<String>::new());
    assert_eq!(next.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
}

/// The transaction of a node that stands still in the middle of it holds the row of the lease.
async fn a_transaction_left_open_does_not_hold_up_the_next_node<D: Dialect>(url: &str) {
    let zombie = open::<D>(url, "zombie").await;
    created(&zombie, "a").await;
    zombie.renewal.abort();
    let left = zombie.writer.lock().await.begin().await.expect("begins");
    let next = open::<D>(url, "next").await;
    assert_eq!(next.active(None, 9).await.expect("reads").len(), 1);
    drop(left);
    assert!(matches!(zombie.commit(&[create("b", Activity::Active)]).await, Err(StoreError::Fenced(_))));
}

/// Both make the tables, one gets the lease, then the other.
async fn two_that_start_together_come_one_after_the_other<D: Dialect>(url: &str) {
    let opened = async |node| {
        let store = open::<D>(url, node).await;
        created(&store, node).await;
        store.close().await.expect("closes");
    };
    tokio::join!(opened("a"), opened("b"), opened("c"));
    let store = open::<D>(url, "last").await;
    assert_eq!(store.active(None, 9).await.expect("reads").len(), 3);
}

macro_rules! on_both {
    ($($case:ident)*) => {
        mod on_postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case::<super::Postgres>(&super::postgres().await).await;
            })*
        }
        mod on_mariadb {
            $(#[tokio::test]
            async fn $case() {
                super::$case::<super::MySql>(&super::mariadb().await).await;
            })*
        }
    };
}

on_both! {
    one_node_at_a_time
    a_node_that_lost_its_lease_writes_nothing
    a_transaction_left_open_does_not_hold_up_the_next_node
    two_that_start_together_come_one_after_the_other
}
