//! What stub participants answer when all goes well.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reprise_engine::{Answer, Operation, SqlOperation};
use serde_json::{Value, json};
use thiserror::Error;

use crate::call::Call;

/// Replies by call: `POST bank/transfer-out`, `bank/transfer-out`, `bank-grpc/bank.v1.Bank/TransferIn` or `SQL orders`;
/// with branch and op before it, `02 action SQL orders`, for that one only. What has none is answered `{}`, an empty message, or as many rows as the statements expect.
#[derive(Debug, Clone, Default)]
pub struct Replies(BTreeMap<String, Vec<u8>>);

/// A reply that can't be used.
#[derive(Debug, Error)]
pub enum RepliesError {
    /// Not `CALL=JSON`.
    #[error("the reply `{0}` has no `=`; write CALL=JSON, for instance 'bank/transfer-out={{\"balance\": 70}}'")]
    Form(String),
    /// The part after `=` is no JSON.
    #[error("the reply of `{call}` is no JSON: {source}; bytes are text that begins with base64: or hex:")]
    Json {
        /// Whose reply.
        call: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Encoded bytes that are none.
    #[error("the reply of `{call}` can't be decoded: {why}")]
    Bytes {
        /// Whose reply.
        call: String,
        /// What is wrong.
        why: String,
    },
    /// The file is no TOML or JSON with a reply per call.
    #[error("the replies are no {format} table of calls: {why}")]
    Table {
        /// `TOML` or `JSON`.
        format: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Replies {
    /// Adds one that is written `CALL=JSON`. A text that begins with `base64:` or `hex:` stands for bytes.
    ///
    /// # Errors
    /// [`RepliesError`]: it is not of this form.
    pub fn add(&mut self, text: &str) -> Result<(), RepliesError> {
        let (call, json) = text.split_once('=').ok_or_else(|| RepliesError::Form(text.to_owned()))?;
        let value =
            serde_json::from_str(json).map_err(|source| RepliesError::Json { call: call.to_owned(), source })?;
        self.insert(call.trim().to_owned(), &value)
    }

    /// Adds those of a TOML document: a key per call.
    ///
    /// # Errors
    /// [`RepliesError`]: it is no such document.
    pub fn add_toml(&mut self, text: &str) -> Result<(), RepliesError> {
        let table = toml::from_str(text).map_err(|e| RepliesError::Table { format: "TOML", why: e.to_string() })?;
        self.add_table(table)
    }

    /// Adds those of a JSON document: a member per call.
    ///
    /// # Errors
    /// [`RepliesError`]: it is no such document.
    pub fn add_json(&mut self, text: &str) -> Result<(), RepliesError> {
        let table =
            serde_json::from_str(text).map_err(|e| RepliesError::Table { format: "JSON", why: e.to_string() })?;
        self.add_table(table)
    }

    fn add_table(&mut self, table: BTreeMap<String, Value>) -> Result<(), RepliesError> {
        table.into_iter().try_for_each(|(call, value)| self.insert(call, &value))
    }

    fn insert(&mut self, call: String, value: &Value) -> Result<(), RepliesError> {
        let bytes = match value.as_str().and_then(|text| text.split_once(':')) {
            Some(("base64", text)) => STANDARD.decode(text).map_err(|e| e.to_string()),
            Some(("hex", text)) => hex::decode(text).map_err(|e| e.to_string()),
            Some(_) | None => Ok(value.to_string().into_bytes()),
        };
        let bytes = bytes.map_err(|why| RepliesError::Bytes { call: call.clone(), why })?;
        self.0.insert(call, bytes);
        Ok(())
    }

    /// The calls that have a reply.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Under which name a call has its reply.
    pub(crate) fn key_of(&self, call: &Call) -> Option<&str> {
        let names = names(&call.operation);
        let of_branch = names.iter().map(|name| format!("{} {} {name}", call.name.branch, call.name.op));
        let of_any = names.iter().cloned();
        of_branch.chain(of_any).find_map(|name| self.0.get_key_value(&name).map(|(key, _)| key.as_str()))
    }

    /// The answer of a participant that did what it was asked.
    pub(crate) fn answer(&self, call: &Call) -> Answer {
        let given = self.key_of(call).and_then(|key| self.0.get(key)).cloned();
        match &call.operation {
            Operation::Http { .. } | Operation::Request { .. } => {
                Answer::Http { status: 200, headers: Vec::new(), body: given.unwrap_or_else(|| b"{}".to_vec()) }
            }
            Operation::Grpc { .. } => Answer::Grpc { code: 0, headers: Vec::new(), body: given.unwrap_or_default() },
            Operation::Sql(sql) | Operation::Xa(sql) => Answer::Rows(given.unwrap_or_else(|| rows(sql))),
            Operation::XaFinish { .. } => Answer::Rows(b"[]".to_vec()),
        }
    }
}

/// What a reply to this call may be written under, the most exact first.
fn names(operation: &Operation) -> Vec<String> {
    let without_query = |text: &str| text.split(['?', '#']).next().unwrap_or(text).to_owned();
    match operation {
        Operation::Http { method, target, .. } | Operation::Request { method, url: target, .. } => {
            let path = without_query(target);
            vec![format!("{method} {target}"), target.clone(), format!("{method} {path}"), path]
        }
        Operation::Grpc { target, method, .. } => {
            let call = format!("{target}/{}", method.trim_start_matches('/'));
            vec![format!("gRPC {call}"), call]
        }
        Operation::Sql(sql) => vec![format!("SQL {}", sql.database)],
        Operation::Xa(sql) => vec![format!("XA {}", sql.database)],
        Operation::XaFinish { .. } => Vec::new(),
    }
}

/// As many affected rows as expected, or one, and none returned.
fn rows(sql: &SqlOperation) -> Vec<u8> {
    let rows = sql.statements.iter().map(|statement| json!({"affected": statement.affected.unwrap_or(1), "rows": []}));
    Value::Array(rows.collect()).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use reprise_engine::{BranchId, BranchOptions, Op, Pursuit, Statement};

    use super::*;
    use crate::call::CallName;

    fn post(target: &str) -> Operation {
        Operation::Http { method: "POST".into(), target: target.into(), body: Vec::new() }
    }

    fn body(replies: &Replies, operation: Operation) -> String {
        let name = CallName::new(BranchId::of_run(2), Op::Action, &operation);
        let options = BranchOptions::default();
        let call = Call { name, operation, options, pursuit: Pursuit::Limited, scope: None };
        String::from_utf8(replies.answer(&call).into_parts().1).expect("text")
    }

    #[test]
    fn the_most_exact_name_answers() {
        let mut replies = Replies::default();
        replies.add(r#"bank/out={"balance": 1}"#).expect("a reply");
        replies.add(r#"PUT bank/out={"balance": 2}"#).expect("a reply");
        replies.add(r#"bank/out?a=3={"no": 1}"#).expect_err("`3=..` is no JSON");
        replies.add_toml("\"bank/in\" = \"hex:6162\"").expect("a table");
        replies.add_json(r#"{"gRPC b/s/M": "base64:YWI="}"#).expect("a table");
        replies.add("bank/second=1").expect("a reply");
        replies.add("02 action POST bank/second=2").expect("a reply");
        let statement = Statement { sql: String::new(), parameters: Vec::new(), affected: Some(3) };
        let sql = Operation::Sql(SqlOperation { database: "orders".into(), statements: vec![statement] });
        let put = Operation::Http { method: "PUT".into(), target: "bank/out?x=1".into(), body: Vec::new() };
        let grpc = Operation::Grpc { target: "b".into(), method: "/s/M".into(), message: Vec::new() };
        for (operation, want) in [
            (post("bank/out"), r#"{"balance":1}"#),
            (post("bank/out?x=1"), r#"{"balance":1}"#),
            (put, r#"{"balance":2}"#),
            (post("bank/in"), "ab"),
            (grpc, "ab"),
            (post("bank/other"), "{}"),
            (post("bank/second"), "2"),
            (sql, r#"[{"affected":3,"rows":[]}]"#),
        ] {
            assert_eq!(body(&replies, operation.clone()), want, "{operation}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        let mut replies = Replies::default();
        for (error, want) in [
            (replies.add("bank/out"), "has no `=`"),
            (replies.add("bank/out={"), "is no JSON"),
            (replies.add(r#"bank/out="hex:x""#), "can't be decoded"),
            (replies.add_toml("a"), "no TOML table"),
            (replies.add_json("[]"), "no JSON table"),
        ] {
            let error = error.expect_err(want).to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
