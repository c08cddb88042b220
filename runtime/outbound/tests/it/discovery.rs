//! Attempts at services of several processes, found in etcd and elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Uri};
use etcd_client::Client;
use futures::future::join_all;
use reprise_engine::{Answer, Operation};
use reprise_outbound::{Outbound, OutboundConfig, OutboundError};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::grpc::{Bank, paid, pay};
use crate::participant::{act, bank_at, invalid, lost, outbound, refused_url};

/// A process of a service, as far as anybody outside sees it: killed, its connections break.
struct Instance {
    address: String,
    calls: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

impl Instance {
    fn start(serve: impl FnOnce(TcpListener, Arc<AtomicUsize>) + Send + 'static) -> Self {
        let calls = Arc::<AtomicUsize>::default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("bound").to_string();
        let counted = Arc::clone(&calls);
        runtime.spawn(async move { serve(TcpListener::from_std(listener).expect("a socket"), counted) });
        Self { address, calls, runtime: Some(runtime) }
    }

    fn grpc() -> Self {
        Self::start(|listener, calls| {
            let server = Server::builder().add_service(Bank { calls });
            drop(tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener))));
        })
    }

    /// Answers with `host path?query x-key`.
    fn http() -> Self {
        Self::start(|listener, calls| {
            let router = Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
                calls.fetch_add(1, Ordering::SeqCst);
                let text =
                    |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
                format!("{} {} {}", text("host"), uri.path(), text("x-key"))
            });
            drop(tokio::spawn(async move { axum::serve(listener, router).await }));
        })
    }

    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// How many calls it got since the last time.
    fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A key in a real etcd.
struct Key {
    client: Client,
    target: String,
    key: String,
}

impl Key {
    async fn new() -> Self {
        let target = reprise_test_services::etcd().await;
        let (host, key) = target.trim_start_matches("etcd://").split_once('/').expect("host and key");
        let (host, key) = (host.to_owned(), key.to_owned());
        Self { client: Client::connect([host], None).await.expect("a client"), target, key }
    }

    async fn put(&self, instance: &Instance) {
        let at = format!("{}/{}", self.key, instance.address);
        self.client.clone().put(at, instance.address.as_str(), None).await.expect("etcd answers");
    }

    async fn delete(&self, instance: &Instance) {
        let at = format!("{}/{}", self.key, instance.address);
        self.client.clone().delete(at, None).await.expect("etcd answers");
    }
}

