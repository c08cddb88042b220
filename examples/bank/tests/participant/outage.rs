//! A database that is killed under the bank, and comes back.

use std::{path::Path, time::Duration};

use bank::Bank;
use reprise_test_services::{Server, ServicesError};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::client::Client;

#[rstest]
#[case(Server::start_postgres)]
#[case(Server::start_mariadb)]
#[case(Server::start_redis)]
#[tokio::test]
async fn a_killed_database_loses_nothing(#[case] start: fn(&Path) -> Result<Server, ServicesError>) {
    let folder = TempDir::new().expect("a temporary directory");
    let mut server = start(folder.path()).expect("starts");
    let client = Client::of(Bank::open(server.url()).await.expect("opens")).await;
    let done = client.call_as("a", "/transfer-out", "action", "alice", 30).await;

    server.kill().expect("is killed");
    assert_eq!(client.call_as("b", "/transfer-out", "action", "alice", 30).await.0, 500);

    server.restart().expect("comes back");
    // A caller repeats what broke; how often until the connections are new is the driver's affair.
    let again = async {
        loop {
            let answered = client.call_as("b", "/transfer-out", "action", "alice", 30).await;
            if answered.0 != 500 {
                break answered;
            }
        }
    };
    let again = timeout(Duration::from_secs(30), again).await.expect("works again");
    assert_eq!(again, (200, json!({ "account": "alice", "balance": 40 })));
    assert_eq!(client.call_as("a", "/transfer-out", "action", "alice", 30).await, done);
    assert_eq!(client.effects().await, ["a 01 action alice -30 0 x1", "b 01 action alice -30 0 x1"]);
}
