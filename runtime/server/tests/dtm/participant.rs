//! A participant that notes what it is asked for and answers as it is told, over HTTP, JSON-RPC and gRPC on one port.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::client::Protocol;

/// No test waits longer for something that must happen.
const LONGEST: Duration = Duration::from_secs(30);

/// What it answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Success,
    Failure,
    Ongoing,
    Broken,
    /// Success, after a while.
    Late(Duration),
    /// Over HTTP, as it stands.
    Http(u16, &'static str),
}

/// What it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The last part of the path, or the method of JSON-RPC.
    pub(crate) name: String,
    pub(crate) gid: String,
    pub(crate) trans_type: String,
    pub(crate) branch: String,
    pub(crate) op: String,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The message of a gRPC call, the parameters of a JSON-RPC one.
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Call {
    /// `01 action Out`
    pub(crate) fn text(&self) -> String {
        format!("{} {} {}", self.branch, self.op, self.name)
    }
}

#[derive(Default)]
struct Scripted {
    next: HashMap<String, VecDeque<Reply>>,
    always: HashMap<String, Reply>,
    calls: Vec<Call>,
}

/// A participant.
#[derive(Clone)]
pub(crate) struct Participant {
    address: String,
    scripted: Arc<Mutex<Scripted>>,
    arrived: Arc<watch::Sender<usize>>,
}

impl Participant {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let participant = Self { address, scripted: Arc::default(), arrived: Arc::new(watch::Sender::new(0)) };
        let router = Router::new().fallback(answer).with_state(participant.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        participant
    }

    /// Where `name` is called in a transaction of this protocol.
    pub(crate) fn url(&self, protocol: Protocol, name: &str) -> String {
        match protocol {
            Protocol::Http => format!("http://{}/api/{name}", self.address),
            Protocol::Grpc => format!("{}/busi.Busi/{name}", self.address),
            Protocol::JsonRpc => format!("http://{}/json-rpc?method={name}", self.address),
        }
    }

    /// The next calls of `name` are answered so, further ones with success.
    pub(crate) fn answers(&self, name: &str, replies: impl IntoIterator<Item = Reply>) {
        self.scripted().next.entry(name.to_owned()).or_default().extend(replies);
    }

    /// All calls of `name` are answered so, until something else is said.
    pub(crate) fn always(&self, name: &str, reply: Reply) {
        self.scripted().always.insert(name.to_owned(), reply);
    }

    /// What it was asked for in a transaction, oldest first.
    pub(crate) fn calls(&self, gid: &str) -> Vec<Call> {
        self.scripted().calls.iter().filter(|call| call.gid == gid).cloned().collect()
    }

    /// The same as texts.
    pub(crate) fn log(&self, gid: &str) -> Vec<String> {
        self.calls(gid).iter().map(Call::text).collect()
    }

    /// Waits until it was asked for `name` in a transaction that often.
    pub(crate) async fn asked(&self, gid: &str, name: &str, times: usize) -> Vec<Call> {
        let mut arrived = self.arrived.subscribe();
        let named = || -> Vec<Call> { self.calls(gid).into_iter().filter(|call| call.name == name).collect() };
        let come = arrived.wait_for(|_| named().len() >= times);
        let come = tokio::time::timeout(LONGEST, come).await;
        assert!(come.is_ok(), "{times} calls of {name} in {gid}: {:?}", self.log(gid));
        named()
    }

    fn scripted(&self) -> std::sync::MutexGuard<'_, Scripted> {
        self.scripted.lock().expect("no test panics within")
    }

    fn take(&self, call: Call) -> Reply {
        let mut scripted = self.scripted();
        let next = scripted.next.get_mut(&call.name).and_then(VecDeque::pop_front);
        let reply = next.or_else(|| scripted.always.get(&call.name).cloned()).unwrap_or(Reply::Success);
        scripted.calls.push(call);
        drop(scripted);
        self.arrived.send_modify(|count| *count += 1);
        reply
    }
}

async fn answer(
    State(participant): State<Participant>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let is_grpc =
        headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let request: Option<Value> =
        serde_json::from_slice(&body).ok().filter(|request: &Value| request["jsonrpc"] == "2.0");
    let params = request.as_ref().map(|request| request["params"].clone());
    let metadata = |name: &str| headers.get(format!("dtm-{name}")).and_then(|value| value.to_str().ok());
    let of = |name: &str| match (&params, is_grpc) {
        (Some(params), _) => params[name].as_str().unwrap_or_default().to_owned(),
        (None, true) => metadata(name).unwrap_or_default().to_owned(),
        (None, false) => query.get(name).cloned().unwrap_or_default(),
    };
    let name = request.as_ref().and_then(|request| request["method"].as_str().map(str::to_owned));
    let name = name.unwrap_or_else(|| uri.path().rsplit('/').next().unwrap_or_default().to_owned());
    let message = if is_grpc { body.get(5..).unwrap_or_default().to_vec() } else { body.to_vec() };
    let call = Call {
        name,
        gid: of("gid"),
        trans_type: of("trans_type"),
        branch: of("branch_id"),
        op: of("op"),
        method,
        body: params.as_ref().map_or(message, |params| params.to_string().into_bytes()),
        headers: headers.clone(),
        at: Instant::now(),
    };
    let mut reply = participant.take(call);
    if let Reply::Late(after) = reply {
        tokio::time::sleep(after).await;
        reply = Reply::Success;
    }
    match (is_grpc, request) {
        (true, _) => grpc(&reply),
        (false, Some(request)) => json_rpc(&reply, &request["id"]),
        (false, None) => http(&reply),
    }
}

fn http(reply: &Reply) -> Response<Body> {
    let (status, body) = match reply {
        Reply::Success | Reply::Late(_) => (200, r#"{"dtm_result": "SUCCESS"}"#),
        Reply::Failure => (409, r#"{"reason": "poor"}"#),
        Reply::Ongoing => (425, "{}"),
        Reply::Broken => (500, "out of order"),
        Reply::Http(status, body) => (*status, *body),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

fn json_rpc(reply: &Reply, id: &Value) -> Response<Body> {
    let error = |code: i32, message: &str| json!({ "code": code, "message": message });
    let error = match reply {
        Reply::Success | Reply::Late(_) | Reply::Http(..) => Value::Null,
        Reply::Failure => error(-32901, "poor"),
        Reply::Ongoing => error(-32902, "not yet"),
        Reply::Broken => error(-32603, "out of order"),
    };
    Response::new(Body::from(json!({ "jsonrpc": "2.0", "id": id, "result": null, "error": error }).to_string()))
}

fn grpc(reply: &Reply) -> Response<Body> {
    let (code, message) = match reply {
        Reply::Success | Reply::Late(_) | Reply::Http(..) => ("0", ""),
        Reply::Failure => ("10", "poor"),
        Reply::Ongoing => ("9", "not yet"),
        Reply::Broken => ("13", "out of order"),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().expect("a number"));
    trailers.insert("grpc-message", message.parse().expect("ASCII"));
    // An empty message, uncompressed.
    let message = Frame::data(Bytes::from_static(&[0; 5]));
    let frames = stream::iter([message, Frame::trailers(trailers)]).map(Ok::<_, std::convert::Infallible>);
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    response.headers_mut().insert(header::CONTENT_TYPE, "application/grpc".parse().expect("a type"));
    response
}

/// As JSON has bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
