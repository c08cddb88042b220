//! A registration is as go-zero's publisher makes it, and survives what happens to etcd.

use std::time::Duration;

use reprise_discovery::{Discovery, DiscoveryConfig, RegisterConfig, Registration};

use crate::key::{Key, becomes, until};

const ADDRESS: &str = "10.0.0.5:36790";

fn register(key: &Key, ttl_s: u32) -> Registration {
    let discovery = Discovery::new(&DiscoveryConfig::default()).expect("valid");
    discovery.register(&RegisterConfig { ttl_s, ..RegisterConfig::at(&key.target, ADDRESS) }).expect("valid")
}

/// Waits until one key is there; its lease.
async fn registered(key: &Key) -> i64 {
    until("the registration", async || !key.pairs().await.is_empty()).await;
    let pairs = key.pairs().await;
    let [(at, value)] = &pairs[..] else { panic!("not one: {pairs:?}") };
    assert_eq!(value, ADDRESS);
    at.strip_prefix(&format!("{}/", key.key)).and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{at}"))
}

#[tokio::test]
async fn it_is_laid_out_as_go_zero_does_and_gone_at_the_end() {
    let key = Key::shared().await;
    let config = RegisterConfig::at(&key.target, ADDRESS);
    let discovery = Discovery::new(&DiscoveryConfig::default()).expect("valid");
    let registration = discovery.register(&config).expect("valid");
    let lease = registered(&key).await;
    let live = key.client.clone().lease_time_to_live(lease, None).await.expect("etcd answers");
    assert_eq!((live.granted_ttl(), live.id()), (10, lease));
    becomes(&key.follow(), &[ADDRESS]).await;
    registration.end().await;
    assert_eq!(key.pairs().await, [], "nobody finds it any more");
}

#[tokio::test]
async fn it_lives_as_long_as_it_is_kept_alive() {
    let key = Key::shared().await;
    let registration = register(&key, 2);
    let lease = registered(&key).await;
    // Three times the lease: without a renewal it would be gone.
    let end = tokio::time::Instant::now() + Duration::from_secs(6);
    while tokio::time::Instant::now() < end {
        assert_eq!(registered(&key).await, lease);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // As when the process is killed.
    drop(registration);
    until("the lease to end", async || key.pairs().await.is_empty()).await;
}

#[tokio::test]
async fn what_is_deleted_or_revoked_comes_back() {
    let key = Key::shared().await;
    let registration = register(&key, 10);
    let lease = registered(&key).await;
    for _ in 0..2 {
        key.delete(&lease.to_string()).await;
        until("the key to be back", async || !key.pairs().await.is_empty()).await;
        assert_eq!(registered(&key).await, lease, "under the same lease");
    }
    key.client.clone().lease_revoke(lease).await.expect("etcd answers");
    until("another lease", async || key.pairs().await.iter().any(|(at, _)| !at.ends_with(&format!("/{lease}")))).await;
    assert_ne!(registered(&key).await, lease);
    registration.end().await;
    assert_eq!(key.pairs().await, []);
}

#[tokio::test]
async fn it_waits_for_etcd_and_survives_its_restart() {
    let (key, mut server, _folder) = Key::own().await;
    server.kill().expect("is killed");
    let registration = register(&key, 4);
    server.restart().expect("comes back");
    let first = registered(&key).await;
    server.restart().expect("is killed and comes back");
    // Longer than a lease: what is there now was renewed or made anew after the restart.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let later = registered(&key).await;
    let live = key.client.clone().lease_time_to_live(later, None).await.expect("etcd answers");
    assert!(live.ttl() > 0, "{first} {later}");
    // A registration that can't be taken back does not hold up the end.
    server.kill().expect("is killed");
    tokio::time::timeout(Duration::from_secs(5), registration.end()).await.expect("it ends");
}
