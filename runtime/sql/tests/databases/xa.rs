//! XA branches: every crash point, and what others do to them.

use std::time::Duration;

use reprise_engine::{Op, SqlValue, Statement};
use rstest::rstest;
use serde_json::json;

use crate::proxy::{Cut, cut};
use crate::support::{
    NAME, Product, Subject, gid_of, invalid, lost, new_gid, open, perform, perform_within, refused, rows, sql, xa,
};

fn read(subject: &Subject) -> Statement {
    subject.statement("SELECT balance FROM account WHERE id = 'bob'", vec![], Some(1))
}

#[rstest]
#[case(Product::Postgres, Op::Commit, 7)]
#[case(Product::Postgres, Op::Rollback, 0)]
#[case(Product::MariaDb, Op::Commit, 7)]
#[case(Product::MariaDb, Op::Rollback, 0)]
#[tokio::test]
async fn prepared_then_ended(#[case] product: Product, #[case] op: Op, #[case] balance: i64) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    let statements = vec![subject.add("bob", 7), read(&subject)];
    let reply = rows(subject.prepare(&gid, statements.clone()).await);
    assert_eq!(reply[1]["rows"], json!([{ "balance": 7 }]));
    assert_eq!(subject.balance("bob").await, 0, "nobody sees it yet");
    assert!(subject.prepared().await.contains(&gid));
    // A repeat reads the reply, though nobody can read what is prepared.
    assert_eq!(rows(subject.prepare(&gid, statements.clone()).await), reply);
    for _ in 0..2 {
        assert_eq!(rows(subject.finish(&gid, op).await), json!([]));
        assert_eq!(subject.balance("bob").await, balance);
        assert!(!subject.prepared().await.contains(&gid));
    }
    let late = subject.prepare(&gid, statements).await;
    if op == Op::Rollback {
        assert!(refused(late)["message"].as_str().expect("text").contains("rollback was here first"));
    } else {
        assert_eq!(rows(late), reply);
    }
    assert_eq!(subject.balance("bob").await, balance);
}

#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_refusal_prepares_nothing(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    let refusal = refused(subject.prepare(&gid, vec![subject.add("alice", 1), subject.add("nobody", 7)]).await);
    assert_eq!((&refusal["statement"], &refusal["affected"]), (&json!(2), &json!(0)));
    assert_eq!(refused(subject.prepare(&gid, vec![subject.add("bob", 7)]).await), refusal);
    assert!(!subject.prepared().await.contains(&gid));
    let refusal = refused(subject.prepare(&new_gid(), vec![subject.add("bob", -7)]).await);
    assert_eq!(refusal["statement"], 1);
    let error = invalid(subject.prepare(&new_gid(), vec![subject.statement("COMMIT", vec![], None)]).await);
    assert!(error.contains("can't stand in an operation"), "{error}");
    rows(subject.finish(&gid, Op::Rollback).await);
    // Nothing holds a lock.
    rows(subject.act(&new_gid(), vec![subject.add("alice", 1), subject.add("bob", 1)]).await);
}

/// Each statement of the protocol is lost before it arrives, and after it was acted on.
#[rstest]
#[case(Product::Postgres, "BEGIN")]
#[case(Product::Postgres, "INSERT INTO barrier ")]
#[case(Product::Postgres, "UPDATE account")]
#[case(Product::Postgres, "INSERT INTO barrier_reply")]
#[case(Product::Postgres, "UPDATE barrier_reply")]
#[case(Product::Postgres, "PREPARE TRANSACTION")]
#[case(Product::MariaDb, "XA START")]
#[case(Product::MariaDb, "INSERT IGNORE INTO barrier ")]
#[case(Product::MariaDb, "UPDATE account")]
#[case(Product::MariaDb, "INSERT INTO barrier_reply")]
#[case(Product::MariaDb, "UPDATE barrier_reply")]
#[case(Product::MariaDb, "XA END")]
#[case(Product::MariaDb, "XA PREPARE")]
#[tokio::test]
async fn an_action_cut_anywhere_is_done_once(
    #[case] product: Product,
    #[case] word: &'static str,
    #[values(Cut::Before, Cut::After)] when: Cut,
    #[values(Op::Commit, Op::Rollback)] op: Op,
) {
    let subject = Subject::new(product).await;
    rows(subject.act(&new_gid(), vec![]).await);
    let databases = open(&cut(&subject.url, word, when).await);
    let gid = new_gid();
    let operation = xa(vec![subject.add("bob", 7), read(&subject)]);
    lost(perform(&databases, &gid, Op::Action, &operation).await);
    if op == Op::Rollback {
        // Given up at once: whatever there is, nothing of it may stay or come later.
        until_done(&subject, &gid, Op::Rollback).await;
        refused(perform(&databases, &gid, Op::Action, &operation).await);
        assert_eq!(subject.balance("bob").await, 0);
    } else {
        let reply = until_rows(async || perform(&databases, &gid, Op::Action, &operation).await).await;
        assert_eq!(reply[1]["rows"], json!([{ "balance": 7 }]));
        until_done(&subject, &gid, Op::Commit).await;
        assert_eq!(subject.balance("bob").await, 7);
    }
    assert!(!subject.prepared().await.contains(&gid));
    rows(subject.act(&new_gid(), vec![subject.add("bob", 1)]).await);
}

