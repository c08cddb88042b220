//! What only Redis has: amounts, keys that DTM's clients know, expiry, and scripts with mistakes.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use reprise_barrier::{BarrierError, Branch, Called, RedisBarrier, RedisBusiness};
use rstest::rstest;

use crate::bench::{self, branch, done};

async fn adjust(connection: &mut MultiplexedConnection, op: &str, amount: i64) -> Called<String, String> {
    RedisBarrier::new(branch("g", op)).check_adjust(connection, "counter", amount).await.expect("works")
}

async fn get(connection: &mut MultiplexedConnection, key: &str) -> Option<String> {
    redis::cmd("GET").arg(key).query_async(connection).await.expect("reads")
}

#[rstest]
#[case::saga("action", "compensate")]
#[case::tcc("try", "cancel")]
#[case::workflow("action", "rollback")]
#[tokio::test]
async fn amounts_are_checked_adjusted_and_undone(#[case] action: &str, #[case] undo: &str) {
    let mut connection = bench::redis().await;
    assert_eq!(adjust(&mut connection, action, 30).await, done("30"));
    assert_eq!(adjust(&mut connection, action, 30).await, Called::Repeat(Some(Ok("30".to_owned()))));
    assert_eq!(adjust(&mut connection, undo, -30).await, done("0"));
    assert_eq!(adjust(&mut connection, undo, -30).await, Called::Repeat(Some(Ok("0".to_owned()))));
}

#[tokio::test]
async fn too_little_is_refused_and_so_is_nothing() {
    let mut connection = bench::redis().await;
    let short = "counter has 0 only".to_owned();
    assert_eq!(adjust(&mut connection, "action", -1).await, Called::Ran(Err(short.clone())));
    assert_eq!(adjust(&mut connection, "action", -1).await, Called::Repeat(Some(Err(short))));
    let missing = RedisBarrier::new(branch("h", "action")).check_adjust(&mut connection, "nothing", 1).await;
    assert_eq!(missing.expect("works"), Called::Ran(Err("there is no nothing".to_owned())));
    assert_eq!(get(&mut connection, "nothing").await, None);
}

#[tokio::test]
async fn large_amounts_stay_exact() {
    let mut connection = bench::redis().await;
    assert_eq!(adjust(&mut connection, "action", 9_007_199_254_740_000).await, done("9007199254740000"));
}

#[tokio::test]
async fn keys_are_the_ones_of_dtm() {
    let mut connection = bench::redis().await;
    assert_eq!(adjust(&mut connection, "action", 5).await, done("5"));
    assert_eq!(get(&mut connection, "g-01-action-01").await.as_deref(), Some("op"));
    assert_eq!(get(&mut connection, "g-01-action-01-reply").await.as_deref(), Some("+5"));
    let empty = RedisBarrier::new(branch("h", "rollback")).check_adjust(&mut connection, "counter", -5).await;
    assert_eq!(empty.expect("works"), Called::Empty);
    assert_eq!(get(&mut connection, "h-01-action-01").await.as_deref(), Some("rollback"));
    let message = RedisBarrier::new(Branch::message("m").expect("valid"));
    message.query_prepared(&mut connection).await.expect("works");
    assert_eq!(get(&mut connection, "m-00-msg-01").await.as_deref(), Some("rollback"));

    // A place that DTM's client took, which keeps no replies.
    redis::cmd("SET").arg(&["d-01-action-01", "op"]).exec_async(&mut connection).await.expect("sets");
    let repeat = RedisBarrier::new(branch("d", "action")).check_adjust(&mut connection, "counter", 5).await;
    assert_eq!(repeat.expect("works"), Called::Repeat(None));
    assert_eq!(get(&mut connection, "counter").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn everything_is_forgotten_after_the_expiry() {
    let mut connection = bench::redis().await;
    let barrier = RedisBarrier::new(branch("g", "action"));
    let called = barrier.expiry(Duration::from_secs(100)).check_adjust(&mut connection, "counter", 5).await;
    assert_eq!(called.expect("works"), done("5"));
    for key in ["g-01-action-01", "g-01-action-01-reply"] {
        let seconds: i64 = redis::cmd("TTL").arg(key).query_async(&mut connection).await.expect("reads");
        assert!((1..=100).contains(&seconds), "{key}: {seconds}");
    }
}

#[rstest]
#[case::text("return KEYS[1] .. ARGV[1] .. #KEYS .. #ARGV", Ok("counterx12"))]
#[case::nothing("redis.call('INCR', KEYS[1])", Ok(""))]
#[case::status("return redis.call('SET', KEYS[1], '1')", Ok("OK"))]
#[case::comment("return 'done' -- at the end", Ok("done"))]
#[case::refusal("return refuse('sold out')", Err("sold out"))]
#[tokio::test]
async fn scripts_answer(#[case] script: &str, #[case] want: Result<&str, &str>) {
    let mut connection = bench::redis().await;
    let business = RedisBusiness { script, keys: &["counter"], args: &["x", "y"] };
    let called = RedisBarrier::new(branch("g", "action")).call(&mut connection, &business).await.expect("works");
    assert_eq!(called, Called::Ran(want.map(str::to_owned).map_err(str::to_owned)));
}

#[rstest]
#[case::syntax("return return")]
#[case::no_text("return {1, 2}")]
#[case::wrong_type("return redis.call('LPUSH', KEYS[1], '1')")]
#[tokio::test]
async fn a_script_with_a_mistake_leaves_the_place_free(#[case] script: &str) {
    let mut connection = bench::redis().await;
    let business = RedisBusiness { script, keys: &["counter"], args: &[] };
    let error = RedisBarrier::new(branch("g", "action")).call(&mut connection, &business).await.expect_err("a mistake");
    assert!(matches!(error, BarrierError::Redis(_)), "{error:?}");
    assert_eq!(adjust(&mut connection, "action", 5).await, done("5"));
}
