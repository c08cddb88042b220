//! This process under a key in etcd, as go-zero's publisher does it: the key is `KEY/LEASE`, the value `host:port`. The
//! lease is kept alive; lost, another one is taken; a key that somebody deletes is put again; at the end it is revoked.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{EventType, PutOptions, WatchFilterType, WatchOptions};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::etcd::cluster::{Cluster, EtcdError, answer};
use crate::etcd::{next, prefix, revision, watch};

/// Pause before the next try.
const AGAIN: Duration = Duration::from_secs(1);
/// The same while a lease is at stake.
const SOON: Duration = Duration::from_millis(300);
/// How long the end waits for etcd; without it the lease ends by itself.
const FAREWELL: Duration = Duration::from_secs(2);

/// This process is registered, or will be when etcd is there. Dropped, the lease ends by itself.
#[derive(Debug)]
pub struct Registration {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Registration {
    pub(crate) fn start(cluster: Arc<Cluster>, key: String, address: Address, ttl_s: u32) -> Self {
        let stop = CancellationToken::new();
        let registrar = Registrar { cluster, key, address, ttl_s };
        let stopped = stop.clone();
        Self { stop, task: tokio::spawn(async move { registrar.run(&stopped).await }) }
    }

    /// Takes this process off at once: nobody finds it any more when this returns, if etcd answers.
    pub async fn end(mut self) {
        self.stop.cancel();
        if timeout(FAREWELL, &mut self.task).await.is_err() {
            tracing::warn!("etcd does not answer; the registration ends with its lease");
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task behind a registration.
#[derive(Debug)]
struct Registrar {
    cluster: Arc<Cluster>,
    key: String,
    address: Address,
    ttl_s: u32,
}

/// A lease with the key that lives as long.
#[derive(Debug)]
struct Held {
    lease: i64,
    key: String,
    revision: i64,
}

impl Registrar {
    async fn run(&self, stop: &CancellationToken) {
        let mut told = false;
        while !stop.is_cancelled() {
            match self.put_under_a_lease().await {
                Ok(held) => {
                    told = false;
                    tracing::info!(etcd = %self.cluster, key = held.key, address = %self.address, "registered");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        why = self.renew(held.lease) => self.lost(&held, &why),
                        why = self.guard(&held) => self.lost(&held, &why),
                    }
                    self.revoke(&held).await;
                }
                Err(why) if !told => {
                    told = true;
                    tracing::warn!(etcd = %self.cluster, key = self.key, %why, "not registered; tried until it is");
                }
                Err(why) => tracing::debug!(etcd = %self.cluster, key = self.key, %why, "not registered"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(AGAIN) => {}
            }
        }
    }

    async fn put_under_a_lease(&self) -> Result<Held, EtcdError> {
        let mut client = self.cluster.client().await?;
        let lease = answer(client.lease_grant(i64::from(self.ttl_s), None)).await?.id();
        let key = format!("{}{lease}", prefix(&self.key));
        let revision = self.put(lease, &key).await?;
        Ok(Held { lease, key, revision })
    }

    async fn put(&self, lease: i64, key: &str) -> Result<i64, EtcdError> {
        let mut client = self.cluster.client().await?;
        let put = client.put(key, self.address.as_str(), Some(PutOptions::new().with_lease(lease)));
        Ok(revision(answer(put).await?.header()))
    }

    /// Keeps the lease alive, three times as often as it must be; returns when it is lost.
    async fn renew(&self, lease: i64) -> EtcdError {
        let ttl = Duration::from_secs(u64::from(self.ttl_s));
        let mut alive_until = Instant::now() + ttl;
        let mut pause = ttl / 3;
        loop {
            sleep(pause).await;
            let asked = Instant::now();
            let renewed = async { answer(self.cluster.client().await?.lease_keep_alive(lease)).await };
            match renewed.await {
                Ok(_) => (alive_until, pause) = (asked + ttl, ttl / 3),
                Err(why) if EtcdError::is_lease_gone(&why) || Instant::now() >= alive_until => return why,
                Err(_) => pause = SOON,
            }
        }
    }

    /// Puts the key again when somebody has deleted it; returns when that is refused.
    async fn guard(&self, held: &Held) -> EtcdError {
        let mut from = held.revision + 1;
        loop {
            match self.until_deleted(&held.key, from).await {
                Ok(()) => {
                    tracing::warn!(key = held.key, "somebody deleted the registration; put again");
                    match self.put(held.lease, &held.key).await {
                        Ok(revision) => from = revision + 1,
                        Err(why) if why.is_lease_gone() => return why,
                        Err(_) => sleep(SOON).await,
                    }
                }
                Err(EtcdError::Compacted) => from = 0,
                Err(EtcdError::Silent | EtcdError::Etcd(_) | EtcdError::Ended | EtcdError::Canceled(_)) => {
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// Returns when the key is not there. `from`: the first revision to look at; 0: look what is there first.
    async fn until_deleted(&self, key: &str, from: i64) -> Result<(), EtcdError> {
        let mut client = self.cluster.client().await?;
        let mut from = from;
        if from == 0 {
            let got = answer(client.get(key, None)).await?;
            if got.kvs().is_empty() {
                return Ok(());
            }
            from = revision(got.header()) + 1;
        }
        let deletions = WatchOptions::new().with_filters([WatchFilterType::NoPut]);
        let mut stream = watch(&mut client, key, from, deletions).await?;
        loop {
            if next(&mut stream).await?.iter().any(|event| event.event_type() == EventType::Delete) {
                return Ok(());
            }
        }
    }

    fn lost(&self, held: &Held, why: &EtcdError) {
        tracing::warn!(etcd = %self.cluster, key = held.key, %why, "the registration is lost; made anew");
    }

    async fn revoke(&self, held: &Held) {
        let revoked = async { answer(self.cluster.client().await?.lease_revoke(held.lease)).await };
        if let Err(why) = revoked.await {
            tracing::debug!(key = held.key, %why, "the lease is not revoked; it ends by itself");
        }
    }
}
