//! The router with everything behind it, in the test's process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use reprise::api::{Api, ApiLimits, router};
use reprise_coordinator::{Coordinator, CoordinatorConfig};
use reprise_host::{Host, HostConfig};
use reprise_outbound::{Outbound, OutboundConfig, Participant};
use reprise_store::{MemoryStore, Store};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Bytes of an input.
pub(crate) const INPUT_BYTES_MAX: usize = 10_000;
/// Bytes of a component.
pub(crate) const COMPONENT_BYTES_MAX: usize = 1 << 20;

/// The HTTP face in this process.
pub(crate) struct Face {
    router: Router,
    pub(crate) coordinator: Coordinator,
    pub(crate) stop: CancellationToken,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Face {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()), CoordinatorConfig::default(), BTreeMap::new()).await
    }

    pub(crate) async fn on(
        store: Arc<dyn Store>,
        config: CoordinatorConfig,
        participants: BTreeMap<String, Participant>,
    ) -> Self {
        Self::with_outbound(store, config, OutboundConfig { participants, ..OutboundConfig::default() }).await
    }

    pub(crate) async fn with_outbound(
        store: Arc<dyn Store>,
        config: CoordinatorConfig,
        outbound: OutboundConfig,
    ) -> Self {
        let host = HostConfig {
            instances: 8,
            memory_bytes_max: 64 << 20,
            component_bytes_max: COMPONENT_BYTES_MAX,
            ..HostConfig::default()
        };
        let config = CoordinatorConfig { trap_retries: 1, input_bytes_max: INPUT_BYTES_MAX, ..config };
        let outbound = Outbound::new(outbound).expect("the participants are valid");
        let host = Host::new(host).expect("eight instances fit everywhere");
        let coordinator = Coordinator::start(config, store, host, outbound).await.expect("the store answers");
        let limits = ApiLimits {
            component_bytes: COMPONENT_BYTES_MAX,
            input_bytes: INPUT_BYTES_MAX,
            wait_max: Duration::from_secs(20),
        };
        let stop = CancellationToken::new();
        let router = router(Api::new(coordinator.clone(), limits, stop.clone()));
        Self { router, coordinator, stop }
    }

    /// With these workflows deployed.
    pub(crate) async fn with(workflows: &[(&str, Vec<u8>)]) -> Self {
        let face = Self::new().await;
        for (name, component) in workflows {
            face.deploy(name, component.clone()).await;
        }
        face
    }

    pub(crate) async fn deploy(&self, name: &str, component: Vec<u8>) -> Value {
        self.call("PUT", &format!("/v1/workflows/{name}"), &[], component).await.succeeded()
    }

    /// Sends a request; `headers` as `name: value`.
    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[&str], body: impl Into<Body>) -> Answer {
        self.open(method, path, headers, body).await.read().await
    }

    /// Sends a request and leaves the body of the answer unread.
    pub(crate) async fn open(&self, method: &str, path: &str, headers: &[&str], body: impl Into<Body>) -> Opened {
        let mut request = Request::builder().method(method).uri(path);
        for header in headers {
            let (name, value) = header.split_once(": ").expect("a header is `name: value`");
            request = request.header(name, value);
        }
        let request = request.body(body.into()).expect("a valid request");
        Opened(self.router.clone().oneshot(request).await.expect("a router answers"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], Body::empty()).await
    }

    /// Triggers with JSON input.
    pub(crate) async fn post(&self, path: &str, input: &str) -> Answer {
        self.call("POST", path, &["content-type: application/json"], input.to_owned()).await
    }

    /// Waits until `done` says so of an execution's status.
    pub(crate) async fn until(&self, gid: &str, done: impl Fn(&Value) -> bool) -> Value {
        let mut news = self.coordinator.subscribe();
        let follow = async {
            loop {
                let status = self.get(&format!("/v1/executions/{gid}")).await.succeeded();
                if done(&status) {
                    return status;
                }
                // Quarantine and the like are told as news too; a missed one only means looking again.
                let _ = tokio::time::timeout(Duration::from_millis(200), news.recv()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), follow).await.expect("it happens within 20 s")
    }
}

/// An answer whose body is unread.
pub(crate) struct Opened(pub(crate) axum::response::Response);

impl Opened {
    pub(crate) async fn read(self) -> Answer {
        let (parts, body) = self.0.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("the body is whole").to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn succeeded(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text());
        self.json()
    }

    /// Checks that it is a problem document of this kind whose detail has all of `texts`.
    pub(crate) fn is_problem(&self, status: u16, slug: &str, texts: &[&str]) {
        let shown = format!("{} {}", self.status, self.text());
        assert_eq!(self.status.as_u16(), status, "{shown}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{shown}");
        let document = self.json();
        assert_eq!(document["type"], format!("/problems/{slug}"), "{shown}");
        assert_eq!(document["status"], status, "{shown}");
        assert!(document["title"].is_string(), "{shown}");
        let detail = document["detail"].as_str().expect("a detail");
        for text in texts {
            assert!(detail.contains(text), "{text:?} is not in: {detail}");
        }
    }
}
