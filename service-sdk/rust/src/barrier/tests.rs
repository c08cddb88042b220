//! Every order in which a branch's operations can arrive, and what the barrier makes of it.
//!
//! The business is one counter: an action adds 10, anything else takes 10 off, so the counter shows what took effect.

use rstest::rstest;
use sqlx::{Row, SqlitePool, sqlite::SqlitePoolOptions};

use super::*;

type Reply = Called<i64, String>;

const DONE: Reply = Called::Ran(Ok(10));
const UNDONE: Reply = Called::Ran(Ok(0));
const AGAIN: Reply = Called::Repeat(Some(Ok(10)));
const UNDONE_AGAIN: Reply = Called::Repeat(Some(Ok(0)));
const SILENT_AGAIN: Reply = Called::Repeat(None);

/// What the business function does when it runs.
#[derive(Debug, Clone, Copy)]
enum Then {
    Accepts,
    Refuses,
    Breaks,
}

async fn database() -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.expect("opens");
    let mut connection = pool.acquire().await.expect("connects");
    create_tables(&mut connection).await.expect("creates");
    sqlx::raw_sql("CREATE TABLE counter (n INTEGER NOT NULL); INSERT INTO counter VALUES (0)")
        .execute(&mut *connection)
        .await
        .expect("creates");
    drop(connection);
    pool
}

async fn counter(pool: &SqlitePool) -> i64 {
    sqlx::query("SELECT n FROM counter").fetch_one(pool).await.expect("reads").get(0)
}

async fn count(barrier: &mut Barrier, pool: &SqlitePool, then: Then) -> Result<Reply, BarrierError> {
    let step = if barrier.branch.origin_op().is_some() { -10 } else { 10 };
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let called = barrier
        .call(&mut transaction, |connection| {
            Box::pin(async move {
                let row =
                    sqlx::query("UPDATE counter SET n = n + ? RETURNING n").bind(step).fetch_one(connection).await;
                match then {
                    Then::Accepts => Ok(Ok(row.map_err(BarrierError::from)?.get(0))),
                    Then::Refuses => Ok(Err("no".to_owned())),
                    Then::Breaks => Err(BarrierError::Database(sqlx::Error::RowNotFound)),
                }
            })
        })
        .await?;
    transaction.commit().await?;
    Ok(called)
}

async fn send(pool: &SqlitePool, op: &str, then: Then) -> Result<Reply, BarrierError> {
    let branch = Branch::new("workflow", "g", "01", op).expect("valid");
    count(&mut Barrier::new(branch), pool, then).await
}

fn refused() -> Reply {
    Called::Ran(Err("no".to_owned()))
}

fn refused_again() -> Reply {
    Called::Repeat(Some(Err("no".to_owned())))
}

#[rstest]
#[case::once(&[("action", DONE)], 10)]
#[case::repeat(&[("action", DONE), ("action", AGAIN), ("action", AGAIN)], 10)]
#[case::order(&[("action", DONE), ("rollback", UNDONE), ("rollback", UNDONE_AGAIN)], 0)]
#[case::repeat_after_rollback(&[("action", DONE), ("rollback", UNDONE), ("action", AGAIN)], 0)]
#[case::empty(&[("rollback", Called::Empty)], 0)]
#[case::empty_repeat(&[("rollback", Called::Empty), ("rollback", SILENT_AGAIN)], 0)]
#[case::late(&[("rollback", Called::Empty), ("action", Called::Late), ("action", Called::Late)], 0)]
#[case::late_then_rollback(&[("rollback", Called::Empty), ("action", Called::Late), ("rollback", SILENT_AGAIN)], 0)]
#[case::commit(&[("action", DONE), ("commit", Called::Ran(Ok(20))), ("commit", Called::Repeat(Some(Ok(20))))], 20)]
#[case::saga_words(&[("compensate", Called::Empty), ("action", Called::Late)], 0)]
#[case::tcc_words(&[("cancel", Called::Empty), ("try", Called::Late)], 0)]
#[case::tcc_cancel(&[("try", DONE), ("cancel", UNDONE), ("cancel", UNDONE_AGAIN)], 0)]
#[case::message_twice(&[("msg", DONE), ("msg", AGAIN)], 10)]
#[tokio::test]
async fn arrivals(#[case] sent: &[(&str, Reply)], #[case] end: i64) {
    let pool = database().await;
    for (op, want) in sent {
        let got = send(&pool, op, Then::Accepts).await.expect("the database works");
        assert_eq!(&got, want, "{op} of {sent:?}");
    }
    assert_eq!(counter(&pool).await, end);
}

