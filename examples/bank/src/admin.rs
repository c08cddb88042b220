//! The admin's side, HTTP only: accounts, the request log, effects, faults, health.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde::Deserialize;

use crate::{
    bank::{Bank, BankError},
    fault::Fault,
    ledger::{Account, Effect},
    reply::{Refusal, Reply},
    request_log::Entry,
};

#[derive(Debug, Deserialize)]
struct Opening {
    balance: i64,
}

#[derive(Debug, Deserialize)]
struct Filter {
    gid: Option<String>,
}

/// The admin's routes.
pub(crate) fn router() -> Router<Bank> {
    Router::new()
        .route("/health", get(async || Json(serde_json::json!({ "status": "ok" }))))
        .route("/accounts", get(accounts))
        .route("/accounts/{name}", put(put_account))
        .route("/effects", get(effects))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
}

async fn accounts(State(bank): State<Bank>) -> Result<Json<Vec<Account>>, BankError> {
    Ok(Json(bank.accounts().await?))
}

async fn put_account(
    State(bank): State<Bank>,
    Path(account): Path<String>,
    Json(Opening { balance }): Json<Opening>,
) -> Result<Response, BankError> {
    if balance < 0 {
        return Ok(Reply::Invalid("an account opens with 0 or more".to_owned()).into_response());
    }
    bank.put_account(&account, balance).await?;
    Ok(Json(Account { account, balance, frozen: 0 }).into_response())
}

async fn effects(State(bank): State<Bank>, Query(filter): Query<Filter>) -> Result<Json<Vec<Effect>>, BankError> {
    Ok(Json(bank.effects(filter.gid.as_deref()).await?))
}

async fn requests(State(bank): State<Bank>) -> Json<Vec<Entry>> {
    Json(bank.requests())
}

async fn clear_requests(State(bank): State<Bank>) -> StatusCode {
    bank.clear_requests();
    StatusCode::NO_CONTENT
}

async fn faults(State(bank): State<Bank>) -> Json<Vec<Fault>> {
    Json(bank.faults())
}

async fn add_fault(State(bank): State<Bank>, Json(fault): Json<Fault>) -> StatusCode {
    bank.add_fault(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(bank): State<Bank>) -> StatusCode {
    bank.clear_faults();
    StatusCode::NO_CONTENT
}

impl IntoResponse for BankError {
    fn into_response(self) -> Response {
        eprintln!("bank: {self:?}");
        (StatusCode::INTERNAL_SERVER_ERROR, Json(Refusal::new(self.to_string()))).into_response()
    }
}
