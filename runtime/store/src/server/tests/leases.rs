//! Who may write, and what becomes of who may not any more.

use std::time::Duration;

use reprise_engine::{Digest, Seq, Timestamp};
use tokio::time::Instant;

use super::super::dialect::{Dialect, Value};
use super::super::{node, rows};
use super::cut::Way;
use super::{Activity, Fleet, append, create, created, on_both, open, options, until};
use crate::{Cluster as _, ServerOptions, ServerStore, Store, StoreError, Written};

/// When the lease of a node ends by the database's clock, and whether it is alive. None once its row is gone.
async fn row<D: Dialect>(store: &ServerStore<D>, id: i64) -> Option<node::Seen> {
    let found = store.shared.fetch(node::ALL, &[]).await.expect("reads");
    found.iter().map(|row| node::seen::<D>(row).expect("a node")).find(|seen| seen.id == id)
}

async fn a_node_that_lost_its_lease_writes_nothing<D: Dialect>(url: &str) {
    let zombie = open::<D>(url, "zombie").await;
    let key = created(&zombie, "a").await;
    assert!(zombie.lease().holds());
    // It stands still: nothing renews.
    zombie.heartbeat.abort();
    let next = open::<D>(url, "next").await;
    let adopted = until("the other is buried", async || {
        Some(next.adopt(9).await.expect("adopts")).filter(|adopted| !adopted.is_empty())
    })
    .await;
    assert_eq!(adopted.iter().map(|row| row.key).collect::<Vec<_>>(), [key]);
    assert!(!zombie.lease().holds(), "it knew before the others");

    let name = "transfer".parse().expect("a workflow name");
    let now = Timestamp(1);
    let errors = [
        zombie.commit(&[append(key, 2), create("b", Activity::Active)]).await.map(drop),
        zombie.deploy(&name, Digest::new([1; 32]), b"component", now).await.map(drop),
        zombie.pause_participant("bank", now).await,
        zombie.commit(&[append(key, 2)]).await.map(drop),
        zombie.adopt(9).await.map(drop),
        zombie.close().await,
    ];
    for (index, error) in errors.into_iter().enumerate() {
        match error {
            Err(StoreError::Fenced(text)) => assert!(text.contains("`zombie`, number 1"), "{text}"),
            // There is nothing left to adopt, which is seen before anything is written.
            Ok(()) if index == 4 => {}
            other => panic!("{index}: {other:?}"),
        }
    }
    zombie.fenced().await;
    assert!(!zombie.lease().holds());

    assert_eq!(next.journal(key, Seq(0), 9).await.expect("reads").len(), 2);
    assert_eq!(next.execution(&"b".parse().expect("a gid")).await.expect("reads"), None);
    assert_eq!(next.deployments(None).await.expect("reads"), []);
    assert_eq!(next.paused_participants().await.expect("reads"), Vec::<String>::new());
    assert_eq!(next.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
}

/// The transaction of a node that stands still in the middle of it holds the node's row, until the server ends it.
async fn a_transaction_left_open_does_not_hold_up_the_others<D: Dialect>(url: &str) {
    let zombie = open::<D>(url, "zombie").await;
    created(&zombie, "a").await;
    zombie.heartbeat.abort();
    let left = zombie.shared.writer.lock().await.begin().await.expect("begins");
    let next = open::<D>(url, "next").await;
    created(&next, "b").await;
    until("it is buried", async || next.adopt(9).await.expect("adopts").pop()).await;
    assert_eq!(next.active(None, 9).await.expect("reads").len(), 2);
    drop(left);
    assert!(matches!(zombie.commit(&[create("c", Activity::Active)]).await, Err(StoreError::Fenced(_))));
}

async fn nodes_that_start_together_get_numbers_of_their_own<D: Dialect>(url: &str) {
    let Fleet([a, b, c]) = Fleet::<D, 3>::open(url).await;
    let mut numbers = [&a, &b, &c].map(|store| store.shared.node.id);
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);
    b.close().await.expect("closes");
    assert!(matches!(b.commit(&[create("a", Activity::Active)]).await, Err(StoreError::Unavailable(_))));
    assert_eq!(open::<D>(url, "b").await.shared.node.id, 4);
}

