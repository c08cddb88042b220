//! Many nodes on one database: what each of them gets, and that no two get the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reprise_engine::{Phase, Seq, Timestamp};

use super::super::dialect::{Dialect, Value};
use super::super::inbox;
use super::{Activity, Fleet, append, create, created, on_both, options, progress, until};
use crate::{
    Cluster as _, ExecutionKey, ExecutionRow, Letter, Progress, ServerOptions, ServerStore, Store, StoreError, Write,
    Written,
};

fn keys(rows: &[ExecutionRow]) -> Vec<ExecutionKey> {
    rows.iter().map(|row| row.key).collect()
}

fn created_keys(answers: &[Written]) -> Vec<ExecutionKey> {
    let key = |written: &Written| match written {
        Written::Created(key) => *key,
        Written::Exists | Written::Appended | Written::Conflict => panic!("{written:?}"),
    };
    answers.iter().map(key).collect()
}

fn parked(at: u64) -> Progress {
    Progress { wake_at: Some(Timestamp(at)), ..progress(Activity::Parked) }
}

/// Moves executions that are active at `store`.
fn advance(keys: &[ExecutionKey], progress: &Progress) -> Vec<Write> {
    let advance = |key: &ExecutionKey| Write::Append { key: *key, entries: vec![], progress: Some(progress.clone()) };
    keys.iter().map(advance).collect()
}

async fn create_many<D: Dialect>(store: &ServerStore<D>, name: &str, count: usize) -> Vec<ExecutionKey> {
    let writes: Vec<Write> = (0..count).map(|i| create(&format!("{name}-{i}"), Activity::Active)).collect();
    created_keys(&store.commit(&writes).await.expect("commits"))
}

async fn keys_are_never_given_twice<D: Dialect>(url: &str) {
    let Fleet(stores) = Fleet::<D, 3>::open(url).await;
    let writing = stores.iter().enumerate().map(|(node, store)| async move {
        let mut all = Vec::new();
        // One batch is larger than a block.
        for (round, count) in [1, 7, 300, 1200, 2, 400, 999, 1, 500].into_iter().enumerate() {
            let keys = create_many(store, &format!("n{node}r{round}"), count).await;
            for (i, key) in keys.iter().enumerate().step_by(97) {
                let gid = format!("n{node}r{round}-{i}").parse().expect("a gid");
                assert_eq!(store.execution(&gid).await.expect("reads").expect("exists").key, *key);
            }
            all.extend(keys);
        }
        all
    });
    let [a, b, c] = <[_; 3]>::try_from(writing.collect::<Vec<_>>()).unwrap_or_else(|_| panic!("three"));
    let (a, b, c) = tokio::join!(a, b, c);
    for keys in [&a, &b, &c] {
        assert!(keys.is_sorted(), "each node numbers in order");
        assert_eq!(keys.len(), 3410);
    }
    let all: BTreeSet<ExecutionKey> = [a, b, c].concat().into_iter().collect();
    assert_eq!(all.len(), 3 * 3410);
    for store in &stores {
        assert_eq!(store.active(None, 9999).await.expect("reads").len(), 3410, "each has its own");
    }
}

/// An idle node alone goes on with its block: others have taken none.
async fn one_node_alone_leaves_no_gaps<D: Dialect>(url: &str) {
    let Fleet([store]) = Fleet::<D, 1>::open(url).await;
    let mut last = created(&store, "a").await;
    for i in 0..3 {
        store.shared.writer.lock().await.keys.grow_old();
        let next = created(&store, &format!("b{i}")).await;
        assert_eq!(next.0, last.0 + 1);
        last = next;
    }
}