async fn until_done(subject: &Subject, gid: &str, op: Op) {
    until_rows(async || subject.finish(gid, op).await).await;
}

/// As the runtime does: what is lost is tried again.
async fn until_rows(attempt: impl AsyncFn() -> reprise_engine::Answer) -> serde_json::Value {
    for _ in 0..100 {
        let answer = attempt().await;
        let reprise_engine::Answer::Lost(text) = answer else { return rows(answer) };
        assert!(!text.contains("heuristic"), "{text}");
        tokio::task::yield_now().await;
    }
    panic!("it was lost a hundred times");
}

#[rstest]
#[case(Product::Postgres, "COMMIT PREPARED", Op::Commit, 7)]
#[case(Product::Postgres, "ROLLBACK PREPARED", Op::Rollback, 0)]
#[case(Product::Postgres, "INSERT INTO barrier ", Op::Rollback, 0)]
#[case(Product::MariaDb, "XA COMMIT", Op::Commit, 7)]
#[case(Product::MariaDb, "XA ROLLBACK", Op::Rollback, 0)]
#[case(Product::MariaDb, "INSERT IGNORE INTO barrier ", Op::Rollback, 0)]
#[tokio::test]
async fn an_end_cut_anywhere_is_known_in_the_end(
    #[case] product: Product,
    #[case] word: &'static str,
    #[case] op: Op,
    #[case] balance: i64,
    #[values(Cut::Before, Cut::After)] when: Cut,
) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    rows(subject.prepare(&gid, vec![subject.add("bob", 7)]).await);
    let databases = open(&cut(&subject.url, word, when).await);
    let branch = reprise_engine::BranchId::of_run(1);
    let end = async || databases.finish(NAME, &gid_of(&gid), branch, op, Duration::from_secs(3)).await;
    lost(end().await);
    assert_eq!(until_rows(end).await, json!([]));
    assert_eq!(subject.balance("bob").await, balance);
    assert!(!subject.prepared().await.contains(&gid));
}

/// While one copy is at work, another must not act, and a rollback must not say that nothing is there.
#[rstest]
#[case(Product::Postgres, "SELECT pg_sleep(1.5)::text AS s")]
#[case(Product::MariaDb, "SELECT SLEEP(1.5) AS s")]
#[tokio::test]
async fn a_copy_at_work_is_waited_for(#[case] product: Product, #[case] slow: &str) {
    let subject = Subject::new(product).await;
    rows(subject.act(&new_gid(), vec![]).await);
    let gid = new_gid();
    let slow = xa(vec![subject.add("bob", 7), subject.statement(slow, vec![], None)]);
    let brief = Duration::from_millis(700);
    let first = perform(&subject.databases, &gid, Op::Action, &slow);
    let others = async {
        let at_work = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(1.5)%'";
        let at_work = match product {
            Product::Postgres => "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(1.5)%'",
            Product::MariaDb | Product::Sqlite => at_work,
        };
        while subject.number(at_work).await == 0 {
            tokio::task::yield_now().await;
        }
        lost(perform_within(&subject.databases, &gid, Op::Action, &slow, brief).await);
        let branch = reprise_engine::BranchId::of_run(1);
        lost(subject.databases.finish(NAME, &gid_of(&gid), branch, Op::Rollback, brief).await);
    };
    let (first, ()) = tokio::join!(first, others);
    rows(first);
    until_done(&subject, &gid, Op::Rollback).await;
    assert_eq!(subject.balance("bob").await, 0);
}

#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn what_others_decided_is_shown(#[case] product: Product) {
    let mut subject = Subject::new(product).await;
    for (theirs, ours, word) in [("COMMIT", Op::Rollback, "was committed"), ("ROLLBACK", Op::Commit, "was rolled back")]
    {
        let gid = new_gid();
        rows(subject.prepare(&gid, vec![subject.add("bob", 7)]).await);
        subject.let_go().await;
        let by_hand = match product {
            Product::Postgres => format!("{theirs} PREPARED 'reprise:{gid}:01'"),
            Product::MariaDb | Product::Sqlite => format!("XA {theirs} '{gid}','/01',{}", 0x5250_5253),
        };
        subject.execute(&by_hand).await;
        for _ in 0..2 {
            let text = lost(subject.finish(&gid, ours).await);
            assert!(text.contains("heuristic outcome") && text.contains(word) && text.contains(&gid), "{text}");
        }
    }
}

