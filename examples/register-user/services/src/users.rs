//! The user service.

use reprise_barrier::{BarrierError, Business, handle_action, handle_compensation};
use sqlx::Pool;
use tonic::{Request, Response, Status};

use crate::{
    database::{Database, Value},
    operation::Operation,
    pb::user::{
        IdRequest, UserRequest, UserResponse,
        user_server::{User, UserServer},
    },
};

const FIND: &str = "SELECT name, gender FROM users WHERE id = ?";
const SAVE: &str = "INSERT INTO users (id, name, gender) VALUES (?, ?, ?)";
const DELETE: &str = "DELETE FROM users WHERE id = ?";

/// The service on `pool`, for a tonic server.
pub(crate) fn service<DB: Database>(pool: Pool<DB>) -> UserServer<impl User> {
    UserServer::new(Users { pool })
}

struct Users<DB: Database> {
    pool: Pool<DB>,
}

#[tonic::async_trait]
impl<DB: Database> User for Users<DB> {
    async fn get_user(&self, request: Request<IdRequest>) -> Result<Response<UserResponse>, Status> {
        let id = request.into_inner().id;
        let number = id.parse().map_err(|_| Status::invalid_argument(no_number(&id)))?;
        let mut connection = self.pool.acquire().await.map_err(BarrierError::from)?;
        let found = DB::user(&mut connection, DB::render(FIND), number).await.map_err(BarrierError::from)?;
        let (name, gender) = found.ok_or_else(|| Status::not_found(format!("there is no user {id}")))?;
        Ok(Response::new(UserResponse { id, name, gender }))
    }

    async fn save_user(&self, request: Request<UserRequest>) -> Result<Response<UserResponse>, Status> {
        let (operation, user) = Operation::of("saveUser", request)?;
        let barrier = operation.barrier()?;
        let saved = handle_action(&self.pool, barrier, |connection| Box::pin(save::<DB>(connection, user))).await;
        operation.answer(saved)
    }

    async fn save_user_callback(&self, request: Request<UserRequest>) -> Result<Response<UserResponse>, Status> {
        let (operation, user) = Operation::of("saveUserCallback", request)?;
        let barrier = operation.barrier()?;
        let deleted =
            handle_compensation(&self.pool, barrier, |connection| Box::pin(delete::<DB>(connection, user))).await;
        operation.answer(deleted)
    }
}

async fn save<DB: Database>(
    connection: &mut DB::Connection,
    user: UserRequest,
) -> Result<Business<UserResponse, String>, BarrierError> {
    let UserRequest { id, name, gender } = user;
    let Ok(number) = id.parse() else { return Ok(Err(no_number(&id))) };
    let values = [Value::Number(number), Value::Text(&name), Value::Text(&gender)];
    match DB::change(connection, DB::render(SAVE), &values).await {
        Ok(()) => Ok(Ok(UserResponse { id, name, gender })),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Ok(Err(format!("there is a user {id} already")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Runs only if the user was saved by this branch: somebody else's user of the same id stays.
async fn delete<DB: Database>(
    connection: &mut DB::Connection,
    user: UserRequest,
) -> Result<Business<UserResponse, String>, BarrierError> {
    let Ok(number) = user.id.parse() else { return Ok(Err(no_number(&user.id))) };
    DB::change(connection, DB::render(DELETE), &[Value::Number(number)]).await?;
    Ok(Ok(UserResponse::default()))
}

fn no_number(id: &str) -> String {
    format!("{id:?} is no user id; it is a number")
}