/// With leases that outlast the test.
async fn a_node_that_closes_leaves_its_work_at_once<D: Dialect>(url: &str) {
    let long = |name| ServerOptions { lease: Duration::from_secs(600), ..options(url, name) };
    let first = ServerStore::<D>::open(long("first")).await.expect("opens");
    let second = ServerStore::<D>::open(long("second")).await.expect("opens");
    let key = created(&first, "a").await;
    assert!(second.execution(&"a".parse().expect("a gid")).await.expect("reads").expect("exists").elsewhere);
    assert!(second.adopt(9).await.expect("adopts").is_empty());
    first.close().await.expect("closes");
    assert!(!first.lease().holds());
    let adopted = second.adopt(9).await.expect("adopts");
    assert_eq!(adopted.iter().map(|row| (row.key, row.elsewhere)).collect::<Vec<_>>(), [(key, false)]);
}

/// A process that was down for long need not wait for a lease of its own before it goes on.
async fn who_has_been_gone_for_long_is_buried_at_the_start<D: Dialect>(url: &str) {
    let [gone, late] = ["gone", "late"].map(|name| async move {
        let store = open::<D>(url, name).await;
        created(&store, name).await;
        // Dropped, as by a kill.
        store.shared.node.id
    });
    let (gone, late) = (gone.await, late.await);
    let long = ServerOptions { lease: Duration::from_secs(600), ..options(url, "next") };
    {
        let store = open::<D>(url, "clock").await;
        for (id, ago) in [(gone, 601_000), (late, 599_000)] {
            let text = "UPDATE nodes SET expires_at = {now} - ? WHERE id = ?";
            store.shared.change(text, &[Value::Int(ago), Value::Int(id)]).await.expect("changes");
        }
        store.heartbeat.abort();
    }
    let next = ServerStore::<D>::open(long).await.expect("opens");
    let adopted = next.adopt(9).await.expect("adopts");
    assert_eq!(adopted.iter().map(|row| row.execution.gid.as_str()).collect::<Vec<_>>(), ["gone"]);
    assert!(row(&next, late).await.expect("is there").alive);
}

async fn who_is_cut_off_stops_before_others_take_over<D: Dialect>(url: &str) {
    let way = Way::to(url).await;
    let cut_off = open::<D>(way.url(), "cut-off").await;
    let other = open::<D>(url, "other").await;
    let key = created(&cut_off, "a").await;
    for _ in 0..3 {
        let id = cut_off.shared.node.id;
        way.cut();
        tokio::time::timeout(Duration::from_secs(30), cut_off.lease().lost()).await.expect("notices");
        let left = row(&other, id).await.expect("is not forgotten").left_ms;
        assert!(left > 0, "others could have taken over {} ms ago", -left);
        way.mend();
        // Not dead yet: it goes on where it was.
        tokio::time::timeout(Duration::from_secs(30), cut_off.lease().held()).await.expect("renews");
        assert_eq!(cut_off.shared.node.id, id);
    }
    assert_eq!(cut_off.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);

    way.cut();
    until("it is taken for dead", async || other.adopt(9).await.expect("adopts").pop()).await;
    assert!(!cut_off.lease().holds());
    way.mend();
    tokio::time::timeout(Duration::from_secs(30), cut_off.fenced()).await.expect("learns of it");
    assert!(matches!(cut_off.commit(&[append(key, 3)]).await, Err(StoreError::Fenced(_))));
}

