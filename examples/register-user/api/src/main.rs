//! Registers a user with a saga: a client of DTM's gRPC API. It knows nothing of Reprise, and runs against DTM as well.
//!
//! `register` submits the saga and waits for its end; `show` asks the two services what there is.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use prost::Message;
use serde_json::{Value, json};
use tonic::{Code, Response, Status, transport::Endpoint};

use crate::pb::{
    dtm::{DtmRequest, DtmTransOptions, dtm_client::DtmClient},
    score::{UserIdRequest, UserScoreRequest, user_score_client::UserScoreClient},
    user::{IdRequest, UserRequest, user_client::UserClient},
};

/// What the proto files say, as Rust: messages and clients.
#[allow(missing_docs, unreachable_pub, clippy::wildcard_enum_match_arm, clippy::pedantic, reason = "generated code")]
mod pb {
    pub mod user {
        tonic::include_proto!("user");
    }
    pub mod score {
        tonic::include_proto!("score");
    }
    pub mod dtm {
        tonic::include_proto!("dtmgimp");
    }
}

/// Registers users through DTM's API.
///
/// Prints one JSON line. Exit code 1: the registration was refused.
#[derive(Debug, Parser)]
#[command(name = "register-user-api", version)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Saves a user and the user's score, or neither.
    Register(Registration),
    /// Shows a user and the user's score.
    Show {
        /// `host:port` of the user service.
        #[arg(long)]
        user: String,
        /// `host:port` of the user-score service.
        #[arg(long)]
        score: String,
        /// Which user.
        #[arg(long)]
        id: i64,
    },
}

#[derive(Debug, Args)]
struct Registration {
    /// `host:port` of DTM's gRPC API.
    #[arg(long, default_value = "127.0.0.1:36790")]
    dtm: String,
    /// Where DTM finds the user service: host:port, or a name for its service discovery.
    #[arg(long)]
    user: String,
    /// Where DTM finds the user-score service.
    #[arg(long)]
    score: String,
    /// A number that nobody has.
    #[arg(long)]
    id: i64,
    /// The user's name.
    #[arg(long)]
    name: String,
    /// The user's gender.
    #[arg(long, default_value = "")]
    gender: String,
    /// The user's score; 10 is refused.
    #[arg(long)]
    points: i32,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let (answer, code) = match Flags::parse().command {
        Command::Register(registration) => register(registration).await?,
        Command::Show { user, score, id } => (show(&user, &score, id).await?, ExitCode::SUCCESS),
    };
    println!("{answer}");
    Ok(code)
}

/// Submits the saga and waits for its end.
async fn register(registration: Registration) -> anyhow::Result<(Value, ExitCode)> {
    let Registration { dtm, user, score, id, name, gender, points } = registration;
    let mut dtm = DtmClient::new(endpoint(&dtm)?.connect_lazy());
    let gid = dtm.new_gid(()).await.context("no gid from DTM's API")?.into_inner().gid;

    let steps = json!([
        {
            "action": format!("{user}/user.User/saveUser"),
            "compensate": format!("{user}/user.User/saveUserCallback"),
        },
        {
            "action": format!("{score}/score.UserScore/saveUserScore"),
            "compensate": format!("{score}/score.UserScore/saveUserScoreCallback"),
        },
    ]);
    let payloads = vec![
        UserRequest { id: id.to_string(), name, gender }.encode_to_vec(),
        UserScoreRequest { user_id: id, score: points }.encode_to_vec(),
    ];
    let saga = DtmRequest {
        gid: gid.clone(),
        trans_type: "saga".to_owned(),
        trans_options: Some(DtmTransOptions { wait_result: true, ..DtmTransOptions::default() }),
        bin_payloads: payloads,
        steps: steps.to_string(),
        ..DtmRequest::default()
    };
    match dtm.submit(saga).await {
        Ok(_) => Ok((json!({ "gid": gid, "registered": true }), ExitCode::SUCCESS)),
        Err(status) if status.code() == Code::Aborted => {
            let answer = json!({ "gid": gid, "registered": false, "why": status.message() });
            Ok((answer, ExitCode::FAILURE))
        }
        Err(status) => Err(status).context(format!("how {gid} ended is not known")),
    }
}

async fn show(user: &str, score: &str, id: i64) -> anyhow::Result<Value> {
    let mut users = UserClient::new(endpoint(user)?.connect_lazy());
    let mut scores = UserScoreClient::new(endpoint(score)?.connect_lazy());
    let user = if_found(users.get_user(IdRequest { id: id.to_string() }).await)?;
    let score = if_found(scores.get_user_score(UserIdRequest { user_id: id }).await)?;
    let user = user.map(|user| json!({ "id": user.id, "name": user.name, "gender": user.gender }));
    Ok(json!({ "user": user, "score": score.map(|score| score.score) }))
}

fn if_found<M>(answer: Result<Response<M>, Status>) -> Result<Option<M>, Status> {
    match answer {
        Ok(found) => Ok(Some(found.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

fn endpoint(address: &str) -> anyhow::Result<Endpoint> {
    Endpoint::from_shared(format!("http://{address}")).with_context(|| format!("{address:?} is no host:port"))
}
