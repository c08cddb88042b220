//! The branch parameters of an HTTP request: the query names `gid`, `trans_type`, `branch_id`, `op`.
//!
//! `dtm-*` headers say the same for services that don't look at the query; this crate does.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, Uri, request::Parts},
    response::{IntoResponse, Response},
};

use super::{Branch, BranchError};
use crate::Barrier;

/// Answers 400 with a plain text that says which parameter is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct BranchRejection(#[from] pub BranchError);

impl Branch {
    /// Reads the branch parameters from the query of `uri`; other parameters are left alone.
    ///
    /// # Errors
    /// Any [`BranchError`]: the caller's request is wrong, answer 400.
    pub fn from_uri(uri: &Uri) -> Result<Self, BranchError> {
        let Query(pairs) = Query::<HashMap<String, String>>::try_from_uri(uri)
            .map_err(|rejection| BranchError::Query { reason: rejection.body_text() })?;
        let of = |name: &str| pairs.get(name).map_or("", String::as_str);
        let branch = Self::new(of("trans_type"), of("gid"), of("branch_id"), of("op"))?;
        Ok(if of("must_succeed") == "true" { branch.must_succeed() } else { branch })
    }
}

impl Barrier {
    /// The barrier of a request to `uri`: [`Branch::from_uri`], then [`Barrier::new`].
    ///
    /// # Errors
    /// Any [`BranchError`]: the caller's request is wrong, answer 400.
    pub fn from_http(uri: &Uri) -> Result<Self, BranchError> {
        Ok(Self::new(Branch::from_uri(uri)?))
    }
}

impl<S: Sync> FromRequestParts<S> for Barrier {
    type Rejection = BranchRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::from_http(&parts.uri)?)
    }
}

impl<S: Sync> FromRequestParts<S> for Branch {
    type Rejection = BranchRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::from_uri(&parts.uri)?)
    }
}

impl IntoResponse for BranchRejection {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &'static str) -> Result<Branch, BranchError> {
        Branch::from_uri(&Uri::from_static(query))
    }

    #[test]
    fn reads_what_a_runtime_sends() {
        let branch = read("/transfer-in?x=1&branch_id=02-01&gid=a%3Ab&op=rollback&trans_type=workflow");
        assert_eq!(branch, Branch::new("workflow", "a:b", "02-01", "rollback"));
        let forward = read("/in?branch_id=01&gid=g&op=action&trans_type=workflow&must_succeed=true").expect("complete");
        assert!(!forward.keeps_refusals());
        let uri = Uri::from_static("http://bank/in?branch_id=01&gid=g&op=action&trans_type=workflow");
        let barrier = Barrier::from_http(&uri).expect("complete");
        assert_eq!(Ok(barrier.branch().clone()), Branch::new("workflow", "g", "01", "action"));
    }

    #[test]
    fn says_what_is_missing() {
        assert_eq!(read("/in"), Err(BranchError::Missing { name: "trans_type" }));
        assert_eq!(read("/in?trans_type=t&gid=g&branch_id=01"), Err(BranchError::Missing { name: "op" }));
        let answer = BranchRejection(BranchError::Missing { name: "op" }).into_response();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
}
