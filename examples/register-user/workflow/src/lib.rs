//! Registers a user: saves it at the user service, then its score at the user-score service, over gRPC with generated
//! clients. Both are saved, or neither.
//!
//! Input `{"id": 7, "name": "Ann", "gender": "female", "score": 5}`, output `{"id": 7, "score": 5}`. The participants are
//! `user` and `score`, both of them `examples/register-user/services`. A score of 10 is refused; then the user is deleted.

use reprise_guest::{Failure, Transaction};
use serde::{Deserialize, Serialize};

use self::pb::{
    score::{UserScoreRequest, user_score_client::UserScoreClient},
    user::{UserRequest, user_client::UserClient},
};

/// What the proto files say, as Rust: messages and clients.
#[allow(missing_docs, unreachable_pub, clippy::wildcard_enum_match_arm, reason = "generated code")]
pub mod pb {
    /// The user service.
    pub mod user {
        tonic::include_proto!("user");
    }
    /// The user-score service.
    pub mod score {
        tonic::include_proto!("score");
    }
}

/// Whom to register.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registration {
    /// A number that nobody has.
    pub id: i64,
    /// The user's name.
    pub name: String,
    /// The user's gender.
    pub gender: String,
    /// The user's score.
    pub score: i32,
}

/// Who was registered.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// The user's number.
    pub id: i64,
    /// The user's score.
    pub score: i32,
}

/// Saves the user, then the score under the id that the user service answered with.
#[reprise_guest::workflow]
pub async fn register(tx: &Transaction, person: Registration) -> Result<Registered, Failure> {
    let user = UserRequest { id: person.id.to_string(), name: person.name, gender: person.gender };
    let undo = user.clone();
    let branch =
        tx.branch().on_rollback_grpc("user", async |users| UserClient::new(users).save_user_callback(undo).await);
    let saved = UserClient::new(branch.grpc("user")).save_user(user).await?.into_inner();

    let score = UserScoreRequest { user_id: saved.id.parse()?, score: person.score };
    let undo = score;
    let branch = tx
        .branch()
        .on_rollback_grpc("score", async |scores| UserScoreClient::new(scores).save_user_score_callback(undo).await);
    let scored = UserScoreClient::new(branch.grpc("score")).save_user_score(score).await?.into_inner();

    Ok(Registered { id: scored.user_id, score: scored.score })
}
