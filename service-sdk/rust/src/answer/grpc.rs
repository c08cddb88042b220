//! Answers over gRPC: `OK`, `ABORTED`, `FAILED_PRECONDITION`, and `UNAVAILABLE` for what the runtime is to try again.

use std::{error::Error, fmt::Display};

use tonic::{Response, Status};

use super::Answer;
use crate::BarrierError;

impl<T, R: Display> Answer<T, R> {
    /// The answer as tonic has it; `M` is the message, made from the reply, or its default if there is none.
    ///
    /// ```no_run
    /// # use futures::future::BoxFuture;
    /// # use reprise_barrier::{BarrierError, Branch, Business, handle_action};
    /// # use sqlx::{PgConnection, PgPool};
    /// # use tonic::{Request, Response, Status};
    /// # fn take_one(_: &mut PgConnection, _: ()) -> BoxFuture<'_, Result<Business<i64, String>, BarrierError>> { todo!() }
    /// async fn reserve(pool: PgPool, request: Request<()>) -> Result<Response<i64>, Status> {
    ///     let (metadata, _, order) = request.into_parts();
    ///     let branch = Branch::from_metadata(&metadata)?;
    ///     handle_action(&pool, branch, |connection| take_one(connection, order)).await?.into_grpc()
    /// }
    /// # drop(reserve);
    /// ```
    ///
    /// # Errors
    /// A refusal, and an action that came too late: `ABORTED`.
    pub fn into_grpc<M: From<T> + Default>(self) -> Result<Response<M>, Status> {
        match self {
            Self::Done(Some(reply)) => Ok(Response::new(reply.into())),
            Self::Done(None) => Ok(Response::new(M::default())),
            Self::Refused(refusal) => Err(Status::aborted(refusal.to_string())),
            Self::Late => Err(Status::aborted("its rollback was here first")),
        }
    }
}

/// `FAILED_PRECONDITION` if it is going on, `INVALID_ARGUMENT` if the request can't be served here, else `UNAVAILABLE`.
impl From<BarrierError> for Status {
    fn from(error: BarrierError) -> Self {
        match &error {
            BarrierError::Ongoing => Self::failed_precondition("ONGOING"),
            BarrierError::WrongOp { .. } => Self::invalid_argument(error.to_string()),
            BarrierError::Database(_)
            | BarrierError::Reply(_)
            | BarrierError::TableName { .. }
            | BarrierError::GidAlias { .. }
            | BarrierError::Vanished => unavailable(&error),
            #[cfg(feature = "redis")]
            BarrierError::Redis(_) => unavailable(&error),
        }
    }
}

fn unavailable(error: &BarrierError) -> Status {
    Status::unavailable(error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}")))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tonic::Code;

    use super::*;
    use crate::Called;

    #[rstest]
    #[case(Called::Ran(Ok(1)), Ok(1))]
    #[case(Called::Repeat(Some(Ok(1))), Ok(1))]
    #[case(Called::Empty, Ok(0))]
    #[case(Called::Ran(Err("no")), Err(Code::Aborted))]
    #[case(Called::Late, Err(Code::Aborted))]
    fn every_outcome_has_its_code(#[case] called: Called<i32, &str>, #[case] want: Result<i64, Code>) {
        let got = Answer::from(called).into_grpc::<i64>();
        assert_eq!(got.map(Response::into_inner).map_err(|status| status.code()), want);
    }

    #[rstest]
    #[case(BarrierError::Ongoing, Code::FailedPrecondition)]
    #[case(BarrierError::WrongOp { op: "finish".to_owned(), serves: "`action`" }, Code::InvalidArgument)]
    #[case(BarrierError::Database(sqlx::Error::PoolClosed), Code::Unavailable)]
    fn every_error_has_its_code(#[case] error: BarrierError, #[case] code: Code) {
        assert_eq!(Status::from(error).code(), code);
    }
}
