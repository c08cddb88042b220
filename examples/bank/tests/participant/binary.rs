//! The binary: its one line, its files, its crash, and its end on SIGTERM.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Books::{self, MariaDb, Postgres, Redis, Sqlite};

struct Process {
    child: Child,
    http: String,
}

impl Process {
    fn start(database: &str, directory: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bank"))
            .arg("--database")
            .arg(database)
            .arg("--request-log")
            .arg(directory.join("requests.jsonl"))
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("is piped");
        BufReader::new(stdout).read_line(&mut line).expect("says where it listens");
        let addresses: Value = serde_json::from_str(&line).expect("one JSON line");
        assert!(addresses["grpc"].is_string(), "{line}");
        let http = addresses["http"].as_str().expect("an address").to_owned();
        Self { child, http }
    }

    /// One request on a connection of its own; the whole reply as text, empty if the process went.
    fn send(&self, method: &str, uri: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.http).expect("connects");
        let head =
            format!("{method} {uri} HTTP/1.1\r\nhost: bank\r\nconnection: close\r\ncontent-type: application/json");
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sends");
        let mut reply = String::new();
        // A crash may reset the connection instead of closing it: the empty reply says the same.
        let _ = stream.read_to_string(&mut reply);
        reply
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const TRANSFER: &str = "/transfer-in?gid=g&trans_type=workflow&branch_id=01&op=action";
const BODY: &str = r#"{"account":"bob","amount":30}"#;

#[rstest]
#[tokio::test]
async fn a_crash_loses_nothing_and_moves_nothing(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) {
    let directory = TempDir::new().expect("a temporary directory");
    let database = books.url(&directory).await;
    let mut bank = Process::start(&database, directory.path(), &["--account", "alice=100", "--account", "bob=0"]);
    let done = bank.send("POST", "/transfer-out?gid=f&trans_type=workflow&branch_id=01&op=action", {
        r#"{"account":"alice","amount":30}"#
    });
    assert!(done.starts_with("HTTP/1.1 200"), "{done}");
    bank.send("POST", "/faults", r#"{"path":"/transfer-in","kind":"crash","times":1}"#);
    assert_eq!(bank.send("POST", TRANSFER, BODY), "");
    assert_eq!(bank.child.wait().expect("ends").code(), Some(137));

    let bank = Process::start(&database, directory.path(), &[]);
    let accounts = bank.send("GET", "/accounts", "");
    assert!(accounts.contains(r#""account":"alice","balance":70"#), "{accounts}");
    let moved = bank.send("POST", TRANSFER, BODY);
    assert!(moved.ends_with(r#"{"account":"bob","balance":30}"#), "{moved}");

    let log = fs::read_to_string(directory.path().join("requests.jsonl")).expect("a log");
    let answers: Vec<String> =
        log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["answer"].to_string()).collect();
    assert_eq!(answers, [r#""done""#, r#""fault:crash""#, r#""done""#]);
}

#[test]
fn ends_well_on_sigterm() {
    let directory = TempDir::new().expect("a temporary directory");
    let database = directory.path().join("bank.db");
    let mut bank = Process::start(&database.to_string_lossy(), directory.path(), &[]);
    let health = bank.send("GET", "/health", "");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    let pid = bank.child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().expect("kills");
    assert_eq!(bank.child.wait().expect("ends").code(), Some(0));
}

#[test]
fn says_how_an_account_is_written() {
    let output = Command::new(env!("CARGO_BIN_EXE_bank"))
        .args(["--database", "/nonexistent/bank.db", "--account", "alice"])
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("NAME=BALANCE"));
}

#[rstest]
#[case("oracle://user:secret@127.0.0.1/bank", "sqlite:, postgres:, mysql: or redis:")]
#[case("postgres://user:secret@127.0.0.1:1/bank", "127.0.0.1:1/bank")]
fn says_what_is_wrong_with_the_database_but_no_password(#[case] url: &str, #[case] said: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_bank")).args(["--database", url]).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(said) && !text.contains("secret"), "{text}");
}
