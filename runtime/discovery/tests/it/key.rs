//! A key in a real etcd, and somebody else who writes below it: the publisher and the resolver of go-zero, as far as etcd
//! sees them.

use std::time::Duration;

use etcd_client::{Client, GetOptions, PutOptions};
use reprise_discovery::{Discovery, DiscoveryConfig, Following};
use reprise_test_services::Server;
use tempfile::TempDir;

/// Longer than anything takes here.
const LONGEST: Duration = Duration::from_secs(30);

/// A key that nobody else uses.
pub(crate) struct Key {
    pub(crate) client: Client,
    /// `etcd://127.0.0.1:port/key`
    pub(crate) target: String,
    pub(crate) key: String,
}

impl Key {
    /// On the shared server.
    pub(crate) async fn shared() -> Self {
        Self::of(reprise_test_services::etcd().await).await
    }

    /// On a server that the test may kill.
    pub(crate) async fn own() -> (Self, Server, TempDir) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start_etcd(&folder.path().join("etcd")).expect("starts");
        (Self::of(server.url().to_owned()).await, server, folder)
    }

    pub(crate) async fn of(target: String) -> Self {
        let (host, key) = target.trim_start_matches("etcd://").split_once('/').expect("host and key");
        let (host, key) = (host.to_owned(), key.to_owned());
        let client = Client::connect([host], None).await.expect("a client");
        Self { client, target, key }
    }

    pub(crate) fn follow(&self) -> Following {
        let discovery = Discovery::new(&DiscoveryConfig::default()).expect("valid");
        discovery.follow(&self.target.parse().expect("a target"))
    }

    /// Puts `value` at `key/name`.
    pub(crate) async fn put(&self, name: &str, value: &str) {
        self.put_at(&format!("{}/{name}", self.key), value, 0).await;
    }

    pub(crate) async fn put_at(&self, key: &str, value: &str, lease: i64) {
        let options = PutOptions::new().with_lease(lease);
        self.client.clone().put(key, value, Some(options)).await.expect("etcd answers");
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.client.clone().delete(format!("{}/{name}", self.key), None).await.expect("etcd answers");
    }

    /// Keys below this one and their values, as go-zero's resolver reads them.
    pub(crate) async fn pairs(&self) -> Vec<(String, String)> {
        let options = GetOptions::new().with_prefix();
        let got = self.client.clone().get(format!("{}/", self.key), Some(options)).await.expect("etcd answers");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        got.kvs().iter().map(|pair| (text(pair.key()), text(pair.value()))).collect()
    }
}

/// Waits until the addresses are these; until then they may be others, or unknown.
pub(crate) async fn becomes(following: &Following, want: &[&str]) {
    until(&format!("{want:?}"), async || {
        let Ok(known) = following.addresses().await else { return false };
        known.iter().map(|address| address.as_str()).eq(want.iter().copied())
    })
    .await;
}

/// Looks again and again until it is so.
pub(crate) async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let look = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONGEST, look).await.unwrap_or_else(|_| panic!("waited {LONGEST:?} for {what}"));
}
