//! A client of DTM in each of its protocols, by hand: what it sends is a transaction as JSON, whatever the protocol.

use reprise::dtm::pb;
use reprise::dtm::pb::dtm_client::DtmClient;
use serde_json::{Value, json};
use tonic::transport::Channel;

/// How a client speaks, and how its branches are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
    JsonRpc,
}

/// What it is answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Success,
    Failure(String),
    Ongoing(String),
    /// Anything else: status or code, and text.
    Other(i64, String),
}

impl Told {
    #[track_caller]
    pub(crate) fn succeeded(self) {
        assert_eq!(self, Self::Success);
    }

    /// Its text, if it is a failure.
    #[track_caller]
    pub(crate) fn failure(self) -> String {
        match self {
            Self::Failure(text) => text,
            other @ (Self::Success | Self::Ongoing(_) | Self::Other(..)) => panic!("no failure: {other:?}"),
        }
    }

    /// Its text, if it goes on.
    #[track_caller]
    pub(crate) fn ongoing(self) -> String {
        match self {
            Self::Ongoing(text) => text,
            other @ (Self::Success | Self::Failure(_) | Self::Other(..)) => panic!("not ongoing: {other:?}"),
        }
    }
}

/// A client.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) protocol: Protocol,
    http: reqwest::Client,
    base: String,
    pub(crate) channel: Channel,
    pub(crate) grpc: DtmClient<Channel>,
}

impl Client {
    pub(crate) fn new(protocol: Protocol, http: &str, grpc: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let channel = Channel::from_shared(format!("http://{grpc}")).expect("an address").connect_lazy();
        let http_client = reqwest::Client::builder().no_proxy().build().expect("a plain client");
        Self {
            protocol,
            http: http_client,
            base: format!("http://{http}"),
            grpc: DtmClient::new(channel.clone()),
            channel,
        }
    }

    /// `prepare`, `submit` or `abort`.
    pub(crate) async fn say(&self, method: &str, trans: &Value) -> Told {
        match self.protocol {
            Protocol::Http => told(self.post(&format!("/api/dtmsvr/{method}"), trans).await),
            Protocol::JsonRpc => {
                let mut trans = trans.clone();
                trans["protocol"] = "json-rpc".into();
                self.json_rpc(method, &trans).await
            }
            Protocol::Grpc => {
                let mut client = self.grpc.clone();
                let request = request(trans);
                let done = match method {
                    "prepare" => client.prepare(request).await,
                    "submit" => client.submit(request).await,
                    "abort" => client.abort(request).await,
                    other => panic!("{other} is none of these"),
                };
                of_grpc(done.map(drop))
            }
        }
    }

    pub(crate) async fn prepare(&self, trans: &Value) -> Told {
        self.say("prepare", trans).await
    }

    pub(crate) async fn submit(&self, trans: &Value) -> Told {
        self.say("submit", trans).await
    }

    pub(crate) async fn abort(&self, trans: &Value) -> Told {
        self.say("abort", trans).await
    }

    /// Registers a branch: a flat object of texts.
    pub(crate) async fn register(&self, branch: &Value) -> Told {
        match self.protocol {
            Protocol::Http => told(self.post("/api/dtmsvr/registerBranch", branch).await),
            Protocol::JsonRpc => self.json_rpc("registerBranch", branch).await,
            Protocol::Grpc => {
                let text = |name: &str| branch[name].as_str().unwrap_or_default().to_owned();
                let known = ["gid", "trans_type", "branch_id", "data"];
                let data = branch.as_object().expect("an object").iter();
                let data = data.filter(|(name, _)| !known.contains(&name.as_str()));
                let request = pb::DtmBranchRequest {
                    gid: text("gid"),
                    trans_type: text("trans_type"),
                    branch_id: text("branch_id"),
                    op: String::new(),
                    data: data
                        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                        .collect(),
                    busi_payload: text("data").into_bytes(),
                };
                of_grpc(self.grpc.clone().register_branch(request).await.map(drop))
            }
        }
    }

