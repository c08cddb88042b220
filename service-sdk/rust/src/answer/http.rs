//! Answers over HTTP: 200, 409, 425, and 500 for what the runtime is to try again.

use std::error::Error;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::Answer;
use crate::BarrierError;

/// Replies and refusals are JSON bodies; an answer without a reply has an empty body.
impl<T: Serialize, R: Serialize> IntoResponse for Answer<T, R> {
    fn into_response(self) -> Response {
        match self {
            Self::Done(Some(reply)) => Json(reply).into_response(),
            Self::Done(None) => StatusCode::OK.into_response(),
            Self::Refused(refusal) => (StatusCode::CONFLICT, Json(refusal)).into_response(),
            Self::Late => {
                (StatusCode::CONFLICT, Json(json!({ "error": "its rollback was here first" }))).into_response()
            }
        }
    }
}

/// 425 if it is going on, 400 if the request can't be served here, else 500: the runtime sends it again.
impl IntoResponse for BarrierError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Ongoing => StatusCode::TOO_EARLY,
            Self::WrongOp { .. } => StatusCode::BAD_REQUEST,
            Self::Database(_) | Self::Reply(_) | Self::TableName { .. } | Self::GidAlias { .. } | Self::Vanished => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            #[cfg(feature = "redis")]
            Self::Redis(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": chain(&self) }))).into_response()
    }
}

fn chain(error: &BarrierError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{Called, Prepared};

    #[rstest]
    #[case(Called::Ran(Ok(1)), 200)]
    #[case(Called::Repeat(Some(Ok(1))), 200)]
    #[case(Called::Repeat(None), 200)]
    #[case(Called::Empty, 200)]
    #[case(Called::Ran(Err("no".to_owned())), 409)]
    #[case(Called::Repeat(Some(Err("no".to_owned()))), 409)]
    #[case(Called::Late, 409)]
    fn every_outcome_has_its_status(#[case] called: Called<i64, String>, #[case] status: u16) {
        assert_eq!(Answer::from(called).into_response().status(), status);
    }

    #[rstest]
    #[case(Prepared::Committed, 200)]
    #[case(Prepared::Nothing, 409)]
    fn a_query_back_is_answered_as_dtm_does(#[case] prepared: Prepared, #[case] status: u16) {
        assert_eq!(Answer::from(prepared).into_response().status(), status);
    }

    #[rstest]
    #[case(BarrierError::Ongoing, 425)]
    #[case(BarrierError::WrongOp { op: "finish".to_owned(), serves: "`action`" }, 400)]
    #[case(BarrierError::Database(sqlx::Error::PoolClosed), 500)]
    fn every_error_has_its_status(#[case] error: BarrierError, #[case] status: u16) {
        assert_eq!(error.into_response().status(), status);
    }
}
