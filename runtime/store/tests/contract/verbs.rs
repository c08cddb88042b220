//! Each verb, on each store.

use reprise_engine::{Digest, Phase, Seq, Timestamp};
use reprise_store::{Activity, ExecutionKey, ExecutionRow, ListFilter, Progress, Topic, Write, Written};
use rstest::rstest;

use crate::support::Kind::{self, MariaDb, Memory, Postgres, Sqlite};
use crate::support::{Bed, advance, append, create, create_of, created, entries, gid, parked, progress, workflow};

const UNKNOWN: ExecutionKey = ExecutionKey(1 << 40);

fn keys(rows: &[ExecutionRow]) -> Vec<ExecutionKey> {
    rows.iter().map(|row| row.key).collect()
}

#[rstest]
#[tokio::test]
async fn an_execution_is_read_as_it_was_created(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let progress = Progress {
        note: Some("{\"why\":\"ü\"}".into()),
        result: Some(vec![0, 159, 255]),
        wake_at: Some(Timestamp(77)),
        ..progress(Phase::RollingBack, Activity::Parked)
    };
    let write = create_of("transfer", "a", progress.clone());
    let key = created(store, write.clone()).await;
    let row = store.execution(&gid("a")).await.expect("reads").expect("exists");
    let Write::Create { execution, entries, .. } = write else { panic!("a create") };
    assert_eq!(row, ExecutionRow { key, execution, progress, elsewhere: false });
    assert_eq!(store.journal(key, Seq(0), 10).await.expect("reads"), entries);
    assert_eq!(store.execution(&gid("b")).await.expect("reads"), None);
    assert_eq!(store.journal(UNKNOWN, Seq(0), 10).await.expect("reads"), []);
    store.ping().await.expect("answers");
}

#[rstest]
#[tokio::test]
async fn a_gid_exists_once(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let first = created(store, create("a")).await;
    let second = create_of("other", "a", progress(Phase::Failed, Activity::Finished));
    assert_eq!(store.commit(std::slice::from_ref(&second)).await.expect("commits"), [Written::Exists]);
    let answers = store.commit(&[create("b"), second, create("b"), create("c")]).await.expect("commits");
    assert!(
        matches!(answers[..], [Written::Created(b), Written::Exists, Written::Exists, Written::Created(c)]
            if first < b && b < c),
        "{answers:?}"
    );
    let row = store.execution(&gid("a")).await.expect("reads").expect("exists");
    assert_eq!((row.key, row.progress.phase), (first, Phase::Running));
}

#[rstest]
#[tokio::test]
async fn appends_are_in_order_and_repeatable(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let key = created(store, create("a")).await;
    for (what, from, count, mark, want) in [
        ("next", 1, 2, 1, Written::Appended),
        ("the same again", 1, 2, 1, Written::Appended),
        ("a part of it again", 2, 1, 1, Written::Appended),
        ("others in its place", 1, 2, 2, Written::Conflict),
        ("the last again and one more", 2, 2, 1, Written::Conflict),
        ("a gap", 4, 1, 1, Written::Conflict),
        ("next after all that", 3, 1, 1, Written::Appended),
        ("an old one again", 1, 2, 1, Written::Appended),
    ] {
        let answers = store.commit(&[append(key, entries(from, count, mark))]).await.expect("commits");
        assert_eq!(answers, [want], "{what}");
    }
    let want = [entries(0, 1, 0), entries(1, 3, 1)].concat();
    assert_eq!(store.journal(key, Seq(0), 100).await.expect("reads"), want);
}

#[rstest]
#[tokio::test]
async fn a_page_begins_and_ends_anywhere_in_a_write(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let key = created(store, create("a")).await;
    let mut large = entries(701, 3, 0);
    large.iter_mut().for_each(|entry| entry.data = vec![entry.seq.0 as u8; 700_000]);
    for write in [entries(1, 3, 0), entries(4, 697, 0), large, entries(704, 1, 0)] {
        assert_eq!(store.commit(&[append(key, write)]).await.expect("commits"), [Written::Appended]);
    }
    let whole = store.journal(key, Seq(0), 1000).await.expect("reads");
    assert_eq!(whole.len(), 705);
    assert_eq!(whole[4..701], entries(4, 697, 0));
    assert!(whole[701..704].iter().all(|entry| entry.data == vec![entry.seq.0 as u8; 700_000]));
    for (from, limit) in
        [(0, 1), (0, 3), (2, 1), (2, 5), (3, 0), (5, 695), (699, 2), (702, 1), (702, 9), (704, 2), (705, 9)]
    {
        let page = store.journal(key, Seq(from), limit).await.expect("reads");
        let end = whole.len().min((from + limit) as usize);
        assert!(page == whole[from as usize..end], "{from} {limit}");
    }
}

