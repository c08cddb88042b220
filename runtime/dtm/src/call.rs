//! A call of a branch: a URL and a payload, by the rules of the transaction's protocol.

use reprise_engine::{AnswerMatch, BranchOptions, DtmIdentity, Op, Operation, Outcome, OutcomeMap, TransType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How the branches of a transaction are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP.
    #[default]
    Http,
    /// gRPC where the URL does not start with `http`.
    Grpc,
    /// JSON-RPC 2.0 where the URL names a method, HTTP otherwise.
    JsonRpc,
}

impl Protocol {
    /// The protocol of this name; none if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "" | "http" => Some(Self::Http),
            "grpc" => Some(Self::Grpc),
            "json-rpc" => Some(Self::JsonRpc),
            _ => None,
        }
    }
}

/// Whose call it is.
#[derive(Debug, Clone, Copy)]
pub struct BranchCall<'a> {
    /// The transaction.
    pub gid: &'a str,
    /// Its kind.
    pub trans_type: TransType,
    /// The branch.
    pub branch_id: &'a str,
    /// Which part of it.
    pub op: Op,
}

impl BranchCall<'_> {
    /// What to send to `url`. Errors are for people.
    ///
    /// # Errors
    /// The URL can't be called.
    pub fn operation(&self, protocol: Protocol, url: &str, payload: &[u8]) -> Result<Operation, String> {
        let is_http = is_http(url);
        if is_http {
            no_user_info(url)?;
        }
        match protocol {
            Protocol::Http if !is_http => Err(format!("{url:?} is no URL; write http(s)://host:port/path")),
            Protocol::Grpc if !is_http => grpc(url, payload),
            Protocol::JsonRpc if is_json_rpc(url) => self.json_rpc(url, payload),
            Protocol::JsonRpc if !is_http => Err(format!("{url:?} is no URL; write http(s)://host:port/path")),
            Protocol::Http | Protocol::Grpc | Protocol::JsonRpc => {
                // As DTM does: who has nothing to say asks.
                let posts = !payload.is_empty() || self.trans_type == TransType::Xa;
                let method = if posts { "POST" } else { "GET" };
                Ok(Operation::Http { method: method.into(), target: url.to_owned(), body: payload.to_vec() })
            }
        }
    }

    fn json_rpc(&self, url: &str, payload: &[u8]) -> Result<Operation, String> {
        let parsed = url::Url::parse(url).map_err(|error| format!("{url:?} is no URL: {error}"))?;
        let method = parsed.query_pairs().find(|(name, _)| name == "method").map(|(_, value)| value.into_owned());
        let method = method.ok_or_else(|| format!("{url:?} names no method; write ?method=NAME"))?;
        let mut params = match payload {
            [] => Map::new(),
            _ => serde_json::from_slice(payload)
                .map_err(|error| format!("the payload for {url:?} is no JSON object, as JSON-RPC needs it: {error}"))?,
        };
        let op = self.trans_type.op_name(self.op);
        for (name, value) in
            [("gid", self.gid), ("trans_type", self.trans_type.name()), ("branch_id", self.branch_id), ("op", op)]
        {
            params.insert(name.to_owned(), value.into());
        }
        let id = format!("{}-{}-{op}", self.gid, self.branch_id);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        Ok(Operation::Http { method: "POST".into(), target: url.to_owned(), body: body.to_string().into_bytes() })
    }

    /// What a participant is told, and how its answers are read, called at `url`.
    #[must_use]
    pub fn options(&self, protocol: Protocol, url: &str) -> BranchOptions {
        let dtm = DtmIdentity { trans_type: self.trans_type, branch_id: Some(self.branch_id.to_owned()), op: None };
        let outcome_map = match protocol {
            Protocol::JsonRpc if is_json_rpc(url) => json_rpc_answers(),
            Protocol::Http | Protocol::Grpc | Protocol::JsonRpc => OutcomeMap::default(),
        };
        BranchOptions { dtm: Some(dtm), outcome_map, ..BranchOptions::default() }
    }
}

/// `host:port/package.Service/Method`, or a scheme of service discovery before it.
fn grpc(url: &str, payload: &[u8]) -> Result<Operation, String> {
    let wrong = || format!("{url:?} is no gRPC method; write host:port/package.Service/Method");
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (rest, method) = rest.rsplit_once('/').ok_or_else(wrong)?;
    let (target, service) = rest.rsplit_once('/').ok_or_else(wrong)?;
    if target.is_empty() || service.is_empty() || method.is_empty() {
        return Err(wrong());
    }
    let scheme = if scheme.is_empty() { "http" } else { scheme };
    let target = format!("{scheme}://{target}");
    Ok(Operation::Grpc { target, method: format!("{service}/{method}"), message: payload.to_vec() })
}