/// Repeats an attempt that was lost, as the engine does; how often it was made.
async fn until_paid(outbound: &Outbound, target: &str) -> usize {
    for attempt in 1..50 {
        if let Answer::Grpc { code: 0, .. } = act(outbound, &pay(target, "coffee"), "{}").await {
            return attempt;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{target} does not answer");
}

/// Calls until this instance gets a call.
async fn until_used(outbound: &Outbound, target: &str, instance: &Instance) {
    let used = async {
        while instance.calls() == 0 {
            until_paid(outbound, target).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), used).await.expect("it is used");
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_spread_and_none_is_lost_when_an_instance_dies() {
    let key = Key::new().await;
    let (mut a, b) = (Instance::grpc(), Instance::grpc());
    key.put(&a).await;
    key.put(&b).await;
    let outbound = outbound(&key.target);
    for _ in 0..20 {
        assert_eq!(paid(act(&outbound, &pay("bank", "coffee"), "{}").await), "coffee");
    }
    assert_eq!((a.calls(), b.calls()), (10, 10), "in turn");

    // It dies with calls under way; etcd still has it.
    let calls = (0..64).map(|_| until_paid(&outbound, "bank"));
    let (attempts, ()) = futures::join!(join_all(calls), async { a.kill() });
    assert!(attempts.iter().all(|attempts| *attempts <= 3), "another instance is met: {attempts:?}");
    let attempts = join_all((0..64).map(|_| until_paid(&outbound, "bank"))).await;
    assert!(attempts.iter().sum::<usize>() <= 66, "passed over: {attempts:?}");

    // An instance that comes is used; one that etcd does not have any more is never tried.
    let c = Instance::grpc();
    key.put(&c).await;
    until_used(&outbound, "bank", &c).await;
    key.delete(&b).await;
    key.delete(&a).await;
    while join_all((0..8).map(|_| until_paid(&outbound, "bank"))).await.iter().any(|tried| *tried > 1) || b.calls() > 0
    {
    }
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let attempts = join_all((0..64).map(|_| until_paid(&outbound, "bank"))).await;
    assert_eq!(attempts, vec![1; 64]);
    assert_eq!(b.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_with_less_to_do_gets_more() {
    let (a, b) = (Instance::grpc(), Instance::grpc());
    let target = format!("direct:///{},{}", a.address, b.address);
    let outbound = outbound(&target);
    let silent = pay("bank", "silent");
    let slow = act(&outbound, &silent, r#"{"timeout_ms": 2000}"#);
    let others = async {
        while a.calls.load(Ordering::SeqCst) + b.calls.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            assert_eq!(paid(act(&outbound, &pay(&target, "coffee"), "{}").await), "coffee");
        }
        (a.calls(), b.calls())
    };
    tokio::select! {
        _ = slow => panic!("the others are faster"),
        calls = others => assert!(calls == (1, 10) || calls == (10, 1), "{calls:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_participant_is_called_at_its_instances() {
    let key = Key::new().await;
    let (mut a, b) = (Instance::http(), Instance::http());
    key.put(&a).await;
    key.put(&b).await;
    let mut config = bank_at(&key.target);
    config.participants.get_mut("bank").expect("there").headers = [("x-key".into(), "k".into())].into();
    let outbound = Outbound::new(config).expect("valid");
    let call = Operation::Http { method: "POST".into(), target: "bank/pay?x=1".into(), body: b"{}".to_vec() };
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (_, body) = act(&outbound, &call, "{}").await.into_parts();
        seen.push(String::from_utf8(body).expect("text"));
    }
    let mut want = [&a, &b].map(|instance| format!("{} /pay k", instance.address));
    want.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, want, "one each");
    a.kill();
    let answers = [act(&outbound, &call, "{}").await, act(&outbound, &call, "{}").await];
    assert!(answers.iter().any(|answer| answer.status() == 200), "{answers:?}");
    for _ in 0..10 {
        assert_eq!(act(&outbound, &call, "{}").await.status(), 200, "the dead one is passed over");
    }
    let outside = Operation::Http { method: "GET".into(), target: "bank@evil/x".into(), body: vec![] };
    assert!(invalid(act(&outbound, &outside, "{}").await).contains("no participant `bank@evil`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_target_of_a_participant_gets_its_credentials() {
    let a = Instance::grpc();
    let target = format!("direct:///{}", a.address);
    let mut config = bank_at(&target);
    config.allow_urls = false;
    config.participants.get_mut("bank").expect("there").headers = [("x-key".into(), "k".into())].into();
    let outbound = Outbound::new(config).expect("valid");
    let seen = paid(act(&outbound, &pay(&format!("direct://{}", a.address), "metadata"), "{}").await);
    assert!(seen.lines().any(|line| line == "x-key=k"), "{seen}");
    for other in ["etcd://127.0.0.1:1/users.rpc", "direct:///127.0.0.1:1", "127.0.0.1:1"] {
        let text = invalid(act(&outbound, &pay(other, "metadata"), "{}").await);
        assert!(text.contains("allow_urls"), "{other}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_all_kinds_are_found() {
    let a = Instance::grpc();
    let outbound = Outbound::new(OutboundConfig::default()).expect("valid");
    let port = a.address.rsplit(':').next().expect("a port");
    // Of the addresses of localhost the instance has one only.
    let named = [a.address.clone(), format!("direct:///{}", a.address), format!("localhost:{port}")];
    for target in &named {
        assert_eq!(paid(act(&outbound, &pay(target, "coffee"), "{}").await), "coffee", "{target}");
    }
    until_paid(&outbound, &format!("dns:///localhost:{port}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_lost_and_says_why() {
    let key = Key::new().await;
    let nobody = outbound(&key.target);
    let text = lost(act(&nobody, &pay("bank", "coffee"), "{}").await);
    assert!(text.contains(&key.target) && text.contains("no address is known"), "{text}");
    let refused = refused_url().trim_start_matches("http://").to_owned();
    let away = outbound(&format!("etcd://{refused}/users.rpc"));
    let text = lost(act(&away, &pay("bank", "coffee"), "{}").await);
    assert!(text.contains(&format!("etcd at {refused} can't be asked")), "{text}");
    let text = lost(act(&away, &pay("bank", "coffee"), r#"{"timeout_ms": 1}"#).await);
    assert!(text.contains("users.rpc"), "{text}");
    // A process that comes up is found by the next attempt.
    let a = Instance::grpc();
    key.put(&a).await;
    until_used(&nobody, "bank", &a).await;
}

#[tokio::test]
async fn what_is_no_name_says_what_to_write() {
    let outbound = outbound("http://127.0.0.1:1");
    for (target, want) in [
        ("k8s://shop/users:8080", "dns:///host:port"),
        ("etcd://127.0.0.1:2379", "the key is missing"),
        ("etcd://me:s3cret@127.0.0.1:2379/users.rpc", "[discovery.etcd.NAME]"),
    ] {
        let text = invalid(act(&outbound, &pay(target, "coffee"), "{}").await);
        assert!(text.contains(want) && !text.contains("s3cret"), "{target}: {text}");
        let error = Outbound::new(bank_at(target)).expect_err("wrong");
        assert!(matches!(&error, OutboundError::Participant { name, .. } if name == "bank"), "{error}");
        assert!(error.to_string().contains(want) && !error.to_string().contains("s3cret"), "{error}");
    }
    let call = Operation::Http { method: "GET".into(), target: "etcd://h:1/users.api/pay".into(), body: vec![] };
    assert!(invalid(act(&outbound, &call, "{}").await).contains("[participants.NAME]"));
}