/// What stands between may forget a connection: then no answer comes, and no end.
async fn a_connection_that_went_silent_does_not_cost_the_lease<D: Dialect>(url: &str) {
    let way = Way::to(url).await;
    let lease = Duration::from_secs(4);
    let store = ServerStore::<D>::open(ServerOptions { lease, ..options(way.url(), "silenced") }).await.expect("opens");
    let other = ServerStore::<D>::open(ServerOptions { lease, ..options(url, "other") }).await.expect("opens");
    let key = created(&store, "a").await;
    way.silence();
    let error = store.commit(&[append(key, 2)]).await.expect_err("gives up");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert_eq!(store.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
    assert!(store.lease().holds());
    let row = row(&other, store.shared.node.id).await.expect("is there");
    assert!(row.alive && row.left_ms > 0, "{row:?}");
}

/// A node that has just come does not know since when the database has been there for the others.
async fn nobody_is_buried_before_a_lease_of_contact<D: Dialect>(url: &str) {
    let short = ServerOptions { lease: Duration::from_millis(150), ..options(url, "zombie") };
    let long = ServerOptions { lease: Duration::from_millis(1500), ..options(url, "next") };
    let zombie = ServerStore::<D>::open(short).await.expect("opens");
    created(&zombie, "a").await;
    zombie.heartbeat.abort();
    let id = zombie.shared.node.id;
    let begun = Instant::now();
    let next = ServerStore::<D>::open(long).await.expect("opens");
    until("it is buried", async || row(&next, id).await.filter(|node| !node.alive).map(drop)).await;
    assert!(begun.elapsed() >= next.shared.node.lease, "after {:?}", begun.elapsed());
}

/// What a dead node leaves is not forgotten with it, and neither is a row kept for nothing.
async fn a_dead_node_is_forgotten_when_it_has_nothing_left<D: Dialect>(url: &str) {
    let first = open::<D>(url, "first").await;
    let key = created(&first, "a").await;
    first.close().await.expect("closes");
    let second = open::<D>(url, "second").await;
    let id = first.shared.node.id;
    // It looks around after each renewal, so twice before the third one.
    for _ in 0..3 {
        let begun = Instant::now();
        until("it renews", async || (second.shared.node.last_contact() > begun).then_some(())).await;
    }
    assert!(!row(&second, id).await.expect("has something left").alive);
    assert_eq!(second.adopt(9).await.expect("adopts").iter().map(|row| row.key).collect::<Vec<_>>(), [key]);
    until("it is forgotten", async || row(&second, id).await.is_none().then_some(())).await;
}

/// Schema 99 stands for what a newer runtime has made of the database.
async fn an_older_runtime_works_on_what_it_can_read<D: Dialect>(url: &str) {
    let first = open::<D>(url, "first").await;
    created(&first, "a").await;
    let newest = first.shared.fetch("SELECT newest, oldest FROM compatibility", &[]).await.expect("reads");
    assert_eq!(rows::int::<D>(&newest[0], 0).expect("a number"), D::schema(), "each migration says so");
    for text in [
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 99, 'newer', success, checksum, 1 FROM _sqlx_migrations WHERE version = 1",
        "UPDATE compatibility SET newest = 99",
    ] {
        first.shared.change(text, &[]).await.expect("changes");
    }
    let second = open::<D>(url, "second").await;
    created(&second, "b").await;

    first.shared.change("UPDATE compatibility SET oldest = 99", &[]).await.expect("changes");
    let error = ServerStore::<D>::open(options(url, "third")).await.expect_err("is refused");
    let StoreError::Open(text) = error else { panic!("{error:?}") };
    assert!(text.contains("schema 99") && text.contains("start a newer runtime"), "{text}");
    // Who is at work when that happens was told by whoever did it.
    created(&second, "c").await;
}

/// While another node changes the schema, a start waits, and then says for whom.
async fn one_node_at_a_time_changes_the_schema<D: Dialect>(url: &str) {
    let first = open::<D>(url, "first").await;
    for text in
        ["UPDATE compatibility SET newest = 0", "UPDATE schema_lease SET name = 'other', expires_at = {now} + 600000"]
    {
        first.shared.change(text, &[]).await.expect("changes");
    }
    let hasty = ServerOptions { lease_wait: Duration::from_millis(300), ..options(url, "hasty") };
    let error = ServerStore::<D>::open(hasty).await.expect_err("gives up");
    let StoreError::Open(text) = error else { panic!("{error:?}") };
    assert!(text.contains("node `other` (epoch 1)") && text.contains("store_lease_wait_ms"), "{text}");

    let waiting = tokio::spawn(ServerStore::<D>::open(options(url, "waiting")));
    first.shared.change("UPDATE compatibility SET newest = ?", &[Value::Int(D::schema())]).await.expect("changes");
    created(&waiting.await.expect("does not panic").expect("opens"), "a").await;
}

on_both! {
    a_node_that_lost_its_lease_writes_nothing
    a_transaction_left_open_does_not_hold_up_the_others
    nodes_that_start_together_get_numbers_of_their_own
    a_node_that_closes_leaves_its_work_at_once
    who_has_been_gone_for_long_is_buried_at_the_start
    who_is_cut_off_stops_before_others_take_over
    a_connection_that_went_silent_does_not_cost_the_lease
    nobody_is_buried_before_a_lease_of_contact
    a_dead_node_is_forgotten_when_it_has_nothing_left
    an_older_runtime_works_on_what_it_can_read
    one_node_at_a_time_changes_the_schema
}
