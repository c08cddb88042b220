//! A bank in any of its databases with alice = 100 and bob = 0, and what a test asks it over HTTP, in process.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode},
};
use bank::{Account, Bank, router};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Books {
    Sqlite,
    Postgres,
    MariaDb,
    Redis,
}

impl Books {
    /// The URL of an empty database; a file is in `directory`.
    pub(crate) async fn url(self, directory: &TempDir) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", directory.path().join("bank.db").display()),
            Self::Postgres => reprise_test_services::postgres().await,
            Self::MariaDb => reprise_test_services::mariadb().await,
            Self::Redis => reprise_test_services::redis().await,
        }
    }
}

/// A bank, its router, and the directory that goes when they do.
pub(crate) struct Client {
    pub(crate) bank: Bank,
    router: Router,
    _directory: Option<TempDir>,
}

impl Client {
    /// A bank in a file, where it does not matter which database it is.
    pub(crate) async fn open() -> Self {
        Self::open_in(Books::Sqlite).await
    }

    /// A bank in a fresh database.
    pub(crate) async fn open_in(books: Books) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let bank = Bank::open(&books.url(&directory).await).await.expect("opens");
        Self { _directory: Some(directory), ..Self::of(bank).await }
    }

    /// The client of an empty bank.
    pub(crate) async fn of(bank: Bank) -> Self {
        bank.put_account("alice", 100).await.expect("creates");
        bank.put_account("bob", 0).await.expect("creates");
        Self { router: router(bank.clone()), bank, _directory: None }
    }

    /// Any request, its status and its JSON body, or its text as a JSON string.
    pub(crate) async fn send(&self, method: Method, uri: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/json")
            .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }

    /// One operation of branch `01` of the transaction `g`.
    pub(crate) async fn call(&self, path: &str, op: &str, account: &str, amount: i64) -> (u16, Value) {
        self.call_as("g", path, op, account, amount).await
    }

    /// One operation of branch `01` of the transaction `gid`.
    pub(crate) async fn call_as(&self, gid: &str, path: &str, op: &str, account: &str, amount: i64) -> (u16, Value) {
        let uri = format!("{path}?gid={gid}&trans_type=workflow&branch_id=01&op={op}");
        let body = serde_json::json!({ "account": account, "amount": amount }).to_string();
        let (status, body) = self.send(Method::POST, &uri, &body).await;
        (status.as_u16(), body)
    }

    /// Plays a fault.
    pub(crate) async fn fault(&self, fault: &str) {
        let (status, body) = self.send(Method::POST, "/faults", fault).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    }

    /// Balance and frozen money of an account.
    pub(crate) async fn money(&self, name: &str) -> (i64, i64) {
        let accounts = self.bank.accounts().await.expect("reads");
        let Account { balance, frozen, .. } =
            accounts.into_iter().find(|account| account.account == name).expect("an account by that name");
        (balance, frozen)
    }

    /// The answers in the request log.
    pub(crate) fn answers(&self) -> Vec<String> {
        self.bank.requests().into_iter().map(|entry| entry.answer).collect()
    }

    /// Each effect as `gid branch op account delta_balance delta_frozen xcount`.
    pub(crate) async fn effects(&self) -> Vec<String> {
        let effects = self.bank.effects(None).await.expect("reads");
        effects
            .into_iter()
            .map(|e| {
                let of = format!("{} {} {} {}", e.gid, e.branch_id, e.op, e.account);
                format!("{of} {} {} x{}", e.delta_balance, e.delta_frozen, e.count)
            })
            .collect()
    }
}
