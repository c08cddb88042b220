//! What a participant answered.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{bindings::reprise::workflow::types, error::ReplyError, payload::excerpt};

/// The body of an HTTP response, the message of a gRPC response, or the rows of SQL statements as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(body: Vec<u8>) -> Self {
        Self { status: 0, headers: Vec::new(), body }
    }

    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The bytes as they came, handed over.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// HTTP status or gRPC code; 0 from a database.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Headers (gRPC: metadata) in order, names in lower case; none unless the branch has the option
    /// [`full_answer`](crate::Options::full_answer).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The first header of this name as text; none also if the branch did not ask for headers.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.headers().find(|(has, _)| has.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(value))
    }

    /// Reads the reply as JSON.
    ///
    /// # Errors
    /// [`ReplyError::Json`]: it is no JSON or not of this shape. With `?` that rolls the transaction back.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ReplyError> {
        serde_json::from_slice(&self.body).map_err(|source| self.no_json(source))
    }

    /// The rows of a SQL statement, counted from 0: from its columns by their names, `struct Row { balance: i64 }`, or
    /// as maps. Numbers and times that JSON has no form for are text.
    ///
    /// # Errors
    /// [`ReplyError::NoStatement`]: there were fewer statements; [`ReplyError::Json`]: a row is not of this shape.
    pub fn rows<T: DeserializeOwned>(&self, statement: usize) -> Result<Vec<T>, ReplyError> {
        serde_json::from_str(self.statement(statement)?.rows.get()).map_err(|source| self.no_json(source))
    }

    /// How many rows a SQL statement, counted from 0, has changed.
    ///
    /// # Errors
    /// [`ReplyError::NoStatement`]: there were fewer statements; [`ReplyError::Json`]: it is no reply of a database.
    pub fn affected(&self, statement: usize) -> Result<u64, ReplyError> {
        Ok(self.statement(statement)?.affected)
    }

    /// Reads the reply as a protobuf message.
    ///
    /// # Errors
    /// [`ReplyError::Message`]: it is no such message. With `?` that rolls the transaction back.
    #[cfg(feature = "prost")]
    pub fn decode<M: prost::Message + Default>(&self) -> Result<M, ReplyError> {
        M::decode(self.body.as_slice()).map_err(ReplyError::Message)
    }

    fn statement(&self, index: usize) -> Result<StatementReply<'_>, ReplyError> {
        let all: Vec<StatementReply<'_>> = serde_json::from_slice(&self.body).map_err(|source| self.no_json(source))?;
        let statements = all.len();
        all.into_iter().nth(index).ok_or(ReplyError::NoStatement { index, statements })
    }

    fn no_json(&self, source: serde_json::Error) -> ReplyError {
        ReplyError::Json { source, body: excerpt(&self.body) }
    }
}

impl From<types::Response> for Reply {
    fn from(types::Response { status, refused: _, headers, body }: types::Response) -> Self {
        let headers = headers.into_iter().map(|types::Header { name, value }| (name, value)).collect();
        Self { status, headers, body }
    }
}

/// What a database answers to one statement.
#[derive(Deserialize)]
struct StatementReply<'a> {
    affected: u64,
    #[serde(borrow)]
    rows: &'a RawValue,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        balance: i64,
    }

    #[test]
    fn rows_are_read_by_statement() {
        let reply = Reply::new(br#"[{"affected":1,"rows":[]},{"affected":0,"rows":[{"balance":70}]}]"#.to_vec());
        assert_eq!(reply.affected(0).ok(), Some(1));
        assert_eq!(reply.rows::<Row>(1).ok(), Some(vec![Row { balance: 70 }]));
        assert_eq!(reply.rows::<BTreeMap<String, i64>>(1).map(|rows| rows[0]["balance"]).ok(), Some(70));
        let missing = reply.rows::<Row>(2).expect_err("two statements");
        assert_eq!(missing.to_string(), "the reply has no statement 2: there were 2, counted from 0");
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let header = types::Header { name: "x-state".to_owned(), value: b"later".to_vec() };
        let reply =
            Reply::from(types::Response { status: 202, refused: false, headers: vec![header], body: Vec::new() });
        assert_eq!((reply.status(), reply.header("X-State").as_deref()), (202, Some("later")));
        assert_eq!(reply.header("x-other"), None);
    }
}
