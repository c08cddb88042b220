//! Databases: what they keep prepared is shown, and ended if its execution was decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use reprise_coordinator::CoordinatorConfig;
use reprise_engine::{
    Answer, BranchId, CallResult, Digest, Execution, Gid, GuestLimits, Op, Operation, Phase, Rules, RunResult,
    SqlOperation, SqlValue, Statement, Step, Timestamp,
};
use reprise_outbound::{DatabaseConfig, Databases, OutboundConfig};
use reprise_sql::SqlCall;
use reprise_store::{Activity, MemoryStore, NewExecution, Progress, Store, Write, Written};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection};

use crate::face::Face;

/// How an execution with one XA action stands in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Open,
    Succeeded,
    Failed,
    /// Succeeded, though the action got no answer.
    Without,
}

/// The journal of such an execution, as the engine writes it, and its phase.
fn execution(gid: &Gid, xa: Operation, stands: Stands) -> (Execution, Phase) {
    let (workflow, digest) = ("w".parse().expect("valid"), Digest::new([7; 32]));
    let limits = GuestLimits::default();
    let mut execution =
        Execution::start(gid.clone(), workflow, digest, Vec::new(), Rules::default(), limits, Timestamp(1_000));
    execution.enter(None);
    let branch = execution.new_branch().expect("the first");
    let ticket = execution.submit(branch, xa).expect("allowed");
    if stands == Stands::Open {
        return (execution, Phase::Running);
    }
    let result = match stands {
        Stands::Without => CallResult::Exhausted { attempts: 3, error: "lost".into() },
        Stands::Open | Stands::Succeeded | Stands::Failed => CallResult::Success { status: 0, body: b"[]".to_vec() },
    };
    execution.completed(None, ticket, result, 2);
    execution.take(ticket).expect("it has a result");
    execution
        .returned(match stands {
            Stands::Failed => RunResult::Failure { message: "no".into(), details: Vec::new() },
            Stands::Open | Stands::Succeeded | Stands::Without => RunResult::Output(Vec::new()),
        })
        .expect("it may return");
    // As if phase two were done, so that only the sweeper is left.
    while let Step::PhaseTwo { index, .. } = execution.step() {
        execution.phase_two_done(index, 1);
    }
    if !execution.phase().is_closed() {
        execution.close();
    }
    let phase = execution.phase();
    (execution, phase)
}

async fn keep(store: &MemoryStore, gid: &Gid, xa: Operation, stands: Stands) {
    let (mut execution, phase) = execution(gid, xa, stands);
    assert_eq!(phase.is_closed(), stands != Stands::Open);
    let progress = Progress {
        phase,
        digest: Digest::new([7; 32]),
        activity: if phase.is_closed() { Activity::Finished } else { Activity::Quarantined },
        wake_at: None,
        note: None,
        result: None,
        updated_at: Timestamp(1_000),
    };
    let new = NewExecution {
        gid: gid.clone(),
        workflow: "w".parse().expect("valid"),
        input_hash: [0; 32],
        created_at: Timestamp(1_000),
    };
    let written = store.commit(&[Write::Create { execution: new, entries: execution.take_outbox(), progress }]).await;
    assert!(matches!(written.expect("it answers")[..], [Written::Created(_)]));
}

async fn run(url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("postgres:") {
        let mut connection = PgConnection::connect(url).await.expect("connects");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("runs");
    } else {
        let mut connection = MySqlConnection::connect(url).await.expect("connects");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("runs");
    }
}

async fn paid(url: &str) -> Vec<String> {
    let sql = "SELECT gid FROM paid ORDER BY gid";
    if url.starts_with("postgres:") {
        let mut connection = PgConnection::connect(url).await.expect("connects");
        sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("reads")
    } else {
        let mut connection = MySqlConnection::connect(url).await.expect("connects");
        sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("reads")
    }
}

