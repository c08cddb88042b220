//! What every call carries of its execution: `gid`, `trans_type`, `branch_id`, `op` as DTM sends them, an idempotency
//! key and a W3C trace context. All of it follows from the call, so a repeated attempt carries the same key and trace.

use std::fmt::Write;

use bytes::Bytes;
use http::HeaderValue;
use reprise_engine::{Op, TransType};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::call::Call;

/// The identity of one call; its texts share one allocation: `{gid}-{branch}-{op}00-{trace}-{span}-01`.
#[derive(Debug)]
pub(crate) struct Identity {
    text: Bytes,
    gid_end: usize,
    branch_end: usize,
    key_end: usize,
    op: Op,
    /// What Reprise itself sends is a workflow.
    trans_type: TransType,
    must_succeed: bool,
    outcome: Option<&'static str>,
}

impl Identity {
    pub(crate) fn of(call: &Call<'_>) -> Self {
        let mut text = String::with_capacity(call.gid.as_str().len() + 80);
        text.push_str(call.gid.as_str());
        let gid_end = text.len();
        let dtm = call.options.dtm.as_ref();
        let trans_type = dtm.map_or(TransType::Workflow, |dtm| dtm.trans_type);
        match dtm.and_then(|dtm| dtm.branch_id.as_ref()) {
            Some(branch) => write_to(&mut text, format_args!("-{branch}")),
            None => write_to(&mut text, format_args!("-{}", call.branch)),
        }
        let branch_end = text.len();
        let op = dtm.and_then(|dtm| dtm.op.as_deref()).unwrap_or_else(|| trans_type.op_name(call.op));
        write_to(&mut text, format_args!("-{op}"));
        let key_end = text.len();
        // All zeros is the one value that the trace context forbids.
        let trace = xxh3_128(call.gid.as_str().as_bytes()).max(1);
        let span = xxh3_64_with_seed(text.as_bytes(), u64::from(call.attempt)).max(1);
        write_to(&mut text, format_args!("00-{trace:032x}-{span:016x}-01"));
        let outcome = call.outcome.filter(|_| call.op == Op::Finish);
        Self {
            text: text.into(),
            gid_end,
            branch_end,
            key_end,
            op: call.op,
            trans_type,
            must_succeed: call.must_succeed,
            outcome,
        }
    }

    pub(crate) fn gid(&self) -> HeaderValue {
        self.value(0, self.gid_end)
    }

    pub(crate) fn branch_id(&self) -> HeaderValue {
        self.value(self.gid_end + 1, self.branch_end)
    }

    pub(crate) fn op(&self) -> HeaderValue {
        self.value(self.branch_end + 1, self.key_end)
    }

    pub(crate) const fn trans_type(&self) -> &'static str {
        self.trans_type.name()
    }

    /// `succeeded` or `failed`, with [`Op::Finish`] only.
    pub(crate) fn outcome(&self) -> Option<&'static str> {
        self.outcome
    }

    /// Whether it is the action of a branch.
    pub(crate) fn is_action(&self) -> bool {
        self.op == Op::Action
    }

    /// Whether it is repeated until it succeeds. Of phase two its op says so.
    pub(crate) fn must_succeed(&self) -> bool {
        self.must_succeed && self.op == Op::Action
    }

    /// Where the branch sets no key: `{gid}-{branch}-{op}`, the same for every attempt.
    pub(crate) fn idempotency_key(&self) -> HeaderValue {
        self.value(0, self.key_end)
    }

    pub(crate) fn traceparent(&self) -> HeaderValue {
        self.value(self.key_end, self.text.len())
    }

    /// Appends `branch_id=..&gid=..&op=..&trans_type=..` to a query, in DTM's order.
    pub(crate) fn write_query(&self, query: &mut String) {
        let text = |start, end| std::str::from_utf8(&self.text[start..end]).expect("written as text above");
        query.push_str("branch_id=");
        write_encoded(query, text(self.gid_end + 1, self.branch_end));
        query.push_str("&gid=");
        query.push_str(text(0, self.gid_end));
        query.push_str("&op=");
        write_encoded(query, text(self.branch_end + 1, self.key_end));
        query.push_str("&trans_type=");
        query.push_str(self.trans_type());
        if self.must_succeed() {
            query.push_str("&must_succeed=true");
        }
        if let Some(outcome) = self.outcome {
            query.push_str("&outcome=");
            query.push_str(outcome);
        }
    }

    /// Whether a query parameter of this name is set by [`Self::write_query`].
    pub(crate) fn sets(&self, parameter: &str) -> bool {
        matches!(parameter, "branch_id" | "gid" | "op" | "trans_type" | "must_succeed")
            || (parameter == "outcome" && self.outcome.is_some())
    }

    fn value(&self, start: usize, end: usize) -> HeaderValue {
        HeaderValue::from_maybe_shared(self.text.slice(start..end)).expect("ids are visible ASCII")
    }
}

/// Ids of Reprise need no encoding; a client of DTM names branches as it likes.
fn write_encoded(query: &mut String, text: &str) {
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        query.push_str(text);
    } else {
        query.extend(url::form_urlencoded::byte_serialize(text.as_bytes()));
    }
}

fn write_to(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use reprise_engine::{BranchId, BranchOptions, Operation};

    use super::*;

    fn identity(gid: &str, attempt: u32) -> Identity {
        let operation = Operation::Http { method: "GET".into(), target: "a/b".into(), body: Vec::new() };
        Identity::of(&Call {
            gid: &gid.parse().expect("valid gid"),
            branch: BranchId::of_run(2),
            op: Op::Rollback,
            operation: &operation,
            options: &BranchOptions::default(),
            must_succeed: true,
            attempt,
            outcome: Some("failed"),
        })
    }

    #[test]
    fn the_parts_are_cut_where_they_were_joined() {
        let order = identity("order:1-02", 1);
        assert_eq!(order.gid(), "order:1-02");
        assert_eq!(order.branch_id(), "02");
        assert_eq!(order.idempotency_key(), "order:1-02-02-rollback");
        assert_eq!(order.outcome(), None, "only the finish operation tells it");
        let mut query = String::new();
        order.write_query(&mut query);
        assert_eq!(query, "branch_id=02&gid=order:1-02&op=rollback&trans_type=workflow");
    }

    #[test]
    fn attempts_share_the_trace_and_have_their_own_span() {
        let parts = |identity: Identity| {
            let value = identity.traceparent();
            let text = value.to_str().expect("ASCII").to_owned();
            assert_eq!(text.len(), 55, "{text}");
            (text[3..35].to_owned(), text[36..52].to_owned())
        };
        let (first, second, other) = (parts(identity("g", 1)), parts(identity("g", 2)), parts(identity("h", 1)));
        assert_eq!(first, parts(identity("g", 1)));
        assert_eq!(first.0, second.0);
        assert_ne!(first.1, second.1);
        assert_ne!(first.0, other.0);
    }
}