#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_rollback_of_nothing_shuts_the_door(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    for _ in 0..2 {
        assert_eq!(rows(subject.finish(&gid, Op::Rollback).await), json!([]));
        refused(subject.prepare(&gid, vec![subject.add("bob", 7)]).await);
    }
    let text = lost(subject.finish(&new_gid(), Op::Commit).await);
    assert!(text.contains("heuristic"), "{text}");
}

/// What is prepared without a reply was never answered: it is done again.
#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_lost_reply_is_made_again(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    rows(subject.prepare(&gid, vec![subject.add("bob", 7)]).await);
    subject.execute("DELETE FROM barrier_reply").await;
    let select =
        subject.statement("SELECT balance + ? AS b FROM account WHERE id = 'bob'", vec![SqlValue::Integer(1)], None);
    let again = xa(vec![subject.add("bob", 9), select]);
    let reply = until_rows(async || perform(&subject.databases, &gid, Op::Action, &again).await).await;
    assert_eq!(reply[1]["rows"], json!([{ "b": 10 }]));
    until_done(&subject, &gid, Op::Commit).await;
    assert_eq!(subject.balance("bob").await, 9);
}

#[tokio::test]
async fn sqlite_cannot_prepare() {
    let subject = Subject::new(Product::Sqlite).await;
    let error = invalid(subject.prepare("g", vec![subject.add("bob", 7)]).await);
    assert!(error.contains("SQLite can't prepare") && error.contains("SQL operation"), "{error}");
    assert_eq!(subject.prepared().await, Vec::<String>::new());
}

#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn long_names_are_told_apart(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let prefix = format!("{:a<119}", new_gid());
    for last in ["x", "y"] {
        let gid = format!("{prefix}{last}");
        rows(subject.prepare(&gid, vec![]).await);
        assert!(subject.prepared().await.contains(&gid));
    }
    rows(subject.finish(&format!("{prefix}x"), Op::Rollback).await);
    rows(subject.finish(&format!("{prefix}y"), Op::Commit).await);
    let too_long = subject.prepare(&"g".repeat(121), vec![]).await;
    if product == Product::MariaDb {
        assert!(invalid(too_long).contains("at most 120"));
    } else {
        rows(too_long);
        rows(subject.finish(&"g".repeat(121), Op::Rollback).await);
    }
}

/// SQL and XA branches of one database meet on the same rows.
#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_prepared_row_is_waited_for(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let (prepared, other) = (new_gid(), new_gid());
    rows(subject.prepare(&prepared, vec![subject.add("bob", 7)]).await);
    let brief = Duration::from_millis(500);
    let operation = sql(vec![subject.add("bob", 1)]);
    lost(perform_within(&subject.databases, &other, Op::Action, &operation, brief).await);
    rows(subject.finish(&prepared, Op::Commit).await);
    rows(perform(&subject.databases, &other, Op::Action, &operation).await);
    assert_eq!(subject.balance("bob").await, 8);
}

/// What is prepared outlives a server that is killed, and so does its reply.
#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_killed_server_keeps_what_is_prepared(#[case] product: Product) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = match product {
        Product::Postgres => reprise_test_services::Server::start_postgres(folder.path()),
        Product::MariaDb | Product::Sqlite => reprise_test_services::Server::start_mariadb(folder.path()),
    }
    .expect("it starts");
    let subject = Subject::at(product, server.url()).await;
    let (committed, rolled_back) = (new_gid(), new_gid());
    let statements = vec![subject.add("bob", 7), read(&subject)];
    let reply = rows(subject.prepare(&committed, statements.clone()).await);
    rows(subject.prepare(&rolled_back, vec![subject.add("alice", 7)]).await);
    server.kill().expect("it dies");
    lost(subject.finish(&committed, Op::Commit).await);
    server.restart().expect("it comes back");
    let again = xa(statements);
    assert_eq!(until_rows(async || perform(&subject.databases, &committed, Op::Action, &again).await).await, reply);
    until_done(&subject, &committed, Op::Commit).await;
    until_done(&subject, &rolled_back, Op::Rollback).await;
    assert_eq!((subject.balance("alice").await, subject.balance("bob").await), (100, 7));
    assert_eq!(subject.prepared().await, Vec::<String>::new());
}