/// Four executions that left something prepared, and one that nobody knows.
async fn sweeps(url: &str, placeholder: &str) {
    run(url, "CREATE TABLE paid (gid VARCHAR(60) PRIMARY KEY)").await;
    let barrier_table = Some("barrier".to_owned());
    let config = BTreeMap::from([("ledger".to_owned(), DatabaseConfig { barrier_table, ..DatabaseConfig::at(url) })]);
    let databases = Databases::new(config.clone()).expect("valid");
    let store = MemoryStore::new();
    let prefix = format!("s{}", &url[url.len() - 12..]);
    let all = [
        ("open", Some(Stands::Open)),
        ("succeeded", Some(Stands::Succeeded)),
        ("failed", Some(Stands::Failed)),
        ("without", Some(Stands::Without)),
        ("unknown", None),
    ];
    for (name, stands) in all {
        let gid: Gid = format!("{prefix}-{name}").parse().expect("valid");
        let sql = format!("INSERT INTO paid VALUES ({placeholder})");
        let statement = Statement { sql, parameters: vec![SqlValue::Text(name.into())], affected: Some(1) };
        let xa = Operation::Xa(SqlOperation { database: "ledger".into(), statements: vec![statement] });
        let timeout = std::time::Duration::from_secs(5);
        let branch = BranchId::of_run(1);
        let call = SqlCall {
            gid: &gid,
            branch,
            op: Op::Action,
            operation: &xa,
            must_succeed: false,
            timeout,
            reply_bytes_max: 1_000,
        };
        let answer = databases.perform(call).await;
        assert!(matches!(answer, Answer::Rows(_)), "{answer:?}");
        if let Some(stands) = stands {
            keep(&store, &gid, xa, stands).await;
        }
    }
    let outbound = OutboundConfig { databases: config, ..OutboundConfig::default() };
    let face = Face::with_outbound(Arc::new(store), CoordinatorConfig::default(), outbound).await;
    let ours = async || {
        let status: Value = face.get("/v1/databases").await.succeeded();
        assert!(!status.to_string().contains(url), "{status}");
        let database = &status["databases"][0];
        assert_eq!((&database["name"], &database["reachable"]), (&json!("ledger"), &json!(true)), "{status}");
        // A MariaDB server lists those of other tests too.
        let prepared = database["prepared"].as_array().expect("a list").clone();
        let ours = prepared.into_iter().filter(|one| one["gid"].as_str().expect("text").starts_with(&prefix));
        let mut ours: Vec<String> = ours
            .map(|one| {
                assert_eq!(one["branch"], "01");
                format!(
                    "{} {}",
                    one["gid"].as_str().expect("text").rsplit('-').next().expect("a name"),
                    one["handling"]
                )
            })
            .collect();
        ours.sort();
        ours
    };
    let ended = async {
        while ours().await.len() > 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("the sweeper ends three of them");
    assert_eq!(ours().await, ["open \"running\"", "unknown \"unknown\""]);
    assert_eq!(paid(url).await, ["succeeded"]);
    for name in ["open", "unknown"] {
        let gid = format!("{prefix}-{name}").parse().expect("valid");
        let timeout = std::time::Duration::from_secs(5);
        databases.finish("ledger", &gid, BranchId::of_run(1), Op::Rollback, timeout).await;
    }
    face.coordinator.shutdown().await;
}

#[tokio::test]
async fn left_overs_in_postgres_are_swept() {
    sweeps(&reprise_test_services::postgres().await, "$1").await;
}

#[tokio::test]
async fn left_overs_in_mariadb_are_swept() {
    sweeps(&reprise_test_services::mariadb().await, "?").await;
}

#[tokio::test]
async fn a_database_that_is_away_is_shown() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let away = DatabaseConfig {
        connect_timeout_ms: 100,
        ..DatabaseConfig::at(format!("mysql://me:s3cret@127.0.0.1:{port}/x"))
    };
    let dir = tempfile::tempdir().expect("a folder");
    let file = DatabaseConfig::at(format!("sqlite:{}?mode=rwc", dir.path().join("ledger.db").display()));
    let databases = BTreeMap::from([("away".to_owned(), away), ("file".to_owned(), file)]);
    let outbound = OutboundConfig { databases, ..OutboundConfig::default() };
    let face = Face::with_outbound(Arc::new(MemoryStore::new()), CoordinatorConfig::default(), outbound).await;
    let mut status: Value = face.get("/v1/databases").await.succeeded();
    let error = status["databases"][0]["error"].take();
    assert!(error.as_str().expect("text").contains("no connection in time"), "{error}");
    assert_eq!(
        status,
        json!({ "databases": [
            { "name": "away", "kind": "mysql", "reachable": false, "error": null, "prepared": [] },
            { "name": "file", "kind": "sqlite", "reachable": true, "prepared": [] },
        ]})
    );
    face.coordinator.shutdown().await;
}