/// Whether a URL of a transaction whose protocol is JSON-RPC names a method; others are called as ever.
fn is_json_rpc(url: &str) -> bool {
    is_http(url) && url.contains("method")
}

/// Nobody would hear of it before the call, which may be a rollback.
fn no_user_info(url: &str) -> Result<(), String> {
    let authority = url.split("://").nth(1).unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((_, host)) => Err(format!("a URL of {host:?} holds user info; credentials belong into branch_headers")),
        None => Ok(()),
    }
}

/// Where the status is that of a success, the error of an answer says what became of the call; DTM compares the codes
/// wrongly and repeats them.
fn json_rpc_answers() -> OutcomeMap {
    let error = |equals: Option<Value>, place: &str, outcome| AnswerMatch {
        header: None,
        body: Some(place.to_owned()),
        http: Some("200-299".into()),
        equals,
        outcome,
    };
    let matches = vec![
        error(Some((-32901).into()), "/error/code", Outcome::Failure),
        error(Some((-32902).into()), "/error/code", Outcome::Ongoing),
        error(Some(Value::Null), "/error", Outcome::Success),
        error(None, "/error", Outcome::Unknown),
    ];
    OutcomeMap { matches, ..OutcomeMap::default() }
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: BranchCall<'_> =
        BranchCall { gid: "g", trans_type: TransType::Saga, branch_id: "01", op: Op::Rollback };

    #[test]
    fn calls_follow_the_protocol() {
        for (protocol, url, payload, want) in [
            (Protocol::Http, "http://a/x", "{}", Ok("POST http://a/x")),
            (Protocol::Http, "http://a/x", "", Ok("GET http://a/x")),
            (Protocol::Http, "a:1/p.S/M", "", Err("is no URL")),
            (Protocol::Grpc, "a:1/p.S/M", "", Ok("gRPC http://a:1/p.S/M")),
            (Protocol::Grpc, "etcd://e:2379/users/p.S/M", "", Ok("gRPC etcd://e:2379/users/p.S/M")),
            (Protocol::Grpc, "http://a/x", "{}", Ok("POST http://a/x")),
            (Protocol::Grpc, "a:1/M", "", Err("is no gRPC method")),
            (Protocol::JsonRpc, "http://a/x?method=pay", "{\"n\": 1}", Ok("POST http://a/x")),
            (Protocol::JsonRpc, "http://a/x?method=pay", "[]", Err("no JSON object")),
            (Protocol::JsonRpc, "http://a/x", "", Ok("GET http://a/x")),
        ] {
            let got = CALL.operation(protocol, url, payload.as_bytes()).map(|operation| operation.to_string());
            match want {
                Ok(want) => assert_eq!(got.as_deref(), Ok(want), "{url}"),
                Err(want) => assert!(got.as_ref().is_err_and(|error| error.contains(want)), "{url}: {got:?}"),
            }
        }
    }

    #[test]
    fn only_what_is_called_by_json_rpc_is_judged_by_it() {
        for (protocol, url, judged) in [
            (Protocol::JsonRpc, "http://a/x?method=pay", true),
            (Protocol::JsonRpc, "http://a/x", false),
            (Protocol::Http, "http://a/x?method=pay", false),
        ] {
            assert_eq!(!CALL.options(protocol, url).outcome_map.matches.is_empty(), judged, "{url}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_refused_before_anything_is_called() {
        let refused =
            CALL.operation(Protocol::Http, "http://me:secret@bank:80/pay", b"{}").expect_err("no credentials");
        assert!(refused.contains("bank:80") && !refused.contains("secret"), "{refused}");
    }

    #[test]
    fn json_rpc_tells_the_branch_in_the_parameters() {
        let Ok(Operation::Http { body, .. }) =
            CALL.operation(Protocol::JsonRpc, "http://a/x?method=pay", br#"{"n": 1}"#)
        else {
            panic!("an HTTP request")
        };
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            body,
            json!({ "jsonrpc": "2.0", "id": "g-01-compensate", "method": "pay", "params": {
                "n": 1, "gid": "g", "trans_type": "saga", "branch_id": "01", "op": "compensate" } })
        );
    }
}
