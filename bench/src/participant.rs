//! The participants: a few routes that answer every POST at once with a balance, and keep nothing.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// What they answer.
pub(crate) const BALANCE: &[u8] = br#"{"balance":70}"#;

/// A call that has come in.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Of the execution.
    pub(crate) gid: String,
    /// When it came.
    pub(crate) at: Instant,
}

/// Starts them; they end with the tokio runtime.
pub(crate) async fn start() -> Result<SocketAddr> {
    start_on(None).await
}

/// Starts them so that they tell of each call.
pub(crate) async fn start_telling(tell: UnboundedSender<Arrival>) -> Result<SocketAddr> {
    start_on(Some(tell)).await
}

async fn start_on(tell: Option<UnboundedSender<Arrival>>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // Only slower if it can't be set.
            let _ = connection.set_nodelay(true);
            let tell = tell.clone();
            let answer = service_fn(move |request| {
                if let Some(tell) = &tell {
                    // Whoever listened may have heard enough.
                    let _ = tell.send(arrival(&request));
                }
                answer(request)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), answer));
        }
    });
    Ok(address)
}

fn arrival(request: &Request<Incoming>) -> Arrival {
    let gid = request.headers().get("dtm-gid").and_then(|gid| gid.to_str().ok()).unwrap_or_default().to_owned();
    Arrival { gid, at: Instant::now() }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let known = matches!(request.uri().path(), "/transfer-out" | "/transfer-in" | "/step");
    // Read whole, so that the connection can be used again.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(BALANCE)));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    if !known {
        // A rollback would be a mistake of the bench: nothing refuses.
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}
