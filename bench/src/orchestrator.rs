//! The ceiling (DESIGN 9): the same transfer as a bare program, with the same HTTP front and the same outbound client,
//! without Wasm and without a journal. A crash of it loses money.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use reprise_engine::{Answer, BranchId, BranchOptions, Convention, Gid, Op, Operation, Outcome};
use reprise_outbound::{Call, Outbound, OutboundConfig};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Parameters {
    workflow: String,
    wait: String,
}

#[derive(Deserialize)]
struct Transfer {
    from: String,
    to: String,
    amount: i64,
}

#[derive(Serialize)]
struct Posting<'a> {
    account: &'a str,
    amount: i64,
}

#[derive(Deserialize)]
struct Balance {
    balance: i64,
}

#[derive(Serialize)]
struct Done<'a> {
    gid: &'a str,
    workflow: &'a str,
    phase: &'static str,
    output: Receipt,
}

#[derive(Serialize)]
struct Receipt {
    from_balance: i64,
    to_balance: i64,
}

/// Starts it; it ends with the tokio runtime.
pub(crate) async fn start(outbound: OutboundConfig) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let outbound = Arc::new(Outbound::new(outbound)?);
    let router = Router::new().route("/v1/executions/{gid}", post(trigger)).with_state(outbound);
    let listener = listener.tap_io(|connection| {
        // Only slower if it can't be set.
        let _ = connection.set_nodelay(true);
    });
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(address)
}

async fn trigger(
    State(outbound): State<Arc<Outbound>>,
    Path(gid): Path<String>,
    Query(parameters): Query<Parameters>,
    body: Bytes,
) -> Response {
    match transfer(&outbound, &gid, &parameters, &body).await {
        Ok(done) => axum::Json(done).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

async fn transfer<'a>(outbound: &Outbound, gid: &'a str, parameters: &'a Parameters, body: &[u8]) -> Result<Done<'a>> {
    if parameters.wait != "true" {
        bail!("this one always waits");
    }
    let order: Transfer = serde_json::from_slice(body)?;
    let id: Gid = gid.parse()?;
    let out = Posting { account: &order.from, amount: order.amount };
    let from_balance = call(outbound, &id, 1, "bank/transfer-out", &out).await?;
    let into = Posting { account: &order.to, amount: order.amount };
    let to_balance = call(outbound, &id, 2, "bank/transfer-in", &into).await?;
    let output = Receipt { from_balance, to_balance };
    Ok(Done { gid, workflow: &parameters.workflow, phase: "succeeded", output })
}

async fn call(outbound: &Outbound, gid: &Gid, branch: u32, target: &str, posting: &Posting<'_>) -> Result<i64> {
    let operation =
        Operation::Http { method: "POST".into(), target: target.into(), body: serde_json::to_vec(posting)? };
    let options = BranchOptions::default();
    let branch = BranchId::of_run(branch);
    let call = Call {
        gid,
        branch,
        op: Op::Action,
        operation: &operation,
        options: &options,
        must_succeed: false,
        attempt: 1,
        outcome: None,
    };
    let answer = outbound.perform(call).await;
    match (answer.outcome(Convention::Transaction, &options.outcome_map), answer) {
        (Outcome::Success, Answer::Http { body, .. }) => {
            let balance: Balance = serde_json::from_slice(&body).context("the participant's answer")?;
            Ok(balance.balance)
        }
        (_, answer) => bail!("{target}: {}", answer.summary()),
    }
}