async fn a_gid_is_admitted_by_one_of_them<D: Dialect>(url: &str) {
    let Fleet(stores) = Fleet::<D, 3>::open(url).await;
    for round in 0..40 {
        // Not in the same order, so that the nodes wait for each other in a ring.
        let gids = |node: usize| (0..3).map(move |i| format!("r{round}-{}", (i + node) % 3));
        let writes = |node| gids(node).map(|gid| create(&gid, Activity::Active)).collect::<Vec<_>>();
        let writes: [Vec<Write>; 3] = std::array::from_fn(writes);
        let (a, b, c) =
            tokio::join!(stores[0].commit(&writes[0]), stores[1].commit(&writes[1]), stores[2].commit(&writes[2]));
        let mut admitted: BTreeMap<String, ExecutionKey> = BTreeMap::new();
        for (node, answers) in [a, b, c].into_iter().enumerate() {
            for (gid, written) in gids(node).zip(answers.expect("commits")) {
                match written {
                    Written::Created(key) => assert_eq!(admitted.insert(gid, key), None, "admitted twice"),
                    Written::Exists => {}
                    Written::Appended | Written::Conflict => panic!("{written:?}"),
                }
            }
        }
        assert_eq!(admitted.len(), 3, "each by one");
        for (gid, key) in admitted {
            let row = stores[0].execution(&gid.parse().expect("a gid")).await.expect("reads").expect("exists");
            assert_eq!(row.key, key);
            assert_eq!(stores[0].journal(key, Seq(0), 9).await.expect("reads").len(), 2);
        }
    }
}

async fn a_claim_is_won_once<D: Dialect>(url: &str) {
    const ROWS: usize = 240;
    let Fleet(stores) = Fleet::<D, 3>::open(url).await;
    let made = create_many(&stores[0], "g", ROWS).await;
    let seen = parked(50);
    stores[0].commit(&advance(&made, &seen)).await.expect("commits");
    let mine = |node: usize| Progress { note: Some(format!("{{\"node\":{node}}}")), ..progress(Activity::Active) };
    let claiming = stores.iter().enumerate().map(|(node, store)| {
        let (made, seen) = (&made, &seen);
        async move {
            let mut won = Vec::new();
            // In batches of other sizes and orders, so that they meet.
            let mut order = made.clone();
            order.rotate_left(node * ROWS / 7);
            for keys in order.chunks([7, 12, 20][node]) {
                let claim = |key: &ExecutionKey| Write::Claim { key: *key, seen: seen.clone(), progress: mine(node) };
                let claims: Vec<Write> = keys.iter().map(claim).collect();
                for (key, written) in keys.iter().zip(store.commit(&claims).await.expect("commits")) {
                    match written {
                        Written::Appended => won.push(*key),
                        Written::Conflict => {}
                        Written::Created(_) | Written::Exists => panic!("{written:?}"),
                    }
                }
            }
            won.sort_unstable();
            won
        }
    });
    let [a, b, c] = <[_; 3]>::try_from(claiming.collect::<Vec<_>>()).unwrap_or_else(|_| panic!("three"));
    let (a, b, c) = tokio::join!(a, b, c);
    for (node, (store, won)) in stores.iter().zip([&a, &b, &c]).enumerate() {
        let rows = store.active(None, 999).await.expect("reads");
        assert_eq!(keys(&rows), *won, "who won works on it");
        assert!(rows.iter().all(|row| row.progress == mine(node) && !row.elsewhere));
    }
    let all: BTreeSet<ExecutionKey> = [&a[..], &b, &c].concat().into_iter().collect();
    assert_eq!((all.len(), a.len() + b.len() + c.len()), (ROWS, ROWS));
    for row in stores[0].list(&crate::ListFilter { limit: 1000, ..Default::default() }).await.expect("reads") {
        assert_eq!(row.elsewhere, a.binary_search(&row.key).is_err());
    }
}

/// The answer to a commit was lost: the same again must tell whether it had worked.
async fn a_claim_in_doubt_is_recognised<D: Dialect>(url: &str) {
    let Fleet([a, b]) = Fleet::<D, 2>::open(url).await;
    let key = create_many(&a, "g", 1).await[0];
    a.commit(&advance(&[key], &parked(5))).await.expect("commits");
    let claim = [Write::Claim { key, seen: parked(5), progress: progress(Activity::Active) }];
    let doubt = async |store: &ServerStore<D>| _ = store.shared.writer.lock().await.in_doubt.claimed.insert(key.0);
    assert_eq!(a.commit(&claim).await.expect("commits"), [Written::Appended]);
    assert_eq!(a.commit(&claim).await.expect("commits"), [Written::Conflict], "somebody else, as far as it knows");
    doubt(&a).await;
    assert_eq!(a.commit(&claim).await.expect("commits"), [Written::Appended]);
    assert_eq!(a.commit(&claim).await.expect("commits"), [Written::Conflict], "this was no repetition");
    doubt(&b).await;
    assert_eq!(b.commit(&claim).await.expect("commits"), [Written::Conflict], "the other one has it");
    assert_eq!(keys(&a.active(None, 9).await.expect("reads")), [key]);
}