    /// How far a workflow is: `transaction` and `progresses`, with `bin_data` in base64.
    pub(crate) async fn prepare_workflow(&self, trans: &Value) -> Result<Value, Told> {
        if self.protocol == Protocol::Grpc {
            let reply =
                self.grpc.clone().prepare_workflow(request(trans)).await.map_err(|status| of_grpc(Err(status)))?;
            let pb::DtmProgressesReply { transaction, progresses } = reply.into_inner();
            let transaction = transaction.expect("always there");
            let progresses: Vec<Value> = progresses
                .iter()
                .map(|progress| {
                    json!({ "branch_id": progress.branch_id, "op": progress.op, "status": progress.status,
                        "bin_data": crate::participant::base64(&progress.bin_data) })
                })
                .collect();
            return Ok(json!({ "transaction": { "gid": transaction.gid, "status": transaction.status,
                "rollback_reason": transaction.rollback_reason, "result": transaction.result },
                "progresses": progresses }));
        }
        match self.post("/api/dtmsvr/prepareWorkflow", trans).await {
            (200, text) => Ok(serde_json::from_str(&text).expect("JSON")),
            other => Err(told(other)),
        }
    }

    /// A GET under `/api/dtmsvr`.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.http.get(format!("{}/api/dtmsvr{path}", self.base)).send().await.expect("an answer");
        let (status, text) = (response.status().as_u16(), response.text().await.expect("text"));
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// A POST; status and text.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.request("POST", path, body.to_string()).await
    }

    /// Any request; status and text.
    pub(crate) async fn request(&self, method: &str, path: &str, body: String) -> (u16, String) {
        let method = method.parse().expect("a method");
        let response = self.http.request(method, format!("{}{path}", self.base)).body(body).send().await;
        let response = response.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }

    async fn json_rpc(&self, method: &str, params: &Value) -> Told {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": "1" });
        let (status, text) = self.post("/api/json-rpc", &body).await;
        let reply: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status, &reply["jsonrpc"], &reply["id"]), (200, &json!("2.0"), &json!("1")), "{text}");
        let message = reply["error"]["message"].as_str().unwrap_or_default().to_owned();
        match reply["error"]["code"].as_i64() {
            None => Told::Success,
            Some(-32901) => Told::Failure(message),
            Some(-32902) => Told::Ongoing(message),
            Some(code) => Told::Other(code, message),
        }
    }
}

fn told((status, text): (u16, String)) -> Told {
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = body["message"].as_str().map_or_else(|| text.clone(), str::to_owned);
    match (status, body["dtm_result"].as_str()) {
        (200, Some("SUCCESS")) => Told::Success,
        (409, Some("FAILURE")) => Told::Failure(message),
        (425, Some("ONGOING")) => Told::Ongoing(message),
        (status, _) => Told::Other(status.into(), message),
    }
}

fn of_grpc(done: Result<(), tonic::Status>) -> Told {
    match done {
        Ok(()) => Told::Success,
        Err(status) if status.code() == tonic::Code::Aborted => Told::Failure(status.message().to_owned()),
        Err(status) if status.code() == tonic::Code::FailedPrecondition => Told::Ongoing(status.message().to_owned()),
        Err(status) => Told::Other(i32::from(status.code()).into(), status.message().to_owned()),
    }
}

/// As DTM's gRPC clients send it.
pub(crate) fn request(trans: &Value) -> pb::DtmRequest {
    let text = |name: &str| trans[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| trans[name].as_i64().unwrap_or_default();
    let texts = |name: &str| {
        let members = trans[name].as_object().into_iter().flatten();
        members.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
    };
    let payloads = trans["payloads"].as_array().into_iter().flatten();
    pb::DtmRequest {
        gid: text("gid"),
        trans_type: text("trans_type"),
        trans_options: Some(pb::DtmTransOptions {
            wait_result: trans["wait_result"] == true,
            timeout_to_fail: number("timeout_to_fail"),
            retry_interval: number("retry_interval"),
            branch_headers: texts("branch_headers"),
            request_timeout: number("request_timeout"),
            retry_limit: number("retry_limit"),
        }),
        customed_data: text("custom_data"),
        bin_payloads: payloads.map(|payload| payload.as_str().unwrap_or_default().as_bytes().to_vec()).collect(),
        query_prepared: text("query_prepared"),
        steps: trans.get("steps").map(Value::to_string).unwrap_or_default(),
        req_extra: texts("req_extra"),
        rollback_reason: text("rollback_reason"),
    }
}
