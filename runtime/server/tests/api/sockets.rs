//! What only a socket shows: uploads that break off, uploads that are too large, connections at shutdown.

use std::net::SocketAddr;
use std::time::Duration;

use reprise::config::{Config, Limits, StoreKind};
use reprise::serve::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::face::COMPONENT_BYTES_MAX;
use crate::guests;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn start() -> Running {
    let limits =
        Limits { instances: 8, memory_bytes: 64 << 20, component_bytes: COMPONENT_BYTES_MAX, ..Limits::default() };
    let config = Config { listen: "127.0.0.1:0".into(), store: StoreKind::Memory, limits, ..Config::default() };
    let server = Server::start(&config).await.expect("it starts");
    let address = server.address();
    let (stop, stopped) = oneshot::channel();
    let run = server.run(async { drop(stopped.await) });
    let ended = tokio::spawn(async { run.await.expect("it ends well") });
    Running { address, stop, ended }
}

/// Sends `head` and `body`, half-closes if told so, and reads the answer to its end.
async fn send(address: SocketAddr, head: &str, body: &[u8], half_close: bool) -> String {
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    socket.write_all(format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.expect("sent");
    socket.write_all(body).await.expect("sent");
    if half_close {
        socket.shutdown().await.expect("half closed");
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut answer)).await;
    read.expect("an answer within 20 s").expect("no reset");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn a_truncated_upload_is_told_and_nothing_is_kept() {
    let server = start().await;
    let component = guests::echo();
    let head = format!("PUT /v1/workflows/w HTTP/1.1\r\ncontent-length: {}", component.len() + 10);
    let answer = send(server.address, &head, &component, true).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("/problems/truncated-body"), "{answer}");
    assert!(answer.contains(&format!("after {} of {} bytes", component.len(), component.len() + 10)), "{answer}");
    let chunked = "PUT /v1/workflows/w HTTP/1.1\r\ntransfer-encoding: chunked";
    let answer = send(server.address, chunked, b"5\r\n\0asm\x0d\r\n", true).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("/problems/truncated-body"), "{answer}");
    let list = send(server.address, "GET /v1/workflows HTTP/1.1", b"", false).await;
    assert!(list.ends_with(r#"{"workflows":[]}"#), "{list}");
}

#[tokio::test]
async fn an_upload_of_100_mb_gets_its_answer() {
    let server = start().await;
    let body = vec![0; 100 << 20];
    let head = format!("PUT /v1/workflows/w HTTP/1.1\r\ncontent-length: {}", body.len());
    let answer = send(server.address, &head, &body, false).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("limits.component_bytes"), "{answer}");
    assert!(
        answer.contains("may have 1048576 bytes (setting `limits.component_bytes`), this one has 104857600 bytes"),
        "{answer}"
    );
    // A client that asks first sends nothing.
    let head = format!("{head}\r\nexpect: 100-continue");
    let answer = send(server.address, &head, b"", false).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn shutdown_answers_those_who_wait() {
    let server = start().await;
    let component = guests::sleeping_long();
    let head = format!("PUT /v1/workflows/long HTTP/1.1\r\ncontent-length: {}", component.len());
    let answer = send(server.address, &head, &component, false).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let address = server.address;
    let waiting = tokio::spawn(async move {
        let head = "POST /v1/executions/a?workflow=long&wait=true HTTP/1.1\r\ncontent-length: 1";
        send(address, head, b"1", false).await
    });
    // It is there once its execution is.
    while !send(address, "GET /v1/executions/a HTTP/1.1", b"", false).await.starts_with("HTTP/1.1 200 ") {}
    let mut events = TcpStream::connect(address).await.expect("it listens");
    events.write_all(b"GET /v1/executions/a/events HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut stream = Vec::new();
    while !String::from_utf8_lossy(&stream).contains("event: started") {
        assert!(events.read_buf(&mut stream).await.expect("no reset") > 0, "it goes on");
    }
    server.stop.send(()).expect("it runs");
    let answer = waiting.await.expect("no panic");
    assert!(answer.starts_with("HTTP/1.1 202 ") && answer.contains(r#""phase":"running""#), "{answer}");
    events.read_to_end(&mut stream).await.expect("no reset");
    assert!(stream.ends_with(b"0\r\n\r\n"), "the stream has an end");
    tokio::time::timeout(Duration::from_secs(20), server.ended).await.expect("it ends").expect("no panic");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}
