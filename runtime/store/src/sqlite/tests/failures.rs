//! A database that refuses to write: a clear error, nothing half written, and on it goes afterwards.

use std::task::{Context, Waker};

use reprise_engine::{Digest, Seq, Timestamp};
use rusqlite::Connection;

use super::super::statements;
use super::{append, create, created, entries, open, progress};
use crate::{Activity, SqliteStore, Store, StoreError, Write, Written, packed};

fn pragma(store: &SqliteStore, text: &str) {
    store.file.writer().connection().execute_batch(&format!("PRAGMA {text}")).expect("sets");
}

/// Commits what fails with `want`, then what does not, after `repair`.
async fn fails_then_works(break_it: &str, repair: &str, want: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let key = created(&store, "a").await;
    pragma(&store, break_it);
    let large = Write::Append { key, entries: entries(2, 500), progress: None };
    let batch = [create("b", Activity::Active), large, append(key, 502)];
    for _ in 0..2 {
        let error = store.commit(&batch).await.expect_err("fails");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert_eq!(error.to_string(), want);
    }
    let error = store.deploy(&"w".parse().expect("a name"), Digest::new([1; 32]), &[0; 500_000], Timestamp(1)).await;
    assert!(matches!(error, Err(StoreError::Unavailable(_))), "{error:?}");
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("readers go on").len(), 2);
    assert_eq!(store.execution(&"b".parse().expect("a gid")).await.expect("reads"), None);
    assert_eq!(store.deployments(None).await.expect("reads"), []);

    pragma(&store, repair);
    let answers = store.commit(&batch).await.expect("commits");
    assert!(matches!(answers[..], [Written::Created(_), Written::Appended, Written::Appended]), "{answers:?}");
    assert_eq!(store.journal(key, Seq(0), 999).await.expect("reads").len(), 503);
}

#[tokio::test]
async fn a_full_disk() {
    fails_then_works(
        "max_page_count = 20",
        "max_page_count = 1000000",
        "the store is unavailable: database or disk is full (code 13); the disk, a quota or the page limit is \
         full: free space, then repeat the call",
    )
    .await;
}

#[tokio::test]
async fn a_file_that_became_read_only() {
    fails_then_works(
        "query_only = 1",
        "query_only = 0",
        "the store is unavailable: attempt to write a readonly database (code 8); make the file and its \
         directory writable for the runtime's user, and check the mount",
    )
    .await;
}

#[tokio::test]
async fn another_program_that_holds_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    pragma(&store, "busy_timeout = 1");
    let other = Connection::open(directory.path().join("reprise.db")).expect("connects");
    other.execute_batch("BEGIN IMMEDIATE").expect("begins");
    let error = store.commit(&[create("a", Activity::Active)]).await.expect_err("fails").to_string();
    assert!(error.contains("close it there, then repeat the call"), "{error}");
    other.execute_batch("ROLLBACK").expect("ends");
    created(&store, "a").await;
}

#[tokio::test]
async fn what_another_program_wrote_is_noticed() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let key = created(&store, "a").await;
    let other = Connection::open(directory.path().join("reprise.db")).expect("connects");
    let insert = "INSERT INTO journal (execution, seq, entries, data) VALUES (?, 2, 1, x'')";
    other.execute(insert, [key.0]).expect("inserts");
    let answers = store.commit(&[append(key, 2), create("b", Activity::Active)]).await.expect("commits");
    assert!(matches!(answers[..], [Written::Conflict, Written::Created(_)]), "{answers:?}");
}

#[tokio::test]
async fn a_commit_that_is_dropped_halfway_leaves_nothing_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let key = created(&store, "a").await;
    for polls in 1..40 {
        let batch = [create(&format!("g{polls}"), Activity::Active), append(key, 2)];
        let mut commit = store.commit(&batch);
        for _ in 0..polls {
            // The commit is on another thread: give it a moment, so that it gets further each time.
            (0..50).for_each(|_| std::thread::yield_now());
            if commit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
        }
        drop(commit);
        // Repeating it is safe, whatever became of it: all is there, or nothing.
        let answers = store.commit(&batch).await.expect("commits");
        assert!(matches!(answers[..], [Written::Created(_) | Written::Exists, Written::Appended]), "{answers:?}");
    }
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 3);
    let count = "SELECT count(*) FROM executions";
    let executions: i64 = store.file.writer().connection().query_row(count, [], |row| row.get(0)).expect("reads");
    assert_eq!(executions, 40);
}

#[tokio::test]
async fn a_damaged_row_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    created(&store, "a").await;
    store.file.writer().connection().execute_batch("UPDATE executions SET phase = 17").expect("updates");
    let error = store.execution(&"a".parse().expect("a gid")).await.expect_err("damaged");
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    assert!(error.to_string().contains("no phase has number 17"), "{error}");
}

/// What a damaged row of one journal says concerns that journal.
#[tokio::test]
async fn a_damaged_journal_disturbs_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let (key, other) = (created(&store, "a").await, created(&store, "b").await);
    store.close().await.expect("closes");
    let row = Write::Append { key, entries: Vec::new(), progress: Some(progress(Activity::Active)) };
    let counts = ["0", "-1", "257", "1099511627776", "9223372036854775807", "1.5", "'two'", "x''"];
    for (from, count) in (2..).zip(counts) {
        let file = Connection::open(directory.path().join("reprise.db")).expect("connects");
        let damage = format!("UPDATE journal SET entries = {count} WHERE execution = ?");
        file.execute(&damage, [key.0]).expect("updates");
        file.close().expect("closes");
        // Opened again, it remembers no journal's length.
        let store = open(&directory).await;
        let batch = [append(key, 2), row.clone(), append(other, from), append(key, 0)];
        let answers = store.commit(&batch).await.expect("commits");
        let [conflict, appended] = [Written::Conflict, Written::Appended];
        assert_eq!(answers, [conflict, appended, appended, conflict], "{count}");
        let error = store.journal(key, Seq(0), 9).await.expect_err("damaged");
        assert!(matches!(error, StoreError::Damaged(_)), "{count}: {error:?}");
        assert_eq!(store.journal(other, Seq(0), 99).await.expect("reads").len(), from as usize + 1);
        store.close().await.expect("closes");
    }
}

#[test]
fn the_query_for_ends_knows_how_many_entries_a_row_may_have() {
    let condition = format!("entries BETWEEN 1 AND {} THEN", packed::ENTRIES_MAX);
    assert!(statements::JOURNAL_END.contains(&condition), "{condition}");
}

#[tokio::test]
async fn a_panic_within_a_commit_leaves_nothing_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let key = created(&store, "a").await;
    let file = std::sync::Arc::clone(&store.file);
    let died = std::thread::spawn(move || {
        file.writer().change(|connection| -> Result<(), _> {
            connection.execute_batch("DELETE FROM journal").expect("deletes");
            panic!("in the middle")
        })
    });
    died.join().expect_err("it panicked");
    assert!(store.file.writer.is_poisoned());
    assert_eq!(store.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 3);
}

#[tokio::test]
async fn a_commit_on_the_callers_thread_is_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let key = created(&store, "a").await;
    let blocking = store.blocking().expect("SQLite blocks");
    let writes = [append(key, 2), create("a", Activity::Active), append(key, 9)];
    let answers = blocking.commit_blocking(&writes).expect("commits");
    assert_eq!(answers, [Written::Appended, Written::Exists, Written::Conflict]);
    assert_eq!(store.commit(&writes).await.expect("commits"), answers);
}
