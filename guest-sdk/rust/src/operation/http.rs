//! HTTP requests.

use serde::Serialize;

use super::Op;
use crate::bindings::reprise::workflow::types::{HttpOp, Operation};

/// An HTTP request, made by [`Participant::post`](crate::Participant::post) and its siblings. Headers are options of
/// the branch.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a request does nothing until a branch calls or registers it"]
pub struct Http {
    op: HttpOp,
    mistake: Option<String>,
}

impl Http {
    pub(super) fn new(method: &str, target: String) -> Self {
        Self { op: HttpOp { method: method.to_owned(), target, body: Vec::new() }, mistake: None }
    }

    /// Sends `value` as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.op.body = body,
            Err(error) => {
                self.mistake = Some(format!("{} {}: no JSON form: {error}", self.op.method, self.op.target));
            }
        }
        self
    }

    /// Sends bytes, as `application/json` unless the branch's options set another `content-type`.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.op.body = bytes.into();
        self
    }
}

impl From<Http> for Op {
    fn from(http: Http) -> Self {
        Self(http.mistake.map_or(Ok(Operation::Http(http.op)), Err))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::operation::Participant;

    #[test]
    fn targets_have_one_slash() {
        for (participant, path, want) in [
            (Participant::named("bank"), "/pay", "bank/pay"),
            (Participant::named("bank"), "pay?a=b", "bank/pay?a=b"),
            (Participant::url("http://bank:80/"), "/pay", "http://bank:80/pay"),
            (Participant::url("http://bank/v1"), "pay", "http://bank/v1/pay"),
            (Participant::named("bank/pay"), "", "bank/pay"),
        ] {
            assert_eq!(participant.get(path).op.target, want);
        }
    }

    #[test]
    fn a_body_without_json_form_is_a_mistake() {
        let keys_are_no_text = BTreeMap::from([((1, 2), 3)]);
        let op = Op::from(Participant::named("bank").post("/pay").json(&keys_are_no_text));
        assert_eq!(op.into_wit().expect_err("mistake"), "POST bank/pay: no JSON form: key must be a string");
    }
}