#[tokio::test]
async fn a_refused_action_is_refused_again_and_has_nothing_to_undo() {
    let pool = database().await;
    assert_eq!(send(&pool, "action", Then::Refuses).await.expect("works"), refused());
    assert_eq!(send(&pool, "action", Then::Accepts).await.expect("works"), refused_again());
    assert_eq!(send(&pool, "rollback", Then::Accepts).await.expect("works"), Called::Empty);
    assert_eq!(send(&pool, "action", Then::Accepts).await.expect("works"), refused_again());
    assert_eq!(counter(&pool).await, 0);
}

#[tokio::test]
async fn a_refusal_in_phase_two_is_not_kept() {
    let pool = database().await;
    assert_eq!(send(&pool, "action", Then::Accepts).await.expect("works"), DONE);
    assert_eq!(send(&pool, "rollback", Then::Refuses).await.expect("works"), refused());
    assert_eq!(counter(&pool).await, 10);
    assert_eq!(send(&pool, "rollback", Then::Accepts).await.expect("works"), UNDONE);
}

#[tokio::test]
async fn what_breaks_leaves_no_trace() {
    let pool = database().await;
    send(&pool, "action", Then::Breaks).await.expect_err("broken");
    assert_eq!(counter(&pool).await, 0);
    assert_eq!(send(&pool, "rollback", Then::Accepts).await.expect("works"), Called::Empty);

    let pool = database().await;
    send(&pool, "action", Then::Breaks).await.expect_err("broken");
    assert_eq!(send(&pool, "action", Then::Accepts).await.expect("works"), DONE);
}

#[tokio::test]
async fn two_calls_in_one_request_count_up() {
    let pool = database().await;
    let branch = Branch::new("workflow", "g", "01", "action").expect("valid");
    let mut first = Barrier::new(branch.clone());
    assert_eq!(count(&mut first, &pool, Then::Accepts).await.expect("works"), DONE);
    assert_eq!(count(&mut first, &pool, Then::Accepts).await.expect("works"), Called::Ran(Ok(20)));
    let mut repeat = Barrier::new(branch);
    assert_eq!(count(&mut repeat, &pool, Then::Accepts).await.expect("works"), AGAIN);
    assert_eq!(count(&mut repeat, &pool, Then::Accepts).await.expect("works"), Called::Repeat(Some(Ok(20))));
    assert_eq!(counter(&pool).await, 20);
}

#[tokio::test]
async fn branches_and_their_sub_branches_are_apart() {
    let pool = database().await;
    for (gid, branch_id) in [("g", "02"), ("g", "02-01"), ("h", "02")] {
        let branch = Branch::new("workflow", gid, branch_id, "action").expect("valid");
        let called = count(&mut Barrier::new(branch), &pool, Then::Accepts).await.expect("works");
        assert!(matches!(called, Called::Ran(Ok(_))), "{gid} {branch_id}: {called:?}");
    }
    assert_eq!(counter(&pool).await, 30);
}

#[tokio::test]
async fn the_table_is_the_one_of_dtm() {
    let pool = database().await;
    send(&pool, "rollback", Then::Accepts).await.expect("works");
    let rows: Vec<(String, String, String, String, String, String)> =
        sqlx::query_as("SELECT trans_type, gid, branch_id, op, barrier_id, reason FROM barrier ORDER BY id")
            .fetch_all(&pool)
            .await
            .expect("reads");
    let row = |op: &str| ["workflow", "g", "01", op, "01", "rollback"].map(str::to_owned).into();
    assert_eq!(rows, [row("action"), row("rollback")]);
}
