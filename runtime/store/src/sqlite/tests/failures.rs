//! A database that refuses to write: a clear error, nothing half written, and on it goes afterwards.

use std::task::{Context, Waker};

use reprise_engine::{Digest, Seq, Timestamp};
use sqlx::{AssertSqlSafe, Connection, query, query_scalar, sqlite::SqliteConnection};

use super::{append, create, created, entries, open};
use crate::{Activity, SqliteStore, Store, StoreError, Write, Written};

async fn pragma(store: &SqliteStore, text: &str) {
    let mut writer = store.writer.lock().await;
    query(AssertSqlSafe(format!("PRAGMA {text}"))).fetch_all(writer.connection()).await.expect("sets");
}

/// Commits what fails with `want`, then what does not, after `repair`.
async fn fails_then_works(break_it: &str, repair: &str, want: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let key = created(&store, "a").await;
    pragma(&store, break_it).await;
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

    pragma(&store, repair).await;
    let answers = store.commit(&batch).await.expect("commits");
    assert!(matches!(answers[..], [Written::Created(_), Written::Appended, Written::Appended]), "{answers:?}");
    assert_eq!(store.journal(key, Seq(0), 999).await.expect("reads").len(), 503);
}

#[tokio::test]
async fn a_full_disk() {
    fails_then_works(
        "max_page_count = 20",
        "max_page_count = 1000000",
        "the store is unavailable: error returned from database: (code: 13) database or disk is full; the disk, a \
         quota or the page limit is full: free space, then repeat the call",
    )
    .await;
}

#[tokio::test]
async fn a_file_that_became_read_only() {
    fails_then_works(
        "query_only = 1",
        "query_only = 0",
        "the store is unavailable: error returned from database: (code: 8) attempt to write a readonly database; make \
         the file and its directory writable for the runtime's user, and check the mount",
    )
    .await;
}

#[tokio::test]
async fn another_program_that_holds_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    pragma(&store, "busy_timeout = 1").await;
    let path = directory.path().join("reprise.db").display().to_string();
    let mut other = SqliteConnection::connect(&path).await.expect("connects");
    query("BEGIN IMMEDIATE").execute(&mut other).await.expect("begins");
    let error = store.commit(&[create("a", Activity::Active)]).await.expect_err("fails").to_string();
    assert!(error.contains("close it there, then repeat the call"), "{error}");
    query("ROLLBACK").execute(&mut other).await.expect("ends");
    created(&store, "a").await;
}

#[tokio::test]
async fn what_another_program_wrote_is_noticed() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let key = created(&store, "a").await;
    let path = directory.path().join("reprise.db").display().to_string();
    let mut other = SqliteConnection::connect(&path).await.expect("connects");
    query("INSERT INTO journal (execution, seq, at, kind, fingerprint, data) VALUES (?, 2, 1, 1, 1, x'')")
        .bind(key.0)
        .execute(&mut other)
        .await
        .expect("inserts");
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
            // The connection has a thread of its own: give it a moment, so that it gets further each time.
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
    let mut writer = store.writer.lock().await;
    let executions: i64 =
        query_scalar("SELECT count(*) FROM executions").fetch_one(writer.connection()).await.expect("reads");
    assert_eq!(executions, 40);
}

#[tokio::test]
async fn a_damaged_row_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    created(&store, "a").await;
    query("UPDATE executions SET phase = 17").execute(store.writer.lock().await.connection()).await.expect("updates");
    let error = store.execution(&"a".parse().expect("a gid")).await.expect_err("damaged");
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    assert!(error.to_string().contains("no phase has number 17"), "{error}");
}
