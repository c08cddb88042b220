//! JSON-RPC 2.0 on the HTTP port: the calls of DTM's clients in that protocol.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reprise_dtm::{Protocol, Trans};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Dtm;
use super::http::{Bytes, branch};
use super::refusal::Refusal;

/// How a transaction's calls are made that does not say it.
const PROTOCOL: &str = "json-rpc";

/// All four members are always there.
#[derive(Serialize)]
struct Reply {
    jsonrpc: &'static str,
    id: Value,
    result: Value,
    error: Option<ErrorJson>,
}

#[derive(Serialize)]
struct ErrorJson {
    code: i32,
    message: String,
}

/// What is called.
enum Call {
    NewGid,
    Prepare(Trans),
    Submit(Trans),
    Abort(Trans),
    RegisterBranch(Value),
}

/// `POST /api/json-rpc`
pub(super) async fn call(State(dtm): State<Dtm>, Bytes(bytes): Bytes) -> Response {
    let request: Value = match serde_json::from_slice(&bytes) {
        Ok(request) => request,
        Err(error) => {
            let reply =
                Reply::new(Value::Null, Err(ErrorJson { code: -32700, message: format!("Parse error: {error}") }));
            return (StatusCode::BAD_REQUEST, Json(reply)).into_response();
        }
    };
    let id = request["id"].clone();
    let done = match read(&request) {
        Ok(call) => dtm.perform(call).await.map_err(|refusal| ErrorJson::of(&refusal)),
        Err(error) => Err(error),
    };
    Json(Reply::new(id, done)).into_response()
}

impl Dtm {
    async fn perform(&self, call: Call) -> Result<Value, Refusal> {
        match call {
            Call::NewGid => return Ok(json!({ "gid": super::new_gid() })),
            Call::Prepare(trans) => self.prepare(&trans).await?,
            Call::Submit(trans) => self.submit(&trans).await?,
            Call::Abort(trans) => self.abort(&trans).await?,
            Call::RegisterBranch(fields) => {
                let fields = serde_json::from_value(fields).map_err(|error| Refusal::Invalid(error.to_string()))?;
                self.register(&branch(fields, Protocol::JsonRpc)).await?;
            }
        }
        Ok(Value::Null)
    }
}

/// What a request calls, or what is wrong with it.
fn read(request: &Value) -> Result<Call, ErrorJson> {
    let has_id = match &request["id"] {
        Value::String(id) => !id.is_empty(),
        Value::Number(_) => true,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    };
    if request["jsonrpc"] != "2.0" || !has_id {
        let message = "Invalid Request: write \"jsonrpc\": \"2.0\" and an \"id\"".into();
        return Err(ErrorJson { code: -32600, message });
    }
    let params = &request["params"];
    let trans = || {
        let mut trans: Trans = parsed(params)?;
        if trans.protocol.is_empty() {
            trans.protocol = PROTOCOL.into();
        }
        Ok(trans)
    };
    match request["method"].as_str().unwrap_or_default() {
        "newGid" => Ok(Call::NewGid),
        "prepare" => Ok(Call::Prepare(trans()?)),
        "submit" => Ok(Call::Submit(trans()?)),
        "abort" => Ok(Call::Abort(trans()?)),
        "registerBranch" => Ok(Call::RegisterBranch(params.clone())),
        _ => {
            let message = "Method not found; there are newGid, prepare, submit, abort and registerBranch".into();
            Err(ErrorJson { code: -32601, message })
        }
    }
}

fn parsed<T: DeserializeOwned>(params: &Value) -> Result<T, ErrorJson> {
    T::deserialize(params).map_err(|error| ErrorJson { code: -32602, message: format!("Invalid params: {error}") })
}

impl Reply {
    fn new(id: Value, done: Result<Value, ErrorJson>) -> Self {
        let (result, error) = match done {
            Ok(result) => (result, None),
            Err(error) => (Value::Null, Some(error)),
        };
        Self { jsonrpc: "2.0", id, result, error }
    }
}

impl ErrorJson {
    fn of(refusal: &Refusal) -> Self {
        let code = match refusal {
            Refusal::Failure(_) => -32901,
            Refusal::Ongoing(_) => -32902,
            Refusal::Invalid(_) => -32602,
            Refusal::TooLarge(_) | Refusal::Unknown(_) | Refusal::Unavailable(_) | Refusal::Internal(_) => -32603,
        };
        Self { code, message: refusal.message().to_owned() }
    }
}
