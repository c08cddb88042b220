//! Opening: what is kept, and what is refused with which words.

use std::fs;

use reprise_engine::{Digest, EntryRecord, Seq, Timestamp};
use rusqlite::{Connection, params};

use super::super::read;
use super::{append, created, open, options};
use crate::{ExecutionKey, SqliteOptions, SqliteStore, Store, StoreError, Written, codes};

/// The refusal, without the directory.
async fn refusal(options: &SqliteOptions) -> String {
    let error = SqliteStore::open(options.clone()).await.expect_err("refused");
    assert!(matches!(error, StoreError::Open(_)), "{error:?}");
    let directory = options.path.parent().expect("a directory").display().to_string();
    error.to_string().replace(&directory, "")
}

#[tokio::test]
async fn everything_is_there_after_a_reopen() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let key = created(&store, "a").await;
    let name = "transfer".parse().expect("a workflow name");
    let deployment = store.deploy(&name, Digest::new([1; 32]), b"wasm", Timestamp(9)).await.expect("deploys");
    let row = store.execution(&"a".parse().expect("a gid")).await.expect("reads");
    store.close().await.expect("closes");

    let store = open(&directory).await;
    assert_eq!(store.execution(&"a".parse().expect("a gid")).await.expect("reads"), row);
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 2);
    assert_eq!(store.deployments(None).await.expect("reads"), [deployment]);
    assert_eq!(store.component(Digest::new([1; 32])).await.expect("reads").as_deref(), Some(&b"wasm"[..]));
    assert_eq!(store.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
    assert!(created(&store, "b").await > key);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().expect("a directory");
    let after = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let mut key = created(&store, "g0").await;
    for i in 1..200 {
        key = created(&store, &format!("g{i}")).await;
        assert_eq!(store.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
    }
    // What a killed process leaves: the file and its log as they are now. The log was reused several times by now.
    for name in ["reprise.db", "reprise.db-wal"] {
        fs::copy(directory.path().join(name), after.path().join(name)).expect("copies");
    }
    let store = open(&after).await;
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 3);
    assert_eq!(store.active(None, 1000).await.expect("reads").len(), 200);
    assert_eq!(store.commit(&[append(key, 3)]).await.expect("commits"), [Written::Appended]);
}

#[tokio::test]
async fn a_store_that_was_dropped_opens_again() {
    let directory = tempfile::tempdir().expect("a directory");
    for round in 0..5 {
        let store = open(&directory).await;
        assert_eq!(store.active(None, 9).await.expect("reads").len(), round);
        created(&store, &format!("g{round}")).await;
    }
}

#[tokio::test]
async fn the_log_is_allocated_and_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let log = directory.path().join("reprise.db-wal");
    let bytes = fs::metadata(&log).expect("exists").len();
    assert_eq!(bytes, 32 + 80 * 4120);
    for i in 0..200 {
        created(&store, &format!("g{i}")).await;
    }
    assert_eq!(fs::metadata(&log).expect("exists").len(), bytes, "reused, neither grown nor truncated");
    let writer = store.file.writer();
    for (pragma, want) in [("journal_mode", "wal"), ("synchronous", "2"), ("page_size", "4096")] {
        let text = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let value: String = writer.connection().query_row(&text, [], |row| row.get(0)).expect("reads");
        assert_eq!(value, want, "{pragma}");
    }
}