#[rstest]
#[tokio::test]
async fn entries_that_do_not_follow_each_other_are_refused(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let key = created(store, create("a")).await;
    let torn = [entries(1, 1, 0), entries(3, 1, 0)].concat();
    let Write::Create { execution, progress, .. } = create("b") else { panic!("a create") };
    let late = Write::Create { execution, entries: entries(1, 1, 0), progress };
    let answers = store.commit(&[append(key, torn), late, create("b")]).await.expect("commits");
    assert!(matches!(answers[..], [Written::Conflict, Written::Conflict, Written::Created(_)]), "{answers:?}");
    assert_eq!(store.journal(key, Seq(0), 100).await.expect("reads").len(), 1);
}

#[rstest]
#[tokio::test]
async fn writes_of_a_batch_do_not_disturb_each_other(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let a = created(store, create("a")).await;
    let b = created(store, create("b")).await;
    let done = progress(Phase::Succeeded, Activity::Finished);
    let refused = Write::Append { key: b, entries: entries(5, 1, 0), progress: Some(done.clone()) };
    let answers = store
        .commit(&[
            append(a, entries(1, 2, 0)),
            append(UNKNOWN, entries(0, 1, 0)),
            advance(UNKNOWN, done.clone()),
            refused,
            create("c"),
            append(a, entries(1, 2, 0)),
            append(a, entries(1, 2, 9)),
            create("a"),
            Write::Append { key: a, entries: entries(3, 1, 0), progress: Some(parked(5)) },
            Write::Append { key: a, entries: entries(4, 1, 0), progress: Some(done.clone()) },
            append(b, Vec::new()),
        ])
        .await
        .expect("commits");
    use Written::{Appended, Conflict, Created, Exists};
    assert!(
        matches!(
            answers[..],
            [
                Appended,
                Conflict,
                Conflict,
                Conflict,
                Created(_),
                Appended,
                Conflict,
                Exists,
                Appended,
                Appended,
                Appended
            ]
        ),
        "{answers:?}"
    );
    assert_eq!(store.journal(a, Seq(0), 100).await.expect("reads"), entries(0, 5, 0));
    assert_eq!(store.journal(b, Seq(0), 100).await.expect("reads"), entries(0, 1, 0));
    assert_eq!(store.execution(&gid("a")).await.expect("reads").expect("exists").progress, done);
    assert_eq!(store.execution(&gid("b")).await.expect("reads").expect("exists").progress.phase, Phase::Running);
    assert_eq!(store.commit(&[]).await.expect("commits"), []);
}

#[rstest]
#[tokio::test]
async fn a_repeated_append_leaves_the_row_as_it_is(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let key = created(store, create("a")).await;
    let first = Write::Append { key, entries: entries(1, 1, 0), progress: Some(parked(5)) };
    let later = progress(Phase::Committing, Activity::Active);
    let second = Write::Append { key, entries: entries(2, 1, 0), progress: Some(later.clone()) };
    assert_eq!(store.commit(&[first.clone(), second]).await.expect("commits"), [Written::Appended; 2]);
    assert_eq!(store.commit(&[first]).await.expect("commits"), [Written::Appended]);
    assert_eq!(store.execution(&gid("a")).await.expect("reads").expect("exists").progress, later);
}

