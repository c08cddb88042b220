//! The gRPC face over a local port.

use bank::{
    Listeners, Protocol,
    pb::{Balance, Transfer, bank_client::BankClient},
    serve,
};
use rstest::rstest;
use tokio::sync::oneshot;
use tonic::{Code, Request, transport::Channel};

use crate::client::Client;

/// A served bank; it stops when this is dropped.
struct Served {
    client: Client,
    grpc: BankClient<Channel>,
    _stop: oneshot::Sender<()>,
}

async fn served() -> Served {
    let client = Client::open().await;
    let listeners = Listeners::bind("127.0.0.1:0", "127.0.0.1:0").await.expect("binds");
    let address = listeners.grpc_address().expect("has one");
    let (stop, stopped) = oneshot::channel();
    let bank = client.bank.clone();
    tokio::spawn(async move {
        serve(bank, listeners, async {
            let _ = stopped.await;
        })
        .await
        .expect("serves");
    });
    let grpc = BankClient::connect(format!("http://{address}")).await.expect("connects");
    Served { client, grpc, _stop: stop }
}

fn request(op: &str, account: &str, amount: i64) -> Request<Transfer> {
    let mut request = Request::new(Transfer { account: account.to_owned(), amount });
    for (name, value) in [("dtm-gid", "g"), ("dtm-trans_type", "workflow"), ("dtm-branch_id", "01"), ("dtm-op", op)] {
        request.metadata_mut().insert(name, value.parse().expect("plain text"));
    }
    request
}

fn balance(account: &str, balance: i64) -> Balance {
    Balance { account: account.to_owned(), balance }
}

#[tokio::test]
async fn moves_and_reverts_once() {
    let Served { client, mut grpc, _stop } = served().await;
    for _ in 0..2 {
        let reply = grpc.transfer_out(request("action", "alice", 30)).await.expect("moves");
        assert_eq!(reply.into_inner(), balance("alice", 70));
    }
    for _ in 0..2 {
        let reply = grpc.transfer_out_revert(request("rollback", "alice", 30)).await.expect("reverts");
        assert_eq!(reply.into_inner(), balance("alice", 100));
    }
    assert_eq!(client.answers(), ["done", "repeat", "done", "repeat"]);
    assert_eq!(client.effects().await, ["g 01 action alice -30 0 x1", "g 01 rollback alice 30 0 x1"]);

    let log = client.bank.requests();
    assert_eq!((log[0].protocol, log[0].path.as_str()), (Protocol::Grpc, "/bank.v1.Bank/TransferOut"));
    assert_eq!((log[0].status, log[0].op.as_deref(), log[0].amount), (0, Some("action"), Some(30)));
}

#[tokio::test]
async fn an_empty_revert_keeps_the_late_action_out() {
    let Served { client, mut grpc, _stop } = served().await;
    let reply = grpc.transfer_in_revert(request("rollback", "bob", 30)).await.expect("nothing to do");
    assert_eq!(reply.into_inner(), balance("bob", 0));
    let status = grpc.transfer_in(request("action", "bob", 30)).await.expect_err("too late");
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(client.answers(), ["empty", "late"]);
    assert_eq!(client.money("bob").await, (0, 0));
}

#[tokio::test]
async fn says_what_is_wrong() {
    let Served { client, mut grpc, _stop } = served().await;
    let no_branch = Request::new(Transfer { account: "alice".to_owned(), amount: 1 });
    let status = grpc.transfer_out(no_branch).await.expect_err("no branch");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("dtm-trans_type"), "{status}");
    let status = grpc.transfer_out(request("action", "alice", 0)).await.expect_err("no amount");
    assert_eq!(status.code(), Code::InvalidArgument);
    let status = grpc.transfer_out(request("action", "alice", 101)).await.expect_err("too little");
    assert_eq!((status.code(), status.message()), (Code::Aborted, "`alice` has too little money"));
    assert_eq!(client.answers(), ["invalid", "invalid", "refused"]);
}

#[rstest]
#[case("fail", Code::Aborted, 0)]
#[case("ongoing", Code::FailedPrecondition, 0)]
#[case("error", Code::Internal, 0)]
#[case("drop-reply", Code::Unavailable, 30)]
#[tokio::test]
async fn plays_faults(#[case] kind: &str, #[case] code: Code, #[case] effect: i64) {
    let Served { client, mut grpc, _stop } = served().await;
    let fault = serde_json::json!({ "path": "/bank.v1.Bank/TransferIn", "kind": kind, "times": 1 });
    client.fault(&fault.to_string()).await;
    let status = grpc.transfer_in(request("action", "bob", 30)).await.expect_err("a fault");
    assert_eq!(status.code(), code);
    assert_eq!(client.bank.requests()[0].status, code as u16);
    assert_eq!(client.money("bob").await, (effect, 0));
    let reply = grpc.transfer_in(request("action", "bob", 30)).await.expect("moves");
    assert_eq!(reply.into_inner(), balance("bob", 30));
}
