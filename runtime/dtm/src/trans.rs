//! A transaction as DTM's clients send it.

use std::collections::BTreeMap;

use reprise_engine::TransType;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// `steps`: per step a map from what it is (`action`, `compensate`) to a URL.
pub type Steps = Vec<BTreeMap<String, String>>;

/// The body of `prepare`, `submit`, `abort` and `prepareWorkflow`. Unknown members are passed over and `null` is as good
/// as nothing, since clients send both.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Trans {
    /// The global transaction id.
    #[serde(deserialize_with = "or_default")]
    pub gid: String,
    /// `saga`, `msg`, `tcc`, `xa` or `workflow`.
    #[serde(deserialize_with = "or_default")]
    pub trans_type: String,
    /// What is to be called.
    #[serde(deserialize_with = "or_default")]
    pub steps: Steps,
    /// One body per step.
    #[serde(deserialize_with = "or_default")]
    pub payloads: Vec<Payload>,
    /// Whom to ask about a prepared message; whom to call about an unfinished workflow.
    #[serde(deserialize_with = "or_default")]
    pub query_prepared: String,
    /// ``, `http`, `grpc` or `json-rpc`.
    #[serde(deserialize_with = "or_default")]
    pub protocol: String,
    /// JSON: order of a saga's steps, delay of a message, name and input of a workflow.
    #[serde(deserialize_with = "or_default")]
    pub custom_data: String,
    /// The end of a workflow: `status`, `rollback_reason`, `result`.
    #[serde(deserialize_with = "or_default")]
    pub req_extra: BTreeMap<String, String>,
    /// Why it is aborted.
    #[serde(deserialize_with = "or_default")]
    pub rollback_reason: String,
    /// How it is run.
    #[serde(flatten)]
    pub options: Options,
}

/// How a transaction is run. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Whether the answer waits for the end.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub wait_result: bool,
    /// After this it is rolled back; of a prepared message: its sender is asked.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub timeout_to_fail: u64,
    /// Longest time of one attempt.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub request_timeout: u64,
    /// Pause after the first attempt.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub retry_interval: u64,
    /// Attempts of an action beside the first, after which a saga is rolled back.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub retry_limit: u32,
    /// Sent with every call of a branch.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub branch_headers: BTreeMap<String, String>,
    /// Whether branches run at once.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub concurrent: bool,
}

/// The body of a call: text over HTTP, bytes over gRPC.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Payload(pub Vec<u8>);

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A client that gives an object instead of its text means the object.
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                other.to_string().into_bytes()
            }
        }))
    }
}

impl Trans {
    /// Its kind, if it is one.
    #[must_use]
    pub fn kind(&self) -> Option<TransType> {
        [TransType::Saga, TransType::Msg, TransType::Tcc, TransType::Xa, TransType::Workflow]
            .into_iter()
            .find(|kind| kind.name() == self.trans_type)
    }
}

fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_read() {
        // As the Python client writes a message: nulls, and a member that the server does not know.
        let text = r#"{"gid": "g", "trans_type": "msg", "custom_data": null, "query_prepared": null, "protocol": null,
            "steps": [{"action": "http://a/x"}], "payloads": ["{\"amount\": 30}"], "passthrough_headers": [],
            "wait_result": true, "branch_headers": null, "retry_limit": 3}"#;
        let trans: Trans = serde_json::from_str(text).expect("it can be read");
        assert_eq!(trans.kind(), Some(TransType::Msg));
        assert_eq!(trans.payloads, [Payload(br#"{"amount": 30}"#.to_vec())]);
        assert!(trans.options.wait_result && trans.options.retry_limit == 3);
        assert_eq!(trans.custom_data, "");
    }
}
