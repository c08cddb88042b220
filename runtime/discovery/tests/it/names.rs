//! What is below a key is followed, whatever happens to etcd.

use reprise_discovery::{Discovery, DiscoveryConfig, EtcdConfig};

use crate::key::{Key, becomes, until};

#[tokio::test]
async fn all_that_is_below_the_key_is_found_and_nothing_else() {
    let key = Key::shared().await;
    let following = key.follow();
    assert_eq!(following.addresses().await.expect("known").len(), 0, "nobody is there");
    key.put("7587869381726430", "10.0.0.1:8080").await;
    key.put("fixed", "10.0.0.2:8080").await;
    key.put_at(&format!("{}2/1", key.key), "10.9.9.9:1", 0).await;
    key.put_at(&key.key, "10.9.9.9:2", 0).await;
    key.put("bad", "no address").await;
    becomes(&following, &["10.0.0.1:8080", "10.0.0.2:8080"]).await;
    becomes(&key.follow(), &["10.0.0.1:8080", "10.0.0.2:8080"]).await;
}

#[tokio::test]
async fn changes_are_followed() {
    let key = Key::shared().await;
    let following = key.follow();
    key.put("1", "a:1").await;
    key.put("2", "a:1").await;
    becomes(&following, &["a:1"]).await;
    key.put("3", "b:1").await;
    becomes(&following, &["a:1", "b:1"]).await;
    key.delete("1").await;
    key.put("3", "c:1").await;
    becomes(&following, &["a:1", "c:1"]).await;
    key.delete("2").await;
    becomes(&following, &["c:1"]).await;
    key.put("3", "broken").await;
    becomes(&following, &[]).await;
}

#[tokio::test]
async fn an_address_goes_with_its_lease() {
    let key = Key::shared().await;
    let lease = key.client.clone().lease_grant(2, None).await.expect("etcd answers").id();
    key.put_at(&format!("{}/{lease}", key.key), "a:1", lease).await;
    key.put("stays", "b:1").await;
    let following = key.follow();
    becomes(&following, &["a:1", "b:1"]).await;
    becomes(&following, &["b:1"]).await;
}

#[tokio::test]
async fn every_form_of_go_zero_finds_the_same() {
    let key = Key::shared().await;
    key.put("1", "a:1").await;
    let (host, name) = key.target.trim_start_matches("etcd://").split_once('/').expect("host and key");
    let discovery = Discovery::new(&DiscoveryConfig::default()).expect("valid");
    for target in [
        format!("discov://{host}/{name}"),
        format!("etcd://{host},{host}/{name}"),
        format!("etcd:///{host}?key={name}"),
    ] {
        becomes(&discovery.follow(&target.parse().expect("a target")), &["a:1"]).await;
    }
}

#[tokio::test]
async fn what_was_known_stays_while_etcd_is_away() {
    let (key, mut server, _folder) = Key::own().await;
    let following = key.follow();
    key.put("1", "a:1").await;
    key.put("2", "b:1").await;
    becomes(&following, &["a:1", "b:1"]).await;
    server.kill().expect("is killed");
    becomes(&following, &["a:1", "b:1"]).await;
    server.restart().expect("comes back");
    until("the test's own connection", async || key.client.clone().get("x", None).await.is_ok()).await;
    key.delete("1").await;
    key.put("3", "c:1").await;
    // What happened meanwhile is not to be had from a watch any more.
    let now = key.client.clone().get("x", None).await.expect("etcd answers");
    let revision = now.header().expect("there").revision();
    key.client.clone().compact(revision, None).await.expect("etcd answers");
    becomes(&following, &["b:1", "c:1"]).await;
    key.put("4", "d:1").await;
    becomes(&following, &["b:1", "c:1", "d:1"]).await;
}

#[tokio::test]
async fn an_etcd_that_is_not_there_is_named_and_found_later() {
    let (key, mut server, _folder) = Key::own().await;
    key.put("1", "a:1").await;
    server.kill().expect("is killed");
    let following = key.follow();
    let error = following.addresses().await.expect_err("nobody answers").to_string();
    let host = key.target.trim_start_matches("etcd://").split('/').next().expect("a host").to_owned();
    assert!(error.contains(&host) && error.contains("refused"), "{error}");
    server.restart().expect("comes back");
    becomes(&following, &["a:1"]).await;
}

#[tokio::test]
async fn a_user_is_let_in() {
    let (key, _server, _folder) = Key::own().await;
    key.put("1", "a:1").await;
    let mut admin = key.client.clone();
    admin.user_add("root", "s3cret", None).await.expect("etcd answers");
    admin.role_add("root").await.expect("etcd answers");
    admin.user_grant_role("root", "root").await.expect("etcd answers");
    admin.auth_enable().await.expect("etcd answers");
    let error = key.follow().addresses().await.expect_err("nobody is let in").to_string();
    assert!(error.contains("[discovery.etcd.NAME]"), "{error}");
    let host = key.target.trim_start_matches("etcd://").split('/').next().expect("a host").to_owned();
    let follow = |password: &str| {
        let etcd = EtcdConfig { endpoints: vec![host.clone()], user: "root".into(), password: password.into() };
        let config = DiscoveryConfig { etcd: [("main".to_owned(), etcd)].into(), register: None };
        Discovery::new(&config).expect("valid").follow(&key.target.parse().expect("a target"))
    };
    becomes(&follow("s3cret"), &["a:1"]).await;
    let error = follow("wr0ng").addresses().await.expect_err("not let in").to_string();
    assert!(error.contains("authentication failed") && !error.contains("wr0ng"), "{error}");
}

#[tokio::test]
async fn lists_and_dns_names_need_no_etcd() {
    let discovery = Discovery::new(&DiscoveryConfig::default()).expect("valid");
    let follow = |target: &str| discovery.follow(&target.parse().expect("a target"));
    becomes(&follow("direct:///b:1,a:1,b:1"), &["a:1", "b:1"]).await;
    let local = follow("dns:///localhost:8080");
    let known = local.addresses().await.expect("every machine knows itself");
    assert!(known.iter().any(|address| address.as_str() == "127.0.0.1:8080"), "{known:?}");
    assert!(known.iter().all(|address| address.authority() == Some("localhost:8080")), "{known:?}");
    let nobody = follow("dns:///no-such-host.invalid:1");
    until("DNS to say no", async || {
        nobody.addresses().await.is_err_and(|error| error.to_string().contains("`no-such-host.invalid`"))
    })
    .await;
}