async fn the_living_share_what_a_dead_node_leaves<D: Dialect>(url: &str) {
    let Fleet([dead, b, c]) = Fleet::<D, 3>::open(url).await;
    let left = create_many(&dead, "left", 60).await;
    let waiting = create_many(&dead, "waiting", 5).await;
    dead.commit(&advance(&waiting, &parked(5))).await.expect("commits");
    let finished = create_many(&dead, "finished", 5).await;
    dead.commit(&advance(&finished, &progress(Activity::Finished))).await.expect("commits");
    create_many(&b, "mine", 3).await;
    // It stands still, and comes back too late.
    dead.heartbeat.abort();

    let adopt_some = async |store: &ServerStore<D>| -> Vec<ExecutionRow> {
        let mut adopted = Vec::new();
        while adopted.len() < left.len() / 3 {
            let more = until("there is something to adopt", async || {
                Some(store.adopt(7).await.expect("adopts")).filter(|rows| !rows.is_empty())
            })
            .await;
            assert!(more.len() <= 7 && more.iter().all(|row| !row.elsewhere), "{more:?}");
            adopted.extend(more);
        }
        adopted
    };
    let (mut of_b, mut of_c) = tokio::join!(adopt_some(&b), adopt_some(&c));
    // What is left at last is for whoever comes first.
    loop {
        let (more_b, more_c) = tokio::join!(b.adopt(7), c.adopt(7));
        let (more_b, more_c) = (more_b.expect("adopts"), more_c.expect("adopts"));
        if more_b.is_empty() && more_c.is_empty() {
            break;
        }
        of_b.extend(more_b);
        of_c.extend(more_c);
    }
    let mut all = [keys(&of_b), keys(&of_c)].concat();
    all.sort_unstable();
    assert_eq!(all, left, "each of them once");
    assert_eq!(b.active(None, 999).await.expect("reads").len(), of_b.len() + 3);
    assert_eq!(c.active(None, 999).await.expect("reads").len(), of_c.len());

    let error = dead.commit(&advance(&left, &progress(Activity::Finished))).await.expect_err("is fenced");
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
    assert!(matches!(dead.commit(&[append(left[0], 2)]).await, Err(StoreError::Fenced(_))));
    assert_eq!(b.journal(left[0], Seq(0), 9).await.expect("reads").len(), 2);
    assert!(b.settled(&left).await.expect("reads").is_empty());
}

async fn others_are_asked_what_they_have_settled<D: Dialect>(url: &str) {
    let Fleet([a, b]) = Fleet::<D, 2>::open(url).await;
    let made = create_many(&a, "g", 5).await;
    a.commit(&advance(&made[..1], &progress(Activity::Finished))).await.expect("commits");
    a.commit(&advance(&made[1..2], &progress(Activity::Quarantined))).await.expect("commits");
    a.commit(&advance(&made[2..3], &parked(5))).await.expect("commits");
    // Closed, with notifications still to deliver.
    let closed = Progress { phase: Phase::Failed, ..progress(Activity::Active) };
    a.commit(&advance(&made[4..], &closed)).await.expect("commits");
    let mut asked = made.clone();
    asked.reverse();
    asked.push(ExecutionKey(1 << 40));
    assert_eq!(keys(&b.settled(&asked).await.expect("reads")), [made[0], made[1], made[4]]);
    assert_eq!(keys(&b.settled(&made[2..4]).await.expect("reads")), []);
    assert_eq!(keys(&b.settled(&[]).await.expect("reads")), []);
}

