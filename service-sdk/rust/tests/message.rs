//! Two-phase messages against a stub of the runtime's HTTP API, with the local transaction in SQLite.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, http::StatusCode, http::Uri, response::IntoResponse, response::Response};
use futures::future::BoxFuture;
use reprise_barrier::{
    BarrierError, Branch, Business, Called, Message, MessageError, Tables, create_tables, handle_query_back,
    message::Sent,
};
use rstest::rstest;
use serde_json::json;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, sqlite::SqlitePoolOptions};

#[derive(Debug, thiserror::Error)]
enum ShopError {
    #[error("barrier")]
    Barrier(#[from] BarrierError),
    #[error("message")]
    Message(#[from] MessageError),
}

/// The runtime's stub: what it was told, and the status it answers to a step.
#[derive(Debug, Clone, Default)]
struct Runtime {
    heard: Arc<Mutex<Vec<String>>>,
    fails: Arc<Mutex<Option<(&'static str, StatusCode)>>>,
}

impl Runtime {
    async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/base/", listener.local_addr().expect("bound"));
        let router = Router::new().fallback(hear).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().expect("not poisoned"))
    }

    fn fail(&self, step: &'static str, status: StatusCode) {
        *self.fails.lock().expect("not poisoned") = Some((step, status));
    }
}

async fn hear(State(runtime): State<Runtime>, uri: Uri, body: String) -> Response {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    runtime.heard.lock().expect("not poisoned").push(format!("{path} {body}").trim().to_owned());
    let fails = *runtime.fails.lock().expect("not poisoned");
    match fails {
        Some((step, status)) if path.contains(step) => {
            let problem = json!({"type": "/problems/gid-in-use", "title": "In use", "detail": "choose another gid"});
            (status, Json(problem)).into_response()
        }
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

const PREPARE: &str = r#"/base/v1/executions/order-1?workflow=ship&prepare=shop%2Fquery-prepared {"item":"book"}"#;
const SUBMIT: &str = "/base/v1/executions/order-1/submit";
const ABORT: &str = "/base/v1/executions/order-1/abort";

fn message(url: &str) -> Message {
    Message::new(url, "order-1", "ship").query_back("shop/query-prepared").input(&json!({"item": "book"}))
}

async fn shop() -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.expect("opens");
    let mut connection = pool.acquire().await.expect("connects");
    create_tables::<Sqlite>(&mut connection, &Tables::default_of::<Sqlite>()).await.expect("creates");
    sqlx::raw_sql("CREATE TABLE sold (item TEXT)").execute(&mut *connection).await.expect("creates");
    drop(connection);
    pool
}

async fn sold(pool: &SqlitePool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM sold").fetch_one(pool).await.expect("reads")
}

type Sale = Result<Business<u32, String>, ShopError>;

fn sell(connection: &mut SqliteConnection) -> BoxFuture<'_, Sale> {
    Box::pin(async move {
        sqlx::query("INSERT INTO sold VALUES ('book')").execute(connection).await.map_err(BarrierError::from)?;
        Ok(Ok(7))
    })
}

fn sold_out(_connection: &mut SqliteConnection) -> BoxFuture<'_, Sale> {
    Box::pin(async { Ok(Err("sold out".to_owned())) })
}

fn broken(_connection: &mut SqliteConnection) -> BoxFuture<'_, Sale> {
    Box::pin(async { Err(BarrierError::Vanished.into()) })
}

fn told<T, R>(sent: Sent<T, R>) -> Called<T, R> {
    sent.told.expect("the runtime listens");
    sent.called
}

#[tokio::test]
async fn the_message_follows_the_local_transaction_and_a_repeat_sells_nothing() {
    let (runtime, pool) = (Runtime::default(), shop().await);
    let url = runtime.serve().await;
    let sent = message(&url).do_and_submit(&pool, sell).await.expect("works");
    assert_eq!(told(sent), Called::Ran(Ok(7)));
    assert_eq!(runtime.heard(), [PREPARE, SUBMIT]);

    let sent = message(&url).do_and_submit(&pool, sell).await.expect("works");
    assert_eq!(told(sent), Called::Repeat(Some(Ok(7))));
    assert_eq!(runtime.heard(), [PREPARE, SUBMIT]);
    assert_eq!(sold(&pool).await, 1);
}