#[tokio::test]
async fn a_second_runtime_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let _store = open(&directory).await;
    let want = format!(
        "the store can't be opened: /reprise.db is open in process {}; stop that runtime first, or choose another file",
        std::process::id()
    );
    assert_eq!(refusal(&options(&directory)).await, want);
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = options(&directory);

    let text = "not a database\n".repeat(100);
    fs::write(&options.path, &text).expect("writes");
    assert_eq!(
        refusal(&options).await,
        "the store can't be opened: /reprise.db is not a SQLite database; choose another file"
    );
    assert_eq!(fs::read_to_string(&options.path).expect("reads"), text);

    fs::remove_file(&options.path).expect("removes");
    let other = Connection::open(&options.path).expect("connects");
    other.execute_batch("CREATE TABLE songs (id INTEGER)").expect("creates");
    other.close().expect("closes");
    let before = fs::read(&options.path).expect("reads");
    assert_eq!(
        refusal(&options).await,
        "the store can't be opened: /reprise.db is a database of another application; choose another file, this one \
         is left as it is"
    );
    assert_eq!(fs::read(&options.path).expect("reads"), before);
}

#[tokio::test]
async fn places_where_no_file_can_be_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let absent = SqliteOptions::new(directory.path().join("absent").join("reprise.db"));
    assert_eq!(
        refusal(&absent).await,
        "the store can't be opened: /reprise.db is in a directory that does not exist; create it"
    );
    let folder = SqliteOptions::new(directory.path().join("folder"));
    fs::create_dir(&folder.path).expect("creates");
    assert_eq!(refusal(&folder).await, "the store can't be opened: /folder is a directory; name a file in it");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (99, '', 1, x'', 0)";
    store.file.writer().connection().execute_batch(newer).expect("inserts");
    store.close().await.expect("closes");
    let text = refusal(&options(&directory)).await;
    assert!(text.contains("has schema 99, this runtime knows up to 4; start a newer runtime"), "{text}");
}

#[test]
fn journals_of_an_entry_a_row_are_converted() {
    let connection = Connection::open_in_memory().expect("opens");
    connection.execute_batch(include_str!("../../../migrations/sqlite/0001_executions.sql")).expect("creates");
    let entry = |seq: u32| EntryRecord {
        seq: Seq(seq),
        at: Timestamp(1_700_000_000_000 + u64::from(seq)),
        kind: seq as u8,
        fingerprint: u64::MAX - u64::from(seq),
        data: vec![seq as u8; seq as usize],
    };
    let entries: Vec<EntryRecord> = (0..300).map(entry).collect();
    for entry in &entries {
        let insert = "INSERT INTO journal (execution, seq, at, kind, fingerprint, data) VALUES (7, ?, ?, ?, ?, ?)";
        let (at, fingerprint) = (codes::of_time(entry.at), entry.fingerprint.cast_signed());
        connection.execute(insert, params![entry.seq.0, at, entry.kind, fingerprint, entry.data]).expect("inserts");
    }
    connection.execute_batch(include_str!("../../../migrations/sqlite/0004_journal_rows.sql")).expect("converts");
    let read = |from: u32, limit| read::journal(&connection, ExecutionKey(7), Seq(from), limit).expect("reads");
    assert_eq!(read(0, 1000), entries);
    assert_eq!(read(290, 5), entries[290..295]);
}

#[test]
fn a_damaged_entry_is_converted_to_a_damaged_one() {
    let connection = Connection::open_in_memory().expect("opens");
    connection.execute_batch(include_str!("../../../migrations/sqlite/0001_executions.sql")).expect("creates");
    // No entry has this kind: it is three digits long.
    for (execution, kind) in [(7, 256), (8, 1)] {
        let insert = "INSERT INTO journal (execution, seq, at, kind, fingerprint, data) VALUES (?, 0, 1, ?, 2, x'03')";
        connection.execute(insert, [execution, kind]).expect("inserts");
    }
    connection.execute_batch(include_str!("../../../migrations/sqlite/0004_journal_rows.sql")).expect("converts");
    let read = |key| read::journal(&connection, ExecutionKey(key), Seq(0), 9).expect("reads");
    let entry = |kind, fingerprint, at, data| EntryRecord { seq: Seq(0), at: Timestamp(at), kind, fingerprint, data };
    assert_eq!(read(7), [entry(0, 0, 0, vec![])]);
    assert_eq!(read(8), [entry(1, 2, 1, vec![3])]);
}