#[rstest]
#[tokio::test]
async fn a_row_alone_is_written_while_it_is_active(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    use Written::{Appended, Conflict};
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let (key, other) = (created(store, create("a")).await, created(store, create("b")).await);
    let active = progress(Phase::Running, Activity::Active);
    let noted = Progress { note: Some("{}".into()), ..active.clone() };
    let quarantined = progress(Phase::Running, Activity::Quarantined);
    let done = Progress { result: Some(vec![7]), ..progress(Phase::Succeeded, Activity::Finished) };
    let claim = |seen: Progress| Write::Claim { key, seen, progress: active.clone() };
    let finish = Write::Append { key, entries: entries(1, 1, 0), progress: Some(done.clone()) };
    for (what, writes, want, stands) in [
        ("at work", vec![advance(key, noted.clone())], vec![Appended], noted.clone()),
        ("away", vec![advance(key, parked(5))], vec![Appended], parked(5)),
        ("away again", vec![advance(key, parked(5))], vec![Appended], parked(5)),
        ("elsewhere", vec![advance(key, parked(6))], vec![Conflict], parked(5)),
        ("late", vec![advance(key, noted.clone())], vec![Conflict], parked(5)),
        ("claimed", vec![claim(parked(5))], vec![Appended], active.clone()),
        (
            "away twice",
            vec![advance(key, parked(7)), advance(key, parked(7)), advance(key, quarantined.clone())],
            vec![Appended, Appended, Conflict],
            parked(7),
        ),
        (
            "claimed and away",
            vec![claim(parked(7)), advance(key, quarantined.clone())],
            vec![Appended, Appended],
            quarantined.clone(),
        ),
        ("claimed again", vec![claim(quarantined)], vec![Appended], active.clone()),
        ("finished", vec![advance(key, noted.clone()), finish.clone()], vec![Appended, Appended], done.clone()),
        ("finished again", vec![advance(key, noted.clone()), finish], vec![Appended, Appended], done.clone()),
        ("after the end", vec![advance(key, noted)], vec![Conflict], done.clone()),
    ] {
        let (end, row) = (writes.len(), advance(other, active.clone()));
        let writes = [writes, vec![row]].concat();
        let answers = store.commit(&writes).await.expect("commits");
        assert_eq!((&answers[..end], answers[end]), (&want[..], Appended), "{what}");
        assert_eq!(store.execution(&gid("a")).await.expect("reads").expect("exists").progress, stands, "{what}");
    }
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads"), entries(0, 2, 0));
}

#[rstest]
#[tokio::test]
async fn a_claim_takes_what_is_as_it_was_seen(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let key = created(store, create_of("transfer", "a", parked(5))).await;
    let active = progress(Phase::Running, Activity::Active);
    let later = Progress { updated_at: Timestamp(2001), ..parked(5) };
    let note = Progress { note: Some("{}".into()), ..parked(5) };
    for (what, key, seen, want) in [
        ("nobody", UNKNOWN, parked(5), Written::Conflict),
        ("another time", key, parked(6), Written::Conflict),
        ("no time", key, progress(Phase::Running, Activity::Parked), Written::Conflict),
        ("another activity", key, Progress { activity: Activity::Quarantined, ..parked(5) }, Written::Conflict),
        ("written later", key, later.clone(), Written::Conflict),
        ("what nobody compares", key, note, Written::Appended),
        ("again", key, parked(5), Written::Conflict),
        ("what is active", key, active.clone(), Written::Appended),
    ] {
        let claim = Write::Claim { key, seen, progress: active.clone() };
        assert_eq!(store.commit(&[claim]).await.expect("commits"), [want], "{what}");
    }
    let row = store.execution(&gid("a")).await.expect("reads").expect("exists");
    assert_eq!((row.progress, row.elsewhere), (active.clone(), false));
    assert_eq!(keys(&store.active(None, 9).await.expect("reads")), [key]);
    assert_eq!(store.next_wake().await.expect("reads"), None);

    // In order with the other writes of a batch.
    let claim =
        |seen: &Progress, progress: &Progress| Write::Claim { key, seen: seen.clone(), progress: progress.clone() };
    let answers = store
        .commit(&[
            claim(&parked(5), &later),
            advance(key, parked(5)),
            claim(&parked(5), &active),
            claim(&parked(5), &later),
            append(key, entries(1, 1, 0)),
            claim(&active, &later),
        ])
        .await
        .expect("commits");
    use Written::{Appended, Conflict};
    assert_eq!(answers, [Conflict, Appended, Appended, Conflict, Appended, Appended]);
    assert_eq!(store.execution(&gid("a")).await.expect("reads").expect("exists").progress, later);
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 2);
}

#[rstest]
#[tokio::test]
async fn large_batches_keep_their_order(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let creates: Vec<Write> = (0..777).map(|i| create(&format!("g{i}"))).collect();
    let answers = store.commit(&creates).await.expect("commits");
    let keys: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Written::Created(key) => *key,
            Written::Exists | Written::Appended | Written::Conflict => panic!("{answer:?}"),
        })
        .collect();
    assert!(keys.is_sorted());
    let done = progress(Phase::Succeeded, Activity::Finished);
    let appends: Vec<Write> = keys
        .iter()
        .map(|key| Write::Append { key: *key, entries: entries(1, 2, 0), progress: Some(done.clone()) })
        .collect();
    assert_eq!(store.commit(&appends).await.expect("commits"), vec![Written::Appended; 777]);
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(store.journal(*key, Seq(0), 9).await.expect("reads").len(), 3);
        let row = store.execution(&gid(&format!("g{i}"))).await.expect("reads").expect("exists");
        assert_eq!((row.key, row.progress.activity), (*key, Activity::Finished));
    }
}

