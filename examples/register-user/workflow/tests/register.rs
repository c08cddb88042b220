//! Registering against two services in the test: both are called, and what a refusal undoes.

use register_user::{
    Registered,
    pb::{
        score::{UserScoreRequest, UserScoreResponse},
        user::{UserRequest, UserResponse},
    },
    register,
};
use reprise_guest::testing::{Answer, Request, TestHost, TestRun};
use serde_json::json;

const SAVE_USER: &str = "GRPC user/user.User/saveUser";
const SAVE_SCORE: &str = "GRPC score/score.UserScore/saveUserScore";

fn services() -> TestHost {
    TestHost::new()
        .on(SAVE_USER, |request: &Request| {
            let UserRequest { id, name, gender } = request.decode();
            Answer::encode(&UserResponse { id, name, gender })
        })
        .on(SAVE_SCORE, |request: &Request| {
            let UserScoreRequest { user_id, score } = request.decode();
            Answer::encode(&UserScoreResponse { user_id, score })
        })
}

fn ann(host: TestHost) -> TestRun<Registered> {
    host.run(register, json!({ "id": 7, "name": "Ann", "gender": "female", "score": 5 }))
}

#[test]
fn both_are_saved() {
    let run = ann(services());
    assert_eq!(run.result, Ok(Registered { id: 7, score: 5 }));
    assert_eq!(run.trace, [format!("01 action {SAVE_USER}: success"), format!("02 action {SAVE_SCORE}: success")]);
    assert_eq!(run.calls[1].decode::<UserScoreRequest>(), UserScoreRequest { user_id: 7, score: 5 });
}

#[test]
fn a_refused_score_deletes_the_user() {
    let run = ann(services().on(SAVE_SCORE, |_| Answer::failure("user score can't equal 10")));
    let failure = run.result.expect_err("refused");
    assert_eq!(failure.message, "the participant refused: user score can't equal 10");
    assert_eq!(run.trace[2..], ["01 rollback GRPC user/user.User/saveUserCallback: success"]);
    assert_eq!(run.calls[2].decode::<UserRequest>().id, "7");
}

#[test]
fn a_refused_user_leaves_nothing_to_undo() {
    let run = ann(services().on(SAVE_USER, |_| Answer::failure("there is a user 7 already")));
    assert!(run.result.is_err());
    assert_eq!(run.trace, [format!("01 action {SAVE_USER}: failure")]);
}
