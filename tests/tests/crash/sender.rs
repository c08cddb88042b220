//! A sender of a message that is lost: it has prepared, perhaps committed, and says no more.

use std::convert::Infallible;
use std::io;

use anyhow::{Result, ensure};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reprise_tests::{Bank, client};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Has the bank take 1 from alice, in a local transaction that the message `gid` belongs to.
pub(crate) async fn send(bank: &Bank, runtime: &str, gid: &str, workflow: &str, input: &Value) -> Result<()> {
    let body = json!({
        "account": "alice", "amount": 1, "runtime": runtime, "gid": gid, "workflow": workflow, "input": input,
    });
    let response = client().post(format!("{}/local-transfer-out", bank.http)).json(&body).send().await?;
    ensure!(response.status().is_success(), "{}: {}", response.status(), response.text().await?);
    Ok(())
}

/// As [`send`], and what the bank tells the runtime is lost on the way: only the local transaction takes place.
pub(crate) async fn commit_only(bank: &Bank, gid: &str, workflow: &str, input: &Value) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let nowhere = format!("http://{}", listener.local_addr()?);
    tokio::select! {
        sent = send(bank, &nowhere, gid, workflow, input) => sent,
        never = swallow(listener) => match never? {},
    }
}

/// Takes everything that is said, and does nothing with it.
async fn swallow(listener: TcpListener) -> io::Result<Infallible> {
    loop {
        let (connection, _) = listener.accept().await?;
        let taken =
            service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
        tokio::spawn(async move {
            // The bank may hang up.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), taken).await;
        });
    }
}