#[rstest]
#[tokio::test]
async fn a_journal_is_read_in_pages(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let key = created(store, create("a")).await;
    let other = created(store, create("b")).await;
    for seq in 1..10 {
        store.commit(&[append(other, entries(seq, 1, 0)), append(key, entries(seq, 1, 0))]).await.expect("commits");
    }
    for (from, limit, want) in [(0, 4, entries(0, 4, 0)), (4, 100, entries(4, 6, 0)), (10, 5, vec![]), (3, 0, vec![])] {
        assert_eq!(store.journal(key, Seq(from), limit).await.expect("reads"), want, "{from} {limit}");
    }
}

#[rstest]
#[tokio::test]
async fn lists_are_filtered_and_newest_first(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let phases = [Phase::Running, Phase::Committing, Phase::RollingBack, Phase::Succeeded, Phase::Failed];
    let activities = [Activity::Active, Activity::Parked, Activity::Quarantined, Activity::Finished];
    let workflows = ["transfer", "refund"];
    let mut rows = Vec::new();
    for i in 0..40 {
        let progress = progress(phases[i % 5], activities[i % 4]);
        let name = workflows[i / 20];
        let text = format!("g{i}");
        created(store, create_of(name, &text, progress)).await;
        rows.push(store.execution(&gid(&text)).await.expect("reads").expect("exists"));
    }
    rows.reverse();
    for workflow in [None, Some(workflow(workflows[0])), Some(workflow(workflows[1])), Some(workflow("none"))] {
        for phase in std::iter::once(None).chain(phases.map(Some)) {
            for activity in std::iter::once(None).chain(activities.map(Some)) {
                let mut filter = ListFilter { workflow: workflow.clone(), phase, activity, before: None, limit: 3 };
                let mut want = rows.clone();
                want.retain(|row| {
                    workflow.as_ref().is_none_or(|workflow| row.execution.workflow == *workflow)
                        && phase.is_none_or(|phase| row.progress.phase == phase)
                        && activity.is_none_or(|activity| row.progress.activity == activity)
                });
                let mut found = Vec::new();
                loop {
                    let page = store.list(&filter).await.expect("reads");
                    assert!(page.len() <= 3);
                    filter.before = page.last().map(|row| row.key);
                    found.extend(page);
                    if filter.before.is_none() {
                        break;
                    }
                }
                assert_eq!(found, want, "{workflow:?} {phase:?} {activity:?}");
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn work_moves_between_the_queues(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let mut made = Vec::new();
    for text in ["a", "b", "c"] {
        made.push(created(store, create(text)).await);
    }
    let [a, b, c] = made[..] else { panic!("three") };
    let name = workflow("transfer");
    let now = Timestamp(100);

    assert_eq!(keys(&store.active(None, 9).await.expect("reads")), [a, b, c]);
    assert_eq!(keys(&store.active(Some(a), 1).await.expect("reads")), [b]);
    assert_eq!(store.next_wake().await.expect("reads"), None);

    let quarantined = progress(Phase::Running, Activity::Quarantined);
    let away = [advance(a, parked(60)), advance(b, parked(50)), advance(c, quarantined.clone())];
    store.commit(&away).await.expect("commits");
    assert_eq!(keys(&store.active(None, 9).await.expect("reads")), []);
    assert_eq!(store.next_wake().await.expect("reads"), Some(Timestamp(50)));
    assert_eq!(keys(&store.due(now, 9).await.expect("reads")), [b, a]);
    assert_eq!(keys(&store.due(now, 1).await.expect("reads")), [b]);
    assert_eq!(keys(&store.due(Timestamp(50), 9).await.expect("reads")), [b]);
    assert_eq!(keys(&store.due(Timestamp(49), 9).await.expect("reads")), []);
    assert_eq!(keys(&store.quarantined(&name, None, 9).await.expect("reads")), [c]);
    assert_eq!(keys(&store.quarantined(&name, Some(c), 9).await.expect("reads")), []);
    assert_eq!(keys(&store.quarantined(&workflow("other"), None, 9).await.expect("reads")), []);

    // A signal has no time; what is finished has no place.
    let signal = progress(Phase::Running, Activity::Parked);
    let finished = Progress { wake_at: Some(Timestamp(1)), ..progress(Phase::Succeeded, Activity::Finished) };
    let active = progress(Phase::Running, Activity::Active);
    let claim = |key, seen, progress| Write::Claim { key, seen, progress };
    let back = [claim(a, parked(60), signal), claim(b, parked(50), finished), claim(c, quarantined, active)];
    assert_eq!(store.commit(&back).await.expect("commits"), [Written::Appended; 3]);
    assert_eq!(keys(&store.active(None, 9).await.expect("reads")), [c]);
    assert_eq!(store.next_wake().await.expect("reads"), None);
    assert_eq!(keys(&store.due(Timestamp(u64::MAX), 9).await.expect("reads")), []);
    assert_eq!(keys(&store.quarantined(&name, None, 9).await.expect("reads")), []);
}

#[rstest]
#[tokio::test]
async fn deployments_have_versions_and_components_stay(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let (one, two) = (Digest::new([1; 32]), Digest::new([2; 32]));
    let (transfer, refund) = (workflow("transfer"), workflow("refund"));
    assert_eq!(store.deployments(None).await.expect("reads"), []);
    let mut made = Vec::new();
    for (name, digest, at, want) in [
        (&transfer, one, 10, (1, 10)),
        (&transfer, one, 20, (1, 10)),
        (&transfer, two, 30, (2, 30)),
        (&transfer, one, 40, (3, 40)),
        (&refund, one, 50, (1, 50)),
    ] {
        let deployment = store.deploy(name, digest, digest.as_bytes(), Timestamp(at)).await.expect("deploys");
        assert_eq!((&deployment.workflow, deployment.digest), (name, digest));
        assert_eq!((deployment.version, deployment.deployed_at.0), want);
        made.push(deployment);
    }
    let [first, _, second, third, other] = &made[..] else { panic!("five") };
    assert_eq!(store.deployments(None).await.expect("reads"), [other.clone(), third.clone()]);
    let versions = store.deployments(Some(&transfer)).await.expect("reads");
    assert_eq!(versions, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(store.deployments(Some(&workflow("none"))).await.expect("reads"), []);
    assert_eq!(store.component(two).await.expect("reads").as_deref(), Some(&two.as_bytes()[..]));
    assert_eq!(store.component(Digest::new([9; 32])).await.expect("reads"), None);
}

#[rstest]
#[tokio::test]
async fn pauses_of_participants_are_kept(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    assert_eq!(store.paused_participants().await.expect("reads"), Vec::<String>::new());
    for (name, at) in [("stock", 10), ("bank", 20), ("stock", 30)] {
        store.pause_participant(name, Timestamp(at)).await.expect("pauses");
    }
    assert_eq!(store.paused_participants().await.expect("reads"), ["bank", "stock"]);
    for name in ["stock", "stock", "never-paused"] {
        store.resume_participant(name).await.expect("resumes");
    }
    assert_eq!(store.paused_participants().await.expect("reads"), ["bank"]);
}

#[rstest]
#[tokio::test]
async fn topics_change_one_version_at_a_time(#[values(Memory, Sqlite, Postgres, MariaDb)] kind: Kind) {
    let bed = Bed::new(kind).await;
    let store = &*bed.store;
    let topic = |name: &str, version, subscribers: &str| Topic {
        name: name.into(),
        subscribers: subscribers.into(),
        version,
        created_at: Timestamp(10),
        updated_at: Timestamp(10 * u64::from(version)),
    };
    assert_eq!(store.topic("Orders").await.expect("reads"), None);
    for (name, version, subscribers, kept) in [
        ("Orders", 2, "[2]", false),
        ("Orders", 1, "[1]", true),
        ("Orders", 1, "[1]", false),
        ("Orders", 3, "[3]", false),
        ("Orders", 2, "[2]", true),
        ("orders", 1, "[]", true),
        ("grün", 1, "[\"ü\"]", true),
    ] {
        let put = store.put_topic(&topic(name, version, subscribers)).await.expect("writes");
        assert_eq!(put, kept, "{name} {version}");
    }
    let [orders, other, green] = [topic("Orders", 2, "[2]"), topic("orders", 1, "[]"), topic("grün", 1, "[\"ü\"]")];
    assert_eq!(store.topic("Orders").await.expect("reads").as_ref(), Some(&orders));
    assert_eq!(store.topics(None, 2).await.expect("reads"), [orders.clone(), green.clone()]);
    assert_eq!(store.topics(Some("grün"), 2).await.expect("reads"), [other]);
    assert!(store.delete_topic("orders").await.expect("deletes"));
    assert!(!store.delete_topic("orders").await.expect("deletes"));
    assert_eq!(store.topics(None, 9).await.expect("reads"), [orders, green]);
}
