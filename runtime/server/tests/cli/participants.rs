//! The stock and the bank of the generated project: one server for both, in a thread of its own.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Running participants; they end when dropped.
pub(crate) struct Participants {
    /// `http://127.0.0.1:port` of both.
    pub(crate) url: String,
    _stop: oneshot::Sender<()>,
}

impl Participants {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("within a runtime");
                tokio::select! {
                    _ = axum::serve(listener, router()) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { url, _stop: stop }
    }
}

fn router() -> Router {
    Router::new()
        .route("/reserve", post(async || r#"{"reservation": "r-1"}"#))
        .route("/release", post(async || ""))
        .route("/pay", post(pay))
        .route("/refund", post(async || ""))
}

/// `poor` has no money; for `unlucky` the bank is out of order.
async fn pay(order: String) -> (StatusCode, &'static str) {
    if order.contains("poor") {
        (StatusCode::CONFLICT, r#"{"error": "too little money"}"#)
    } else if order.contains("unlucky") {
        (StatusCode::INTERNAL_SERVER_ERROR, "out of order")
    } else {
        (StatusCode::OK, r#"{"balance": 70}"#)
    }
}
