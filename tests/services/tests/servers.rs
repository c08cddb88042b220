//! Fresh databases, servers that are killed and come back, and servers that go with their process.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

use redis::{AsyncCommands, aio::MultiplexedConnection};
use reprise_test_services::{Product, Server, ServicesError, mariadb, postgres, redis as fresh_redis};
use rstest::rstest;
use sqlx::{Connection, MySqlConnection, PgConnection};
use tempfile::TempDir;

/// Runs statements one by one on one connection.
async fn execute(url: &str, statements: &[&'static str]) {
    if url.starts_with("postgres:") {
        let mut connection = PgConnection::connect(url).await.expect("connects");
        for statement in statements {
            sqlx::raw_sql(*statement).execute(&mut connection).await.expect(statement);
        }
    } else {
        let mut connection = MySqlConnection::connect(url).await.expect("connects");
        for statement in statements {
            sqlx::raw_sql(*statement).execute(&mut connection).await.expect(statement);
        }
    }
}

async fn connect_redis(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).expect("a URL").get_multiplexed_async_connection().await.expect("connects")
}

/// Keeps a number, in a database where there is none yet.
async fn write(url: &str) {
    if url.starts_with("redis:") {
        connect_redis(url).await.set("kept", 7).await.expect("sets")
    } else {
        execute(url, &["CREATE TABLE kept (n BIGINT)", "INSERT INTO kept VALUES (7)"]).await;
    }
}

/// The number that was kept.
async fn read(url: &str) -> Option<i64> {
    if url.starts_with("redis:") {
        connect_redis(url).await.get("kept").await.expect("reads")
    } else if url.starts_with("postgres:") {
        let mut connection = PgConnection::connect(url).await.expect("connects");
        Some(sqlx::query_scalar("SELECT n FROM kept").fetch_one(&mut connection).await.expect("reads"))
    } else {
        let mut connection = MySqlConnection::connect(url).await.expect("connects");
        Some(sqlx::query_scalar("SELECT n FROM kept").fetch_one(&mut connection).await.expect("reads"))
    }
}

#[tokio::test]
async fn each_call_gives_another_empty_database() {
    for _ in 0..2 {
        write(&postgres().await).await;
        write(&mariadb().await).await;
        let url = fresh_redis().await;
        assert_eq!(read(&url).await, None, "{url}");
        write(&url).await;
        assert_eq!(read(&url).await, Some(7));
    }
}

#[tokio::test]
async fn both_prepare_transactions() {
    let postgres = postgres().await;
    execute(&postgres, &["BEGIN", "CREATE TABLE t (n INT)", "PREPARE TRANSACTION 'x'"]).await;
    execute(&postgres, &["COMMIT PREPARED 'x'", "SELECT n FROM t"]).await;
    let mariadb = mariadb().await;
    // On the connection that prepared: MariaDB lets no other one end it before that is quite gone.
    let transaction = ["XA START 'x'", "INSERT INTO t VALUES (1)", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"];
    execute(&mariadb, &[&["CREATE TABLE t (n INT)"], &transaction[..]].concat()).await;
}

#[rstest]
#[case(Server::start_postgres)]
#[case(Server::start_mariadb)]
#[case(Server::start_redis)]
#[tokio::test]
async fn a_killed_server_comes_back_with_its_data(#[case] start: fn(&Path) -> Result<Server, ServicesError>) {
    let folder = TempDir::new().expect("a temporary folder");
    let mut server = start(&folder.path().join("server")).expect("starts");
    let url = server.database().await.expect("a database");
    write(&url).await;
    let before = server.url().to_owned();

    server.kill().expect("is killed");
    let port = before.rsplit(['/', ':']).nth(1).and_then(|port| port.parse().ok()).expect("a port");
    TcpListener::bind(("127.0.0.1", port)).expect("nobody listens any more");
    server.kill().expect("is down already");

    server.restart().expect("comes back");
    assert_eq!(read(&url).await, Some(7));
    server.restart().expect("is killed and comes back");
    assert_eq!((read(&url).await, server.url()), (Some(7), before.as_str()));
}

#[test]
fn the_command_gets_the_variables_and_gives_its_code() {
    let script =
        r#"echo "$REPRISE_TEST_POSTGRES $REPRISE_TEST_MARIADB $REPRISE_TEST_REDIS $REPRISE_TEST_ETCD"; exit 3"#;
    let output = Command::new(env!("CARGO_BIN_EXE_with-services")).args(["sh", "-c", script]).output().expect("runs");
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let schemes: Vec<_> = said.split_whitespace().map(|url| url.split(':').next()).collect();
    assert_eq!(schemes, [Some("postgres"), Some("mysql"), Some("redis"), Some("etcd")], "{said}");
}

#[rstest]
#[case("-TERM", Some(0))]
#[case("-KILL", None)]
fn servers_and_folders_go_with_the_process(#[case] signal: &str, #[case] code: Option<i32>) {
    let temporary = TempDir::new().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-services"));
    for product in Product::ALL {
        command.env_remove(product.variable());
    }
    let mut child = command.env("TMPDIR", temporary.path()).stdout(Stdio::piped()).spawn().expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("is piped")).lines().map_while(Result::ok);
    let mut connections: Vec<TcpStream> = lines
        .take(Product::ALL.len())
        .map(|line| {
            let address = line.split_once("127.0.0.1:").and_then(|(_, rest)| rest.split('/').next());
            let port = address.and_then(|port| port.parse().ok()).expect("a port");
            TcpStream::connect(("127.0.0.1", port)).expect("connects")
        })
        .collect();
    assert_eq!(connections.len(), Product::ALL.len());
    assert_eq!(fs::read_dir(temporary.path()).expect("is there").count(), Product::ALL.len());

    Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kills");
    assert_eq!(child.wait().expect("ends").code(), code);
    for connection in &mut connections {
        // Ends only when the server does; how it ends is not of interest.
        let _ = connection.read_to_end(&mut Vec::new());
    }
}
