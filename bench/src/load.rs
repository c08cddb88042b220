//! The client: N connections, each with one request under way, the next one sent when the answer is there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The input of a transfer.
pub(crate) const ORDER: &str = r#"{"from":"alice","to":"bob","amount":30}"#;
/// What the answer of one that succeeded has in it.
pub(crate) const SUCCEEDED: &[u8] = br#""phase":"succeeded""#;
/// The body of each call of a saga.
const PAYLOAD: &str = r#"{"account":"alice","amount":30}"#;
const RECEIPT: &[u8] = br#""output":{"from_balance":70,"to_balance":70}"#;

/// What DTM's face answers to a saga that succeeded.
const DTM_SUCCEEDED: &[u8] = br#""dtm_result":"SUCCESS""#;

/// How a client asks for a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// By gid and workflow.
    Workflow,
    /// With a saga as DTM's clients send it, whose participant is here.
    DtmSaga(SocketAddr),
}

/// One keep-alive connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string() })
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, kind)
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// One transfer, checked.
    async fn transfer(&mut self, asks: Asks) -> Result<()> {
        match asks {
            Asks::Workflow => self.workflow().await,
            Asks::DtmSaga(participant) => self.dtm_saga(participant).await,
        }
    }

    async fn dtm_saga(&mut self, bank: SocketAddr) -> Result<()> {
        let step = |what: &str| {
            let (action, compensate) = (format!("http://{bank}/{what}"), format!("http://{bank}/{what}/revert"));
            serde_json::json!({ "action": action, "compensate": compensate })
        };
        let body = serde_json::json!({
            "gid": Uuid::now_v7().simple().to_string(),
            "trans_type": "saga",
            "steps": [step("transfer-out"), step("transfer-in")],
            "payloads": [PAYLOAD, PAYLOAD],
            "wait_result": true,
        });
        let (status, body) = self
            .send(Method::POST, "/api/dtmsvr/submit", "application/json", body.to_string().into())
            .await
            .context("a saga")?;
        let right = status == StatusCode::OK && contains(&body, DTM_SUCCEEDED);
        ensure!(right, "a saga was answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    async fn workflow(&mut self) -> Result<()> {
        // Later gids sort after earlier ones, as a caller who knows the store would choose them.
        let path = format!("/v1/executions/{}?workflow=transfer&wait=true", Uuid::now_v7());
        let (status, body) = self
            .send(Method::POST, &path, "application/json", Bytes::from_static(ORDER.as_bytes()))
            .await
            .context("a trigger")?;
        let right = status == StatusCode::OK && contains(&body, SUCCEEDED) && contains(&body, RECEIPT);
        ensure!(right, "a transfer was answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }
}

/// Whether a body has `part` in it.
pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// What a load came to.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

impl Done {
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.elapsed += other.elapsed;
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

/// Keeps `in_flight` transfers under way at `address` for `time`. The connections are opened before the clock starts.
pub(crate) async fn run(address: SocketAddr, asks: Asks, in_flight: usize, time: Duration) -> Result<Done> {
    let mut connections = Vec::with_capacity(in_flight);
    for _ in 0..in_flight {
        connections.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for mut connection in connections {
        workers.spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < time {
                let sent = Instant::now();
                connection.transfer(asks).await?;
                latencies.push(sent.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut done = Done::default();
    while let Some(worker) = workers.join_next().await {
        done.latencies.extend(worker??);
    }
    done.elapsed = began.elapsed();
    Ok(done)
}
