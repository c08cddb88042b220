//! Commits of one message: whose turn it is, and what they do not know.

use std::time::Duration;

use reprise_engine::Seq;

use super::super::bulk::{Bulk, Turn};
use super::super::dialect::{Dialect, Value};
use super::super::postgres::Postgres;
use super::super::rows;
use super::{Activity, append, create, created, on_both, open, options, progress};
use crate::ends::Ends;
use crate::{Progress, ServerOptions, ServerStore, Store, StoreError, Write, Written};

/// A write of a node that has given it up, or is dead, comes late and does nothing.
async fn a_commit_that_comes_late_does_nothing<D: Dialect>(url: &str) {
    // None of its own renewals comes between.
    let options = ServerOptions { lease: Duration::from_secs(60), ..options(url, "n") };
    let store = ServerStore::<D>::open(options).await.expect("opens");
    let key = created(&store, "a").await;
    let node = store.shared.node.id;
    let found = store.shared.fetch(&format!("SELECT turn FROM nodes WHERE id = {node}"), &[]).await.expect("reads");
    let now = rows::int::<D>(&found[0], 0).expect("a turn");
    let mut ends = Ends::default();
    ends.learn([(key.0, 2)]);
    let mut connection = store.shared.readers.acquire().await.expect("connects");
    let mut write = async |writes: &[Write], before, this| {
        let bulk = Bulk::of(writes, 1 << 40, &ends).expect("nothing to look up");
        let turn = Turn { node, lease_ms: 60_000, before, this };
        D::write(&mut connection, turn, &bulk).await.expect("answers")
    };
    let row = Write::Append { key, entries: Vec::new(), progress: Some(progress(Activity::Parked)) };
    let writes = [create("b", Activity::Active), append(key, 2), row];
    assert_eq!(write(&writes, now - 1, 50).await, None);
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 2);
    assert_eq!(store.execution(&"b".parse().expect("a gid")).await.expect("reads"), None);

    assert_eq!(write(&writes, now, 50).await, Some(vec![1 << 40]));
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 3);
    let parked = store.execution(&"a".parse().expect("a gid")).await.expect("reads").expect("exists");
    assert_eq!(parked.progress.activity, Activity::Parked);

    store.shared.change(&format!("UPDATE nodes SET alive = 0 WHERE id = {node}"), &[]).await.expect("buries");
    assert_eq!(write(&[create("c", Activity::Active)], 50, 51).await, None);
    assert_eq!(store.execution(&"c".parse().expect("a gid")).await.expect("reads"), None);
}

/// What a node remembers of a journal that another one has continued meanwhile is no reason to write there.
async fn a_journal_that_another_node_has_continued_is_seen<D: Dialect>(url: &str) {
    let (first, second) = (open::<D>(url, "first").await, open::<D>(url, "second").await);
    let key = created(&first, "a").await;
    assert_eq!(first.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
    assert_eq!(second.commit(&[append(key, 3)]).await.expect("commits"), [Written::Appended]);
    let mut other = append(key, 3);
    if let Write::Append { entries, .. } = &mut other {
        entries[0].kind = 77;
    }
    let answers = first.commit(&[create("b", Activity::Active), other, append(key, 3), append(key, 4)]).await;
    let answers = answers.expect("commits");
    assert!(
        matches!(answers[..], [Written::Created(_), Written::Conflict, Written::Appended, Written::Appended]),
        "{answers:?}"
    );
    assert_eq!(first.journal(key, Seq(0), 9).await.expect("reads").len(), 5);
    assert_eq!(second.commit(&[append(key, 4), append(key, 5)]).await.expect("commits"), [Written::Appended; 2]);
}

/// A gid that exists does not keep the others of its commit from being admitted.
async fn a_gid_that_exists_disturbs_nobody<D: Dialect>(url: &str) {
    let store = open::<D>(url, "n").await;
    let key = created(&store, "a").await;
    let writes = [create("b", Activity::Active), create("a", Activity::Active), append(key, 2)];
    for _ in 0..2 {
        let answers = store.commit(&writes).await.expect("commits");
        assert!(
            matches!(answers[..], [Written::Created(_) | Written::Exists, Written::Exists, Written::Appended]),
            "{answers:?}"
        );
    }
    let made = store.execution(&"b".parse().expect("a gid")).await.expect("reads").expect("is there").key;
    for (key, entries) in [(key, 3), (made, 2)] {
        assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), entries);
    }
}

