//! Headers and metadata of a call. Later ones win: defaults, the participant's, those of a guest's own request, the
//! branch's, then the identity.

use http::header::{self, Entry};
use http::{HeaderMap, HeaderName, HeaderValue};
use reprise_engine::{BranchOptions, Headers};

use crate::failure::Unsendable;
use crate::identity::Identity;

static DTM_GID: HeaderName = HeaderName::from_static("dtm-gid");
static DTM_OP: HeaderName = HeaderName::from_static("dtm-op");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static REPRISE_MUST_SUCCEED: HeaderName = HeaderName::from_static("reprise-must-succeed");
static REPRISE_OUTCOME: HeaderName = HeaderName::from_static("reprise-outcome");

const NO_NAME: &str = "is no header name; use letters, digits, `-` and `_`";
const NO_VALUE: &str = "has a value with control characters; encode it, as base64 say";

/// Headers that belong to the connection: the client writes them.
static OF_THE_CONNECTION: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// How a protocol spells what HTTP and gRPC spell differently.
pub(crate) struct Spelling {
    trans_type: HeaderName,
    branch_id: HeaderName,
    defaults: &'static [(HeaderName, HeaderValue)],
}

/// HTTP: hyphens, because proxies drop headers with underscores.
pub(crate) static HTTP: Spelling = Spelling {
    trans_type: HeaderName::from_static("dtm-trans-type"),
    branch_id: HeaderName::from_static("dtm-branch-id"),
    defaults: {
        static JSON: [(HeaderName, HeaderValue); 2] = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
        ];
        &JSON
    },
};

/// gRPC: DTM's own names; `dtm-dtm` is empty when a server calls.
pub(crate) static GRPC: Spelling = Spelling {
    trans_type: HeaderName::from_static("dtm-trans_type"),
    branch_id: HeaderName::from_static("dtm-branch_id"),
    defaults: {
        static SERVER: [(HeaderName, HeaderValue); 1] =
            [(HeaderName::from_static("dtm-dtm"), HeaderValue::from_static(""))];
        &SERVER
    },
};

/// All headers of a call. A trace context or idempotency key among the branch's headers stands.
pub(crate) fn assemble(
    spelling: &Spelling,
    participant: Option<&HeaderMap>,
    options: &BranchOptions,
    identity: &Identity,
) -> Result<HeaderMap, Unsendable> {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in spelling.defaults {
        headers.insert(name, value.clone());
    }
    insert_all(&mut headers, participant);
    add_branch(&mut headers, spelling, options, identity)?;
    Ok(headers)
}

/// All headers of a request that a guest's HTTP client made: its own as they are, less those of its connection, which
/// is another one here. Our identity is added; a service that does not know it passes over it.
pub(crate) fn of_request(
    participant: Option<&HeaderMap>,
    own: &[(String, Vec<u8>)],
    options: &BranchOptions,
    identity: &Identity,
) -> Result<HeaderMap, Unsendable> {
    let mut headers = HeaderMap::with_capacity(own.len() + 12);
    insert_all(&mut headers, participant);
    let mut of_guest = HeaderMap::with_capacity(own.len());
    for (name, value) in own {
        let wrong = |reason| Unsendable::Header { name: name.chars().take(80).collect(), reason };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(NO_NAME))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| wrong(NO_VALUE))?;
        if !OF_THE_CONNECTION.contains(&name) {
            of_guest.append(name, value);
        }
    }
    // Replaces what the participant sets, and keeps what the guest set more than once.
    headers.extend(of_guest);
    add_branch(&mut headers, &HTTP, options, identity)?;
    Ok(headers)
}

/// Headers of an answer, in order, names in lower case, as the guest sees them.
pub(crate) fn of_answer(headers: &HeaderMap) -> Headers {
    let seen = headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(name) || *name == header::CONTENT_LENGTH);
    seen.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

fn insert_all(headers: &mut HeaderMap, others: Option<&HeaderMap>) {
    for (name, value) in others.into_iter().flatten() {
        headers.insert(name, value.clone());
    }
}

fn add_branch(
    headers: &mut HeaderMap,
    spelling: &Spelling,
    options: &BranchOptions,
    identity: &Identity,
) -> Result<(), Unsendable> {
    for (name, value) in &options.headers {
        let (name, value) = parse(name, value)?;
        headers.insert(name, value);
    }
    headers.insert(&DTM_GID, identity.gid());
    headers.insert(&spelling.trans_type, HeaderValue::from_static(identity.trans_type()));
    headers.insert(&spelling.branch_id, identity.branch_id());
    headers.insert(&DTM_OP, identity.op());
    if identity.must_succeed() {
        headers.insert(&REPRISE_MUST_SUCCEED, HeaderValue::from_static("true"));
    }
    if let Some(outcome) = identity.outcome() {
        headers.insert(&REPRISE_OUTCOME, HeaderValue::from_static(outcome));
    }
    // A branch's own key is its action's: a service that goes by it would take the undo for a repeat.
    match options.idempotency_key.as_ref().filter(|_| identity.is_action()) {
        Some(key) => {
            let (name, value) = parse(IDEMPOTENCY_KEY.as_str(), key)?;
            headers.insert(name, value);
        }
        None => or_insert(headers, &IDEMPOTENCY_KEY, || identity.idempotency_key()),
    }
    or_insert(headers, &TRACEPARENT, || identity.traceparent());
    Ok(())
}

fn or_insert(headers: &mut HeaderMap, name: &HeaderName, value: impl FnOnce() -> HeaderValue) {
    if let Entry::Vacant(vacant) = headers.entry(name) {
        vacant.insert(value());
    }
}

/// Checks one header that somebody wrote. The value is never repeated in an error: it may be a secret.
pub(crate) fn parse(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Unsendable> {
    let wrong = |reason| Unsendable::Header { name: name.chars().take(80).collect(), reason };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(NO_NAME))?;
    if OF_THE_CONNECTION.contains(&parsed) {
        return Err(wrong("belongs to the connection and can't be set; leave it out"));
    }
    let value = HeaderValue::from_str(value).map_err(|_| wrong(NO_VALUE))?;
    Ok((parsed, value))
}
