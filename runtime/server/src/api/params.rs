//! Names in paths and parameters in queries, parsed once, refused with a problem document.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use reprise_engine::{Gid, WorkflowName};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The gid in a path.
pub(super) struct GidPath(pub(super) Gid);

/// The workflow name in a path.
pub(super) struct WorkflowPath(pub(super) WorkflowName);

/// The parameters of a query; unknown ones are refused where `T` says so.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync> FromRequestParts<S> for GidPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        Ok(Self(text.parse()?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WorkflowPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        Ok(Self(text.parse()?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(params) = Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(params))
    }
}
