//! Handlers in one line: transaction, barrier, commit and answer.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, StatusCode},
    routing::post,
};
use reprise_barrier::{
    Answer, Barrier, BarrierError, Branch, Business, Tables, create_tables, handle_action, handle_commit,
    handle_compensation, handle_query_back,
};
use rstest::rstest;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tower::ServiceExt as _;

use crate::bench::{self, Sql, Then, branch, count};

async fn add(connection: &mut SqliteConnection) -> Result<Business<String, String>, BarrierError> {
    count::<Sqlite>(connection, 10, Then::Accepts).await
}

async fn refuse(connection: &mut SqliteConnection) -> Result<Business<String, String>, BarrierError> {
    count::<Sqlite>(connection, 10, Then::Refuses).await
}

async fn take(connection: &mut SqliteConnection) -> Result<Business<String, String>, BarrierError> {
    count::<Sqlite>(connection, -10, Then::Accepts).await
}

async fn bank() -> Sql<Sqlite> {
    let sql = bench::sqlite().await;
    let mut connection = sql.pool.acquire().await.expect("connects");
    create_tables::<Sqlite>(&mut connection, &Tables::default_of::<Sqlite>()).await.expect("creates");
    drop(connection);
    sql
}

fn done(reply: &str) -> Answer<String, String> {
    Answer::Done(Some(reply.to_owned()))
}

#[tokio::test]
async fn each_kind_of_operation_has_its_handler() {
    let sql = bank().await;
    let action = async |gid| handle_action(&sql.pool, branch(gid, "action"), |c| Box::pin(add(c))).await;
    let commit = async |gid| handle_commit(&sql.pool, branch(gid, "commit"), |c| Box::pin(add(c))).await;
    let rollback = async |gid| handle_compensation(&sql.pool, branch(gid, "rollback"), |c| Box::pin(take(c))).await;

    assert_eq!(action("g").await.expect("works"), done("10"));
    assert_eq!(action("g").await.expect("works"), done("10"));
    assert_eq!(commit("g").await.expect("works"), done("20"));
    assert_eq!(rollback("g").await.expect("works"), done("10"));
    assert_eq!(rollback("h").await.expect("works"), Answer::Done(None));
    assert_eq!(action("h").await.expect("works"), Answer::Late);
    let refused = handle_action(&sql.pool, branch("i", "try"), |c| Box::pin(refuse(c))).await;
    assert_eq!(refused.expect("works"), Answer::Refused("no".to_owned()));
    assert_eq!(sql.value().await, "10");
}

#[rstest]
#[case("rollback")]
#[case("commit")]
#[case("finish")]
#[tokio::test]
async fn an_operation_at_the_wrong_handler_is_not_done(#[case] op: &str) {
    let sql = bank().await;
    let error = handle_action(&sql.pool, branch("g", op), |c| Box::pin(add(c))).await.expect_err("no action");
    assert!(matches!(&error, BarrierError::WrongOp { op: found, .. } if found == op), "{error:?}");
    assert_eq!(sql.value().await, "0");
}

#[tokio::test]
async fn a_query_back_has_its_handler() {
    let sql = bank().await;
    let asked = Branch::message("g").expect("valid");
    let denied = handle_query_back(&sql.pool, asked).await.expect("works");
    assert!(matches!(denied, Answer::Refused(_)), "{denied:?}");
}

type Handled = Result<Answer<String, String>, BarrierError>;

async fn add_handler(State(pool): State<SqlitePool>, branch: Branch) -> Handled {
    handle_action(&pool, branch, |connection| Box::pin(add(connection))).await
}

async fn take_handler(State(pool): State<SqlitePool>, barrier: Barrier) -> Handled {
    handle_compensation(&pool, barrier, |connection| Box::pin(take(connection))).await
}

async fn slow_handler(State(pool): State<SqlitePool>, branch: Branch) -> Handled {
    handle_action(&pool, branch, |connection| count::<Sqlite>(connection, 10, Then::Breaks)).await
}

#[tokio::test]
async fn over_http_each_outcome_has_the_status_of_dtms_protocol() {
    let sql = bank().await;
    let router = Router::new()
        .route("/add", post(add_handler))
        .route("/take", post(take_handler))
        .route("/slow", post(slow_handler))
        .with_state(sql.pool.clone());
    for (path, op, gid, status, body) in [
        ("add", "action", "g", StatusCode::OK, "\"10\""),
        ("add", "action", "g", StatusCode::OK, "\"10\""),
        ("take", "rollback", "h", StatusCode::OK, ""),
        ("add", "action", "h", StatusCode::CONFLICT, r#"{"error":"its rollback was here first"}"#),
        ("take", "rollback", "g", StatusCode::OK, "\"0\""),
        ("slow", "action", "i", StatusCode::TOO_EARLY, r#"{"error":"the operation is still going on; ask again"}"#),
        ("add", "", "g", StatusCode::BAD_REQUEST, "branch parameter `op` is missing"),
        ("add", "rollback", "g", StatusCode::BAD_REQUEST, r#"{"error":"this handler serves `action` and `try`"#),
    ] {
        let uri = format!("/{path}?gid={gid}&trans_type=workflow&branch_id=01&op={op}");
        let request = Request::post(&uri).body(Body::empty()).expect("a request");
        let answer = router.clone().oneshot(request).await.expect("answers");
        assert_eq!(answer.status(), status, "{uri}");
        let bytes = to_bytes(answer.into_body(), 1000).await.expect("a body");
        assert!(bytes.starts_with(body.as_bytes()), "{uri}: {bytes:?}");
        assert_eq!(bytes.is_empty(), body.is_empty(), "{uri}: {bytes:?}");
    }
    assert_eq!(sql.value().await, "0");
}
