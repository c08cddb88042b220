//! The local transaction of a two-phase message and the query-back, in every order.

use std::time::Duration;

use reprise_barrier::{Barrier, BarrierDatabase, Branch, Called, Prepared, begin, create_tables, query_prepared};
use rstest::rstest;

use crate::bench::{self, Counter, Kind, Sql, Then, again, barrier, done, refused};

#[rstest]
#[tokio::test]
async fn what_has_committed_is_delivered(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    assert_eq!(counter.message("g", Then::Accepts).await.expect("works"), done("10"));
    assert_eq!(counter.query_back("g").await.expect("works"), Prepared::Committed);
    assert_eq!(counter.query_back("g").await.expect("works"), Prepared::Committed);
    assert_eq!(counter.message("g", Then::Accepts).await.expect("works"), again("10"));
    assert_eq!(counter.value().await, "10");
}

#[rstest]
#[tokio::test]
async fn what_was_denied_can_not_commit_any_more(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    assert_eq!(counter.query_back("g").await.expect("works"), Prepared::Nothing);
    assert_eq!(counter.message("g", Then::Accepts).await.expect("works"), Called::Late);
    assert_eq!(counter.query_back("g").await.expect("works"), Prepared::Nothing);
    assert_eq!(counter.value().await, "0");
}

#[rstest]
#[tokio::test]
async fn what_was_refused_or_broke_is_denied(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    assert_eq!(counter.message("g", Then::Refuses).await.expect("works"), refused());
    assert_eq!(counter.query_back("g").await.expect("works"), Prepared::Nothing);
    counter.message("h", Then::Breaks).await.expect_err("broken");
    assert_eq!(counter.query_back("h").await.expect("works"), Prepared::Nothing);
}

async fn open_transaction_is_waited_for<DB: BarrierDatabase>(sql: Sql<DB>) {
    let mut transaction = sql.begin().await;
    let branch = Branch::message("g").expect("valid");
    let called = Sql::call(&mut transaction, &mut barrier(branch), Then::Accepts).await.expect("works");
    assert_eq!(called, done("10"));

    let other = sql.clone();
    let mut asked = tokio::spawn(async move { other.query_back("g").await });
    let early = tokio::time::timeout(Duration::from_millis(200), &mut asked).await;
    assert!(early.is_err(), "answered before the local transaction ended: {early:?}");
    transaction.commit().await.expect("commits");
    assert_eq!(asked.await.expect("no panic").expect("works"), Prepared::Committed);
}

#[tokio::test]
async fn the_query_back_waits_for_an_open_transaction() {
    open_transaction_is_waited_for(bench::sqlite().await).await;
    open_transaction_is_waited_for(bench::postgres().await).await;
    open_transaction_is_waited_for(bench::mariadb().await).await;
}

#[tokio::test]
async fn the_default_tables_answer_too() {
    let sql = bench::postgres().await;
    create_tables::<sqlx::Postgres>(
        &mut *sql.pool.acquire().await.expect("connects"),
        &reprise_barrier::Tables::default_of::<sqlx::Postgres>(),
    )
    .await
    .expect("creates");
    let message = Branch::message("g").expect("valid");
    let mut transaction = begin(&sql.pool).await.expect("begins");
    let called = Sql::call(&mut transaction, &mut Barrier::new(message.clone()), Then::Accepts).await.expect("works");
    assert_eq!(called, done("10"));
    assert_eq!(query_prepared(&mut transaction, &message).await.expect("works"), Prepared::Committed);
}
