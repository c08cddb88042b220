//! A server with DTM's face in the test's process, a participant, and a client of each protocol.

use std::time::Duration;

use reprise::config::{Config, DtmConfig, Limits, StoreKind};
use reprise::serve::Server;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client::{Client, Protocol};
use crate::participant::Participant;

/// No test waits longer for something that must happen.
const LONGEST: Duration = Duration::from_secs(30);
/// Bytes of a request.
pub(crate) const INPUT_BYTES_MAX: usize = 20_000;

/// Everything of one test.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) participant: Participant,
    /// Ends the server when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Stage {
    pub(crate) async fn open(protocol: Protocol) -> Self {
        Self::with(protocol, |_| {}).await
    }

    /// With other settings than the usual ones.
    pub(crate) async fn with(protocol: Protocol, change: impl FnOnce(&mut Config)) -> Self {
        let any = || "127.0.0.1:0".to_owned();
        let limits = Limits { instances: 8, memory_bytes: 64 << 20, input_bytes: INPUT_BYTES_MAX, ..Limits::default() };
        let dtm = DtmConfig { enabled: true, listen: any(), grpc_listen: any(), ..DtmConfig::default() };
        let mut config = Config { listen: any(), store: StoreKind::Memory, limits, dtm, ..Config::default() };
        change(&mut config);
        let server = Server::start(&config).await.expect("it starts");
        let addresses = server.dtm_addresses().expect("it is on");
        let (stop, stopped) = oneshot::channel::<()>();
        let run = server.run(async { drop(stopped.await) });
        tokio::spawn(async { run.await.expect("it ends well") });
        let client = Client::new(protocol, &addresses.http.to_string(), &addresses.grpc.to_string());
        Self { client, participant: Participant::start().await, _stop: stop }
    }

    /// Where a participant is called.
    pub(crate) fn url(&self, name: &str) -> String {
        self.participant.url(self.client.protocol, name)
    }

    /// A saga of steps, each an action and what compensates it; an empty name is no URL.
    pub(crate) fn saga(&self, gid: &str, steps: &[(&str, &str)]) -> Value {
        let url = |name: &str| if name.is_empty() { String::new() } else { self.url(name) };
        let written: Vec<Value> = steps
            .iter()
            .map(|(action, compensate)| json!({ "action": url(action), "compensate": url(compensate) }))
            .collect();
        let payloads: Vec<String> = (1..=steps.len()).map(|step| json!({ "step": step }).to_string()).collect();
        json!({ "gid": gid, "trans_type": "saga", "steps": written, "payloads": payloads })
    }

    /// A message to these.
    pub(crate) fn message(&self, gid: &str, names: &[&str]) -> Value {
        let steps: Vec<Value> = names.iter().map(|name| json!({ "action": self.url(name) })).collect();
        let payloads: Vec<String> = (1..=names.len()).map(|step| json!({ "step": step }).to_string()).collect();
        json!({ "gid": gid, "trans_type": "msg", "steps": steps, "payloads": payloads,
            "query_prepared": self.url("QueryPrepared") })
    }

    /// A TCC or XA transaction, or the end of one.
    pub(crate) fn steered(gid: &str, kind: &str) -> Value {
        json!({ "gid": gid, "trans_type": kind })
    }

    /// A branch of a TCC transaction.
    pub(crate) fn tcc_branch(&self, gid: &str, branch: &str, name: &str) -> Value {
        json!({ "gid": gid, "trans_type": "tcc", "branch_id": branch, "data": r#"{"amount": 30}"#,
            "confirm": self.url(&format!("{name}Confirm")), "cancel": self.url(&format!("{name}Cancel")) })
    }

    /// What DTM shows of a transaction.
    pub(crate) async fn query(&self, gid: &str) -> Value {
        let (status, answer) = self.client.get(&format!("/query?gid={gid}")).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Waits until a transaction has this status; what DTM shows then.
    pub(crate) async fn becomes(&self, gid: &str, status: &str) -> Value {
        let deadline = Instant::now() + LONGEST;
        loop {
            let shown = self.query(gid).await;
            if shown["transaction"]["status"] == status {
                return shown;
            }
            assert!(Instant::now() < deadline, "{gid} does not become {status}: {shown}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a transaction is closed this way, and checks what was called: `01 action Out` and so on.
    pub(crate) async fn ends(&self, gid: &str, status: &str, calls: &[&str]) -> Value {
        let shown = self.becomes(gid, status).await;
        assert_eq!(self.participant.log(gid), calls);
        shown
    }

    /// Its branches as DTM shows them: `01 action succeed`.
    pub(crate) fn branches(shown: &Value) -> Vec<String> {
        let text = |branch: &Value, name: &str| branch[name].as_str().unwrap_or_default().to_owned();
        let branches = shown["branches"].as_array().expect("always a list").iter();
        branches.map(|b| format!("{} {} {}", text(b, "branch_id"), text(b, "op"), text(b, "status"))).collect()
    }
}