#[tokio::test]
async fn the_steps_can_be_taken_one_by_one() {
    let runtime = Runtime::default();
    let message = Message::new(&runtime.serve().await, "a b", "ship").query_back("shop/asked");
    let message = message.check_after(std::time::Duration::from_secs(3));
    message.prepare().await.expect("works");
    message.submit().await.expect("works");
    message.abort().await.expect("works");
    let path = "/base/v1/executions/a%20b";
    let prepare = format!("{path}?workflow=ship&prepare=shop%2Fasked&check_after=3000ms");
    assert_eq!(runtime.heard(), [prepare, format!("{path}/submit"), format!("{path}/abort")]);
}

#[tokio::test]
async fn a_refusal_aborts_the_message() {
    let (runtime, pool) = (Runtime::default(), shop().await);
    let url = runtime.serve().await;
    let sent = message(&url).do_and_submit(&pool, sold_out).await.expect("works");
    assert_eq!(told(sent), Called::Ran(Err("sold out".to_owned())));
    assert_eq!(runtime.heard(), [PREPARE, ABORT]);
}

#[tokio::test]
async fn an_unknown_outcome_is_left_to_the_query_back() {
    let (runtime, pool) = (Runtime::default(), shop().await);
    let url = runtime.serve().await;
    let error = message(&url).do_and_submit(&pool, broken).await.expect_err("broken");
    assert!(matches!(error, ShopError::Barrier(BarrierError::Vanished)), "{error:?}");
    assert_eq!(runtime.heard(), [PREPARE]);
}

#[tokio::test]
async fn what_the_query_back_denied_is_aborted() {
    let (runtime, pool) = (Runtime::default(), shop().await);
    let url = runtime.serve().await;
    handle_query_back(&pool, Branch::message("order-1").expect("valid")).await.expect("works");
    let sent = message(&url).do_and_submit(&pool, sell).await.expect("works");
    assert_eq!(told(sent), Called::Late);
    assert_eq!(runtime.heard(), [PREPARE, ABORT]);
    assert_eq!(sold(&pool).await, 0);
}

#[tokio::test]
async fn without_prepare_nothing_is_done() {
    let (runtime, pool) = (Runtime::default(), shop().await);
    let url = runtime.serve().await;
    runtime.fail("prepare", StatusCode::CONFLICT);
    let error = message(&url).do_and_submit(&pool, sell).await.expect_err("refused");
    assert_eq!(
        std::error::Error::source(&error).map(ToString::to_string).as_deref(),
        Some("the runtime answered 409 In use: choose another gid")
    );
    assert_eq!(runtime.heard(), [PREPARE]);
    assert_eq!(sold(&pool).await, 0);
}

#[tokio::test]
async fn a_lost_submit_loses_nothing() {
    let (runtime, pool) = (Runtime::default(), shop().await);
    let url = runtime.serve().await;
    runtime.fail("submit", StatusCode::SERVICE_UNAVAILABLE);
    let sent = message(&url).do_and_submit(&pool, sell).await.expect("committed");
    assert_eq!(sent.called, Called::Ran(Ok(7)));
    assert!(matches!(sent.told, Err(MessageError::Problem { status: 503, .. })), "{:?}", sent.told);
    assert_eq!(sold(&pool).await, 1);
}

#[tokio::test]
async fn a_dead_runtime_is_an_error_before_anything_is_done() {
    let pool = shop().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let error = message(&url).do_and_submit(&pool, sell).await.expect_err("nobody there");
    assert!(matches!(error, ShopError::Message(MessageError::Unanswered(_))), "{error:?}");
    assert_eq!(sold(&pool).await, 0);
}

#[rstest]
#[case::no_url("runtime", "gid", "`runtime` is no address")]
#[case::no_base("mailto:runtime", "gid", "`mailto:runtime` is no address")]
#[tokio::test]
async fn a_wrong_address_is_named(#[case] url: &str, #[case] gid: &str, #[case] says: &str) {
    let error = Message::new(url, gid, "w").prepare().await.expect_err("wrong");
    assert!(error.to_string().starts_with(says), "{error}");
}