/// A node parks what another one then goes on with. The answer was lost, so it parks it again.
async fn a_row_that_another_node_has_claimed_is_left_alone<D: Dialect>(url: &str) {
    let (first, second) = (open::<D>(url, "first").await, open::<D>(url, "second").await);
    let (key, own) = (created(&first, "a").await, created(&first, "b").await);
    let (active, parked) = (progress(Activity::Active), progress(Activity::Parked));
    let row = |progress: &Progress| Write::Append { key, entries: Vec::new(), progress: Some(progress.clone()) };
    let found = async || first.execution(&"a".parse().expect("a gid")).await.expect("reads").expect("exists");
    for _ in 0..2 {
        assert_eq!(first.commit(&[row(&parked)]).await.expect("commits"), [Written::Appended]);
    }
    let claim = Write::Claim { key, seen: parked.clone(), progress: active.clone() };
    assert_eq!(second.commit(&[claim]).await.expect("commits"), [Written::Appended]);

    let batch = [append(own, 2), row(&parked), create("c", Activity::Active)];
    let answers = first.commit(&batch).await.expect("commits");
    assert!(matches!(answers[..], [Written::Appended, Written::Conflict, Written::Created(_)]), "{answers:?}");
    assert_eq!(
        first.commit(&[row(&active)]).await.expect("commits"),
        [Written::Conflict],
        "it is no less active there"
    );
    assert_eq!((found().await.progress, found().await.elsewhere), (active, true));
    assert_eq!(first.journal(own, Seq(0), 9).await.expect("reads").len(), 3);

    // Who works on it may, also in one message.
    assert_eq!(second.commit(&[row(&parked)]).await.expect("commits"), [Written::Appended]);
    assert_eq!(found().await.progress, parked);
}

/// What a damaged row of one journal says concerns that journal.
async fn a_damaged_journal_disturbs_nobody<D: Dialect>(url: &str) {
    let store = open::<D>(url, "n").await;
    let (key, other) = (created(&store, "a").await, created(&store, "b").await);
    let row = Write::Append { key, entries: Vec::new(), progress: Some(progress(Activity::Active)) };
    let count_is = async |count: i64| {
        let text = "UPDATE journal SET entries = ? WHERE execution = ?";
        store.shared.change(text, &[Value::Int(count), Value::Int(key.0)]).await.expect("changes");
        store.shared.writer.lock().await.ends.forget();
    };
    for (from, count) in (2..).zip([0, -1, 257, 1 << 40, i64::MAX]) {
        count_is(count).await;
        let batch = [append(key, 2), row.clone(), append(other, from), append(key, 0)];
        let answers = store.commit(&batch).await.expect("commits");
        let [conflict, appended] = [Written::Conflict, Written::Appended];
        assert_eq!(answers, [conflict, appended, appended, conflict], "{count}");
        let error = store.journal(key, Seq(0), 9).await.expect_err("damaged");
        assert!(matches!(error, StoreError::Damaged(_)), "{count}: {error:?}");
        assert_eq!(store.journal(other, Seq(0), 99).await.expect("reads").len(), from as usize + 1);
    }
    count_is(2).await;
    assert_eq!(store.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
}

/// Makes a server refuse a commit in one message as CockroachDB does, and nothing else.
const REFUSE: [&str; 2] = [
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     IF current_query() LIKE 'WITH turn AS%' THEN \
     RAISE EXCEPTION 'multiple modification subqueries of the same table' USING ERRCODE = '0A000'; \
     END IF; RETURN NEW; END $$",
    "CREATE TRIGGER refuse BEFORE UPDATE ON nodes FOR EACH ROW EXECUTE FUNCTION refuse()",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_commit_in_one_message_gets_it_step_by_step() {
    let store = open::<Postgres>(&reprise_test_services::postgres().await, "n").await;
    let key = created(&store, "a").await;
    assert_eq!(store.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
    assert!(store.shared.writer.lock().await.takes_bulk);
    for text in REFUSE {
        store.shared.change(text, &[]).await.expect("changes");
    }
    for seq in 3..6 {
        let batch = [append(key, seq), create(&format!("g{seq}"), Activity::Active)];
        let answers = store.commit(&batch).await.expect("commits");
        assert!(matches!(answers[..], [Written::Appended, Written::Created(_)]), "{answers:?}");
        assert!(!store.shared.writer.lock().await.takes_bulk);
    }
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 6);
}

on_both! {
    a_row_that_another_node_has_claimed_is_left_alone
    a_damaged_journal_disturbs_nobody
    a_commit_that_comes_late_does_nothing
    a_journal_that_another_node_has_continued_is_seen
    a_gid_that_exists_disturbs_nobody
}
