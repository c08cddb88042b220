//! Copies of one operation at the same time, operations that overtake each other, and transactions that see the past.

use std::time::Duration;

use futures::future::join_all;
use reprise_barrier::{BarrierDatabase, BarrierError, Called};
use rstest::rstest;

use crate::bench::{self, Counter, Kind, Reply, Sql, Then, again, barrier, branch, done, refused, refused_again};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_copies_one_takes_effect(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    for (op, value, then) in [("action", "10", 1), ("rollback", "0", 1), ("action", "10", 0)] {
        let replies = join_all((0..8).map(|_| counter.deliver("g", op))).await;
        assert_eq!(replies.iter().filter(|reply| **reply == done(value)).count(), then, "{op}: {replies:?}");
        assert_eq!(replies.iter().filter(|reply| **reply == again(value)).count(), 8 - then, "{op}: {replies:?}");
    }
    assert_eq!(counter.value().await, "0");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_action_and_its_rollback_together_leave_nothing(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    for round in 0..16 {
        let gid = format!("g{round}");
        let (first, undo, second, undo_again) = tokio::join!(
            counter.deliver(&gid, "action"),
            counter.deliver(&gid, "rollback"),
            counter.deliver(&gid, "action"),
            counter.deliver(&gid, "rollback"),
        );
        let ran = [&first, &second].iter().filter(|reply| ***reply == done("10")).count();
        let undone = [&undo, &undo_again].iter().filter(|reply| ***reply == done("0")).count();
        let empty = [&undo, &undo_again].iter().filter(|reply| ***reply == Called::Empty).count();
        let late = [&first, &second].iter().filter(|reply| ***reply == Called::Late).count();
        let seen = format!("{first:?} {second:?} {undo:?} {undo_again:?}");
        assert!(matches!((ran, undone, empty, late), (1, 1, 0, 0) | (0, 0, 1, 2)), "{seen}");
        assert_eq!(counter.value().await, "0", "{seen}");
    }
}

/// Strangers don't wait in circles: gap locks are where MySQL would make them.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn different_gids_do_not_deadlock(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    let transfer = async |number: usize| {
        let gid = format!("g{number:03}");
        let in_order = ["action", "action", "rollback", "rollback"];
        let out_of_order = ["rollback", "rollback", "action", "rollback"];
        for op in if number.is_multiple_of(2) { in_order } else { out_of_order } {
            counter.send(&gid, op, Then::Accepts).await.unwrap_or_else(|error| panic!("{gid} {op}: {error:?}"));
        }
    };
    join_all((0..64).map(transfer)).await;
    assert_eq!(counter.value().await, "0");
}

/// One copy is through and has not committed; `outcome` is what the one behind it comes to, once it has.
async fn behind<DB: BarrierDatabase>(sql: Sql<DB>, first: Then, outcome: Reply, end: &str) {
    let mut transaction = sql.begin().await;
    Sql::call(&mut transaction, &mut barrier(branch("g", "action")), first).await.expect("works");

    let other = sql.clone();
    let mut behind = tokio::spawn(async move { other.send("g", "action", Then::Accepts).await });
    let early = tokio::time::timeout(Duration::from_millis(200), &mut behind).await;
    assert!(early.is_err(), "it did not wait: {early:?}");

    transaction.commit().await.expect("commits");
    assert_eq!(behind.await.expect("no panic").expect("works"), outcome);
    assert_eq!(sql.value().await, end);
}

#[tokio::test]
async fn a_copy_waits_for_the_one_before_it() {
    behind(bench::sqlite().await, Then::Accepts, again("10"), "10").await;
    behind(bench::postgres().await, Then::Accepts, again("10"), "10").await;
    behind(bench::mariadb().await, Then::Accepts, again("10"), "10").await;
}

#[tokio::test]
async fn a_copy_does_not_pass_a_refusal_that_is_not_committed_yet() {
    behind(bench::sqlite().await, Then::Refuses, refused_again(), "0").await;
    behind(bench::postgres().await, Then::Refuses, refused_again(), "0").await;
    behind(bench::mariadb().await, Then::Refuses, refused_again(), "0").await;
}

/// A transaction at the strictest level that has read before the other copy committed.
async fn from_the_past<DB: BarrierDatabase>(sql: &Sql<DB>, first: Then) -> Result<Reply, BarrierError> {
    let mut late = sql.begin().await;
    DB::execute(&mut late, "SELECT n FROM counter".to_owned(), &[]).await.expect("reads");
    sql.send("g", "action", first).await.expect("works");
    let called = Sql::call(&mut late, &mut barrier(branch("g", "action")), Then::Accepts).await?;
    late.commit().await?;
    Ok(called)
}

#[tokio::test]
async fn a_repeat_sees_what_was_committed_after_its_first_read() {
    let postgres = bench::postgres().await;
    assert_eq!(from_the_past(&postgres, Then::Accepts).await.expect("works"), again("10"));
    let mariadb = bench::mariadb().await;
    assert_eq!(from_the_past(&mariadb, Then::Accepts).await.expect("works"), again("10"));
    assert_eq!((postgres.value().await, mariadb.value().await), ("10".to_owned(), "10".to_owned()));
}

#[tokio::test]
async fn a_refusal_committed_after_the_first_read_is_never_passed() {
    let postgres = bench::postgres().await;
    assert_eq!(from_the_past(&postgres, Then::Refuses).await.expect("works"), refused_again());

    // The plain read misses it, the strict insert of the reply does not.
    let mariadb = bench::mariadb().await;
    let error = from_the_past(&mariadb, Then::Refuses).await.expect_err("a second reply");
    assert!(matches!(&error, BarrierError::Database(sqlx::Error::Database(e)) if e.is_unique_violation()), "{error:?}");
    assert_eq!(mariadb.value().await, "0");
    assert_eq!(mariadb.send("g", "action", Then::Accepts).await.expect("works"), refused_again());
    assert_eq!(mariadb.send("h", "action", Then::Refuses).await.expect("works"), refused());
}

#[tokio::test]
async fn a_strict_postgres_transaction_fails_rather_than_see_the_past() {
    let sql = bench::postgres().await;
    let mut late = sql.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await.expect("begins");
    sqlx::query("SELECT n FROM counter").execute(&mut *late).await.expect("reads");
    sql.send("g", "action", Then::Accepts).await.expect("works");
    let error = Sql::call(&mut late, &mut barrier(branch("g", "action")), Then::Accepts).await.expect_err("too old");
    assert!(matches!(&error, BarrierError::Database(sqlx::Error::Database(e)) if e.code().as_deref() == Some("40001")));
}
