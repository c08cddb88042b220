//! A proxy between the runtime and a bank's HTTP face: it holds, repeats, delays and loses what a test tells it to.
//!
//! As in a network, what has arrived here is delivered whatever becomes of who sent it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::client;

/// Nothing takes longer to arrive.
const LONGEST: Duration = Duration::from_secs(30);
/// A bank that has just been through a storm may wait half a minute for a connection, and InnoDB waits 50 s for a lock
/// that a prepared transaction holds.
const LONGEST_ANSWER: Duration = Duration::from_secs(90);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Forwarded and answered.
    Pass,
    /// Kept until [`Proxy::release`], then as [`Self::Pass`].
    Hold,
    /// Forwarded twice at once; the answer is that of the first copy.
    Double,
    /// Forwarded and answered, and once more at [`Proxy::release`].
    Echo,
    /// Forwarded; instead of an answer the connection ends.
    Lose,
    /// Forwarded after a while.
    Delay(Duration),
}

/// What a proxy knows of a request: the path, and the branch parameters in the query; those that are missing are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passing {
    /// `/transfer-out`, ...
    pub path: String,
    /// Of the execution.
    pub gid: String,
    /// `01`, ...
    pub branch_id: String,
    /// `action`, `commit`, `rollback`.
    pub op: String,
}

/// A proxy; it ends when this is dropped.
pub struct Proxy {
    /// `http://127.0.0.1:port`.
    pub url: String,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

type Judge = Arc<dyn Fn(&Passing) -> Treatment + Send + Sync>;

struct Shared {
    target: String,
    client: reqwest::Client,
    judge: Mutex<Judge>,
    /// What is kept, in order of arrival; who releases one says where the status of the bank's answer goes.
    held: Mutex<Vec<(Passing, oneshot::Sender<oneshot::Sender<StatusCode>>)>>,
    held_count: watch::Sender<usize>,
}

/// The request as it is forwarded, once or more.
#[derive(Clone)]
struct Parcel {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost")]
struct Lost;

type Answer = Result<Response<Full<Bytes>>, Lost>;

impl Proxy {
    /// Starts a proxy for the HTTP face at `target`, `http://127.0.0.1:port`. Everything passes at first.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the proxy")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            client: client(),
            judge: Mutex::new(Arc::new(|_| Treatment::Pass)),
            held: Mutex::default(),
            held_count: watch::Sender::new(0),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Ok(Self { url, shared, listening })
    }

    /// Treats requests that arrive from now on as `judge` says.
    pub fn treat(&self, judge: impl Fn(&Passing) -> Treatment + Send + Sync + 'static) {
        *self.shared.judge.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(judge);
    }

    /// Waits until that many requests are kept here.
    ///
    /// # Errors
    /// They don't come.
    pub async fn holds(&self, count: usize) -> Result<()> {
        let mut held = self.shared.held_count.subscribe();
        let waited = tokio::time::timeout(LONGEST, held.wait_for(|held| *held >= count)).await;
        waited
            .with_context(|| format!("{count} requests do not arrive at the proxy"))?
            .context("the proxy has ended")?;
        Ok(())
    }

    /// Delivers what is kept, all at once, and waits until the bank has answered: what was kept, with the status.
    ///
    /// # Errors
    /// The bank is gone.
    pub async fn release(&self) -> Result<Vec<(Passing, u16)>> {
        let held = std::mem::take(&mut *self.shared.held.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.held_count.send_replace(0);
        let mut answers = Vec::new();
        for (passing, go) in held {
            let (answer, answered) = oneshot::channel();
            go.send(answer).ok().with_context(|| format!("nobody delivers {passing:?} any more"))?;
            answers.push((passing, answered));
        }
        let mut delivered = Vec::new();
        for (passing, answered) in answers {
            let answered = tokio::time::timeout(LONGEST_ANSWER, answered).await.ok().and_then(Result::ok);
            let status = answered.with_context(|| format!("the bank does not answer {passing:?}"))?;
            delivered.push((passing, status.as_u16()));
        }
        Ok(delivered)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(serve(connection, Arc::clone(&shared)));
    }
}

async fn serve(connection: TcpStream, shared: Arc<Shared>) {
    // Only slower if it can't be set.
    let _ = connection.set_nodelay(true);
    let service = service_fn(|request| take(Arc::clone(&shared), request));
    // It ends with an error when the caller has gone or an answer is lost: both are what this is for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

async fn take(shared: Arc<Shared>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", shared.target);
    let passing = Passing::of(&url);
    let mut headers = head.headers;
    for hop in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(hop);
    }
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    let parcel = Parcel { method: head.method, url, headers, body };
    // A task of its own, as this one ends when the caller hangs up.
    let delivered = tokio::spawn(async move { shared.deliver(passing, parcel).await });
    delivered.await.map_err(|_| Lost)?
}

impl Shared {
    async fn deliver(self: Arc<Self>, passing: Passing, parcel: Parcel) -> Answer {
        let judge = Arc::clone(&self.judge.lock().unwrap_or_else(PoisonError::into_inner));
        match judge(&passing) {
            Treatment::Pass => self.forward(parcel).await,
            Treatment::Hold => self.hold(passing, parcel).await,
            Treatment::Double => {
                let copy = tokio::spawn({
                    let (shared, parcel) = (Arc::clone(&self), parcel.clone());
                    async move { shared.forward(parcel).await }
                });
                let answer = self.forward(parcel).await;
                // Whatever it was answered: who sent it hears one answer.
                let _ = copy.await;
                answer
            }
            Treatment::Echo => {
                let answer = self.forward(parcel.clone()).await;
                tokio::spawn(async move { self.hold(passing, parcel).await });
                answer
            }
            Treatment::Lose => {
                // Whatever it was answered.
                let _ = self.forward(parcel).await;
                Err(Lost)
            }
            Treatment::Delay(length) => {
                tokio::time::sleep(length).await;
                self.forward(parcel).await
            }
        }
    }

    async fn hold(&self, passing: Passing, parcel: Parcel) -> Answer {
        let (go, released) = oneshot::channel();
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push((passing, go));
        self.held_count.send_modify(|held| *held += 1);
        let tell = released.await.map_err(|_| Lost)?;
        let answer = self.forward(parcel).await?;
        // Who released it may not wait for the answer.
        let _ = tell.send(answer.status());
        Ok(answer)
    }

    async fn forward(&self, parcel: Parcel) -> Answer {
        let Parcel { method, url, headers, body } = parcel;
        let sent = self.client.request(method, url).headers(headers).body(body).send().await.map_err(|_| Lost)?;
        let mut answer = Response::builder().status(sent.status());
        if let Some(kind) = sent.headers().get(header::CONTENT_TYPE) {
            answer = answer.header(header::CONTENT_TYPE, kind);
        }
        let body = sent.bytes().await.map_err(|_| Lost)?;
        Ok(answer.body(Full::new(body)).expect("a status and a header that were received are valid"))
    }
}

impl Passing {
    fn of(url: &str) -> Self {
        let Ok(url) = reqwest::Url::parse(url) else { return Self::default() };
        let parameter = |name: &str| {
            let found = url.query_pairs().find(|(key, _)| key == name);
            found.map_or_else(String::new, |(_, value)| value.into_owned())
        };
        Self {
            path: url.path().to_owned(),
            gid: parameter("gid"),
            branch_id: parameter("branch_id"),
            op: parameter("op"),
        }
    }
}
