//! The user-score service.

use reprise_barrier::{BarrierError, Business, handle_action, handle_compensation};
use sqlx::Pool;
use tonic::{Request, Response, Status};

use crate::{
    database::{Database, Value},
    operation::Operation,
    pb::score::{
        UserIdRequest, UserScoreRequest, UserScoreResponse,
        user_score_server::{UserScore, UserScoreServer},
    },
};

/// The one that is not accepted.
const UNLUCKY: i32 = 10;

const FIND: &str = "SELECT score FROM user_scores WHERE user_id = ?";
const SAVE: &str = "INSERT INTO user_scores (user_id, score) VALUES (?, ?)";
const DELETE: &str = "DELETE FROM user_scores WHERE user_id = ?";

/// The service on `pool`, for a tonic server.
pub(crate) fn service<DB: Database>(pool: Pool<DB>) -> UserScoreServer<impl UserScore> {
    UserScoreServer::new(Scores { pool })
}

struct Scores<DB: Database> {
    pool: Pool<DB>,
}

#[tonic::async_trait]
impl<DB: Database> UserScore for Scores<DB> {
    async fn get_user_score(&self, request: Request<UserIdRequest>) -> Result<Response<UserScoreResponse>, Status> {
        let user_id = request.into_inner().user_id;
        let mut connection = self.pool.acquire().await.map_err(BarrierError::from)?;
        let found = DB::number(&mut connection, DB::render(FIND), user_id).await.map_err(BarrierError::from)?;
        let score = found.and_then(|score| i32::try_from(score).ok());
        let score = score.ok_or_else(|| Status::not_found(format!("user {user_id} has no score")))?;
        Ok(Response::new(UserScoreResponse { user_id, score }))
    }

    async fn save_user_score(&self, request: Request<UserScoreRequest>) -> Result<Response<UserScoreResponse>, Status> {
        let (operation, score) = Operation::of("saveUserScore", request)?;
        let barrier = operation.barrier()?;
        let saved = handle_action(&self.pool, barrier, |connection| Box::pin(save::<DB>(connection, score))).await;
        operation.answer(saved)
    }

    async fn save_user_score_callback(
        &self,
        request: Request<UserScoreRequest>,
    ) -> Result<Response<UserScoreResponse>, Status> {
        let (operation, score) = Operation::of("saveUserScoreCallback", request)?;
        let barrier = operation.barrier()?;
        let deleted =
            handle_compensation(&self.pool, barrier, |connection| Box::pin(delete::<DB>(connection, score))).await;
        operation.answer(deleted)
    }
}

async fn save<DB: Database>(
    connection: &mut DB::Connection,
    request: UserScoreRequest,
) -> Result<Business<UserScoreResponse, String>, BarrierError> {
    let UserScoreRequest { user_id, score } = request;
    if score == UNLUCKY {
        return Ok(Err(format!("user score can't equal {UNLUCKY}")));
    }
    let values = [Value::Number(user_id), Value::Number(score.into())];
    match DB::change(connection, DB::render(SAVE), &values).await {
        Ok(()) => Ok(Ok(UserScoreResponse { user_id, score })),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Ok(Err(format!("user {user_id} has a score already")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Runs only if the score was saved by this branch.
async fn delete<DB: Database>(
    connection: &mut DB::Connection,
    request: UserScoreRequest,
) -> Result<Business<UserScoreResponse, String>, BarrierError> {
    DB::change(connection, DB::render(DELETE), &[Value::Number(request.user_id)]).await?;
    Ok(Ok(UserScoreResponse::default()))
}
