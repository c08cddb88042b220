//! Connections to etcd: one client per set of endpoints, shared by all keys there while any is followed.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use etcd_client::{Client, ConnectOptions};
use thiserror::Error;
use tokio::sync::OnceCell;

use crate::address::Address;
use crate::config::{DiscoveryError, EtcdConfig};

/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest time of one request.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pings a connection in use that has fallen silent for so long; etcd allows one in 5 s.
const PING_AFTER: Duration = Duration::from_secs(10);
/// Gives a connection up when a ping is not answered for so long.
const PONG_WITHIN: Duration = Duration::from_secs(5);

/// Why etcd did not do as asked.
#[derive(Debug, Error)]
pub(crate) enum EtcdError {
    #[error("no answer within {} s; is it running there?", PATIENCE.as_secs())]
    Silent,
    #[error("{}", said(.0))]
    Etcd(#[from] etcd_client::Error),
    #[error("the connection ended")]
    Ended,
    #[error("the revisions in between were compacted")]
    Compacted,
    #[error("the watch was canceled: {0}")]
    Canceled(String),
}

impl EtcdError {
    /// Whether etcd has said that a lease does not exist.
    pub(crate) fn is_lease_gone(&self) -> bool {
        match self {
            Self::Etcd(etcd_client::Error::LeaseKeepAliveError(_)) => true,
            Self::Etcd(etcd_client::Error::GRpcStatus(status)) => status.message().contains("lease not found"),
            Self::Etcd(_) | Self::Silent | Self::Ended | Self::Compacted | Self::Canceled(_) => false,
        }
    }
}

/// The innermost cause says what happened; the layers around it repeat one another.
fn said(error: &etcd_client::Error) -> String {
    let etcd_client::Error::GRpcStatus(status) = error else { return error.to_string() };
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(inner) = cause {
        cause = inner.source();
        if cause.is_none() && !text.contains(&inner.to_string()) {
            text = format!("{text}: {inner}");
        }
    }
    if status.code() == tonic::Code::Unauthenticated || text.contains("user name is empty") {
        text.push_str("; set user and password in [discovery.etcd.NAME] of the configuration");
    }
    text
}

/// Waits for an answer of etcd, not for ever.
pub(crate) async fn answer<T>(asked: impl Future<Output = Result<T, etcd_client::Error>>) -> Result<T, EtcdError> {
    Ok(tokio::time::timeout(PATIENCE, asked).await.map_err(|_| EtcdError::Silent)??)
}

/// An etcd and the way there.
pub(crate) struct Cluster {
    hosts: Vec<Address>,
    credentials: Option<(String, String)>,
    client: OnceCell<Client>,
}

impl Cluster {
    /// The client; it connects by itself, again and again. Only a user must be let in first.
    pub(crate) async fn client(&self) -> Result<Client, EtcdError> {
        let connect = || async {
            let endpoints: Vec<&str> = self.hosts.iter().map(Address::as_str).collect();
            let mut options = ConnectOptions::new()
                .with_connect_timeout(CONNECT)
                .with_keep_alive(PING_AFTER, PONG_WITHIN)
                .with_require_leader(true)
                .with_auto_token_refresh(true);
            if let Some((user, password)) = &self.credentials {
                options = options.with_user(user, password);
            }
            answer(Client::connect(endpoints, Some(options))).await
        };
        self.client.get_or_try_init(connect).await.cloned()
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hosts.iter().map(Address::as_str).collect::<Vec<_>>().join(","))
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({self})")
    }
}

/// All clusters that are in use, and how to be let in to those of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    configured: Vec<Configured>,
    used: Mutex<HashMap<Vec<Address>, Weak<Cluster>>>,
}

/// An etcd of the configuration.
struct Configured {
    endpoints: Vec<Address>,
    credentials: (String, String),
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl Clusters {
    pub(crate) fn new<'c>(
        configs: impl IntoIterator<Item = (&'c String, &'c EtcdConfig)>,
    ) -> Result<Self, DiscoveryError> {
        let configured = configs.into_iter().map(|(name, config)| {
            let wrong = |reason: String| DiscoveryError::Etcd { name: name.clone(), reason };
            let endpoints: Result<Vec<Address>, _> = config.endpoints.iter().map(|text| text.parse()).collect();
            let endpoints = endpoints.map_err(|e: crate::AddressError| wrong(format!("endpoints: {e}")))?;
            if endpoints.is_empty() {
                return Err(wrong("endpoints is empty; list host:port of each member".into()));
            }
            Ok(Configured { endpoints, credentials: (config.user.clone(), config.password.clone()) })
        });
        Ok(Self { configured: configured.collect::<Result<_, _>>()?, used: Mutex::default() })
    }

    /// The cluster at `hosts`. It gets a user only if every host is an endpoint of that user's cluster: else a target
    /// could send the password to somebody else.
    pub(crate) fn at(&self, hosts: &[Address]) -> Arc<Cluster> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = used.get(hosts).and_then(Weak::upgrade) {
            return cluster;
        }
        used.retain(|_, cluster| cluster.strong_count() > 0);
        let configured =
            self.configured.iter().find(|cluster| hosts.iter().all(|host| cluster.endpoints.contains(host)));
        let credentials = configured.map(|cluster| cluster.credentials.clone());
        let cluster = Arc::new(Cluster { hosts: hosts.to_vec(), credentials, client: OnceCell::new() });
        used.insert(hosts.to_vec(), Arc::downgrade(&cluster));
        cluster
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_to_its_own_cluster_only_and_is_shared_while_used() {
        let config =
            EtcdConfig { endpoints: vec!["a:1".into(), "b:1".into()], user: "me".into(), password: "s3cret".into() };
        let name = "main".to_owned();
        let clusters = Clusters::new([(&name, &config)]).expect("valid");
        let hosts = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("an address")).collect::<Vec<_>>();
        for (at, known) in
            [(&["a:1"][..], true), (&["b:1", "a:1"], true), (&["a:1", "evil:1"], false), (&["c:1"], false)]
        {
            assert_eq!(clusters.at(&hosts(at)).credentials.is_some(), known, "{at:?}");
        }
        let kept = clusters.at(&hosts(&["a:1"]));
        assert!(Arc::ptr_eq(&kept, &clusters.at(&hosts(&["a:1"]))));
        assert_eq!(clusters.used.lock().expect("not poisoned").len(), 1, "what is not used is forgotten");
        let shown = format!("{clusters:?} {config:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
