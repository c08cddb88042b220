//! Names that are keys in etcd, as go-zero lays them out: below `KEY/` each process has a key of its own, the number of
//! its lease, and the value is its `host:port`.
//!
//! `cluster` has the connections; here is how a key is followed: everything below it is read, then its changes as they
//! come. Whatever goes wrong (a connection, a compaction, a restart of etcd), it is read anew, and until that succeeds
//! what was known stays.

pub(crate) mod cluster;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Client, Event, EventType, GetOptions, KeyValue, WatchOptions, WatchStream};

use crate::address::Address;
use crate::resolver::{News, Resolver};
use crate::target::ADDRESSES_MAX;
use cluster::{Cluster, EtcdError, answer};

/// Pause before a key is read anew.
const AGAIN: Duration = Duration::from_secs(1);

/// `etcd://host:port/key`
pub(crate) struct Etcd {
    cluster: Arc<Cluster>,
    key: String,
}

impl Etcd {
    pub(crate) const fn new(cluster: Arc<Cluster>, key: String) -> Self {
        Self { cluster, key }
    }

    /// Reads the key, then follows it; what ended that.
    async fn read_and_watch(&self, news: &News) -> Result<Infallible, EtcdError> {
        let mut client = self.cluster.client().await?;
        let prefix = prefix(&self.key);
        let limit = i64::try_from(ADDRESSES_MAX).unwrap_or(i64::MAX);
        let options = GetOptions::new().with_prefix().with_limit(limit);
        let mut got = answer(client.get(prefix.as_str(), Some(options))).await?;
        let mut listed = Listed::default();
        got.take_kvs().into_iter().for_each(|pair| listed.put(&pair));
        news.addresses(listed.addresses());
        tracing::debug!(etcd = %self.cluster, key = self.key, found = listed.0.len(), "read");
        let mut stream =
            watch(&mut client, prefix, revision(got.header()) + 1, WatchOptions::new().with_prefix()).await?;
        loop {
            for event in &next(&mut stream).await? {
                listed.apply(event);
            }
            news.addresses(listed.addresses());
        }
    }
}

#[async_trait]
impl Resolver for Etcd {
    async fn follow(&self, news: &News) -> Infallible {
        loop {
            let why = match self.read_and_watch(news).await {
                Ok(never) => match never {},
                Err(why) => why,
            };
            let kept = news.failed(format!("etcd at {} can't be asked: {why}", self.cluster));
            tracing::warn!(etcd = %self.cluster, key = self.key, kept, %why, "asked again");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

impl fmt::Debug for Etcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd://{}/{}", self.cluster, self.key)
    }
}

/// With the slash: `trans` is not the start of `trans2/..`.
pub(crate) fn prefix(key: &str) -> String {
    format!("{key}/")
}

/// The revision that an answer is of.
pub(crate) fn revision(header: Option<&etcd_client::ResponseHeader>) -> i64 {
    header.map_or(0, etcd_client::ResponseHeader::revision)
}

/// The changes of `key` from `revision` on.
pub(crate) async fn watch(
    client: &mut Client,
    key: impl Into<Vec<u8>>,
    revision: i64,
    options: WatchOptions,
) -> Result<WatchStream, EtcdError> {
    answer(client.watch(key, Some(options.with_start_revision(revision)))).await
}

/// What changed next; an error ends the watch.
pub(crate) async fn next(stream: &mut WatchStream) -> Result<Vec<Event>, EtcdError> {
    let message = stream.message().await?.ok_or(EtcdError::Ended)?;
    if message.compact_revision() > 0 {
        return Err(EtcdError::Compacted);
    }
    if message.canceled() {
        return Err(EtcdError::Canceled(message.cancel_reason().to_owned()));
    }
    Ok(message.events().to_vec())
}

/// What is below a key.
#[derive(Debug, Default)]
struct Listed(BTreeMap<Vec<u8>, Address>);

impl Listed {
    fn put(&mut self, pair: &KeyValue) {
        let address = std::str::from_utf8(pair.value()).ok().and_then(|text| text.trim().parse().ok());
        match address {
            Some(address) if self.0.len() < ADDRESSES_MAX || self.0.contains_key(pair.key()) => {
                self.0.insert(pair.key().to_vec(), address);
            }
            Some(_) => tracing::warn!(key = %shown(pair), "left out: {ADDRESSES_MAX} addresses are known already"),
            None => {
                self.0.remove(pair.key());
                tracing::warn!(key = %shown(pair), "left out: the value is no host:port");
            }
        }
    }

    fn apply(&mut self, event: &Event) {
        match (event.event_type(), event.kv()) {
            (EventType::Put, Some(pair)) => self.put(pair),
            // A deleted key comes without its value.
            (EventType::Delete, Some(pair)) => drop(self.0.remove(pair.key())),
            (EventType::Put | EventType::Delete, None) => {}
        }
    }

    /// Two keys with one value are one address, until both are gone.
    fn addresses(&self) -> impl Iterator<Item = Address> {
        self.0.values().cloned()
    }
}

fn shown(pair: &KeyValue) -> String {
    String::from_utf8_lossy(pair.key()).chars().take(160).collect()
}