async fn letters_find_the_node_that_works_on_it<D: Dialect>(url: &str) {
    let Fleet([a, b]) = Fleet::<D, 2>::open(url).await;
    let made = create_many(&a, "g", 3).await;
    a.commit(&advance(&made[2..], &parked(5))).await.expect("commits");
    let letter = |id: i64, execution: ExecutionKey| Letter { id, execution, content: id.to_string().into_bytes() };
    let letters = [letter(i64::MAX, made[0]), letter(-5, made[1]), letter(7, made[2]), letter(3, made[0])];
    for letter in &letters {
        b.post(letter).await.expect("posts");
        // Later is told by the database's clock, in milliseconds.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    b.post(&Letter { content: b"again".to_vec(), ..letters[0].clone() }).await.expect("posts");
    let read = async |store: &ServerStore<D>, limit| store.letters(limit).await.expect("reads");
    assert_eq!(read(&a, 9).await, [&letters[0], &letters[1], &letters[3]].map(Clone::clone), "to the active ones");
    assert_eq!(read(&a, 2).await, letters[..2]);
    assert_eq!(read(&b, 9).await, []);

    a.remove_letters(&[letters[1].id, 12345]).await.expect("removes");
    a.remove_letters(&[]).await.expect("removes");
    let claim = Write::Claim { key: made[2], seen: parked(5), progress: progress(Activity::Active) };
    assert_eq!(b.commit(&[claim]).await.expect("commits"), [Written::Appended]);
    assert_eq!(read(&b, 9).await, letters[2..3], "it works on it now");
    drop(a);
    until("it is adopted", async || Some(b.adopt(9).await.expect("adopts")).filter(|rows| !rows.is_empty())).await;
    assert_eq!(read(&b, 9).await, [&letters[0], &letters[2], &letters[3]].map(Clone::clone), "they follow");

    let old = "UPDATE inbox SET created_at = {now} - ? WHERE id = 7";
    b.shared.change(old, &[Value::Int(inbox::KEPT_MS)]).await.expect("changes");
    b.shared.change(inbox::CLEAN_UP, &[Value::Int(inbox::KEPT_MS)]).await.expect("cleans up");
    assert_eq!(read(&b, 9).await, [&letters[0], &letters[3]].map(Clone::clone));
}

async fn each_wakes_its_share_and_all_what_is_overdue<D: Dialect>(url: &str) {
    let alone = ServerStore::<D>::open(ServerOptions { lease: Duration::from_secs(3), ..options(url, "alone") });
    let alone = alone.await.expect("opens");
    let made = create_many(&alone, "g", 100).await;
    alone.commit(&advance(&made, &parked(5000))).await.expect("commits");
    let due = async |store: &ServerStore<D>, now| keys(&store.due(Timestamp(now), 999).await.expect("reads"));
    assert_eq!(due(&alone, 5000).await, made, "alone it takes everything");
    alone.close().await.expect("closes");

    let Fleet(stores) = Fleet::<D, 3>::open(url).await;
    for store in &stores {
        until("it sees the others", async || (store.shared.node.share().nodes == 3).then_some(())).await;
    }
    for now in [5000, 6000] {
        let mut all = Vec::new();
        for store in &stores {
            let mine = due(store, now).await;
            assert!((30..=36).contains(&mine.len()), "{} of 100", mine.len());
            all.extend(mine);
        }
        all.sort_unstable();
        assert_eq!(all, made, "nobody's, or more than one's");
    }
    for store in &stores {
        assert_eq!(due(store, 4999).await, []);
        assert_eq!(due(store, 6001).await, made, "overdue");
        assert_eq!(store.next_wake().await.expect("reads"), Some(Timestamp(5000)));
    }
    let [a, b, _] = &stores;
    b.close().await.expect("closes");
    until("the others share its part", async || (a.shared.node.share().nodes == 2).then_some(())).await;
}

async fn versions_of_two_nodes_do_not_collide<D: Dialect>(url: &str) {
    let Fleet([a, b]) = Fleet::<D, 2>::open(url).await;
    let name = "transfer".parse().expect("a workflow name");
    let mut versions = BTreeSet::new();
    for round in 0..10 {
        let digest = |node: u8| reprise_engine::Digest::new([10 * node + round; 32]);
        let (of_a, of_b) = tokio::join!(
            a.deploy(&name, digest(1), b"component", Timestamp(1)),
            b.deploy(&name, digest(2), b"component", Timestamp(1)),
        );
        versions.extend([of_a.expect("deploys").version, of_b.expect("deploys").version]);
    }
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
}

on_both! {
    keys_are_never_given_twice
    one_node_alone_leaves_no_gaps
    a_gid_is_admitted_by_one_of_them
    a_claim_is_won_once
    a_claim_in_doubt_is_recognised
    the_living_share_what_a_dead_node_leaves
    others_are_asked_what_they_have_settled
    letters_find_the_node_that_works_on_it
    each_wakes_its_share_and_all_what_is_overdue
    versions_of_two_nodes_do_not_collide
}
