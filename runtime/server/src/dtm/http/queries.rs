//! Looking at transactions, and what operators do to many of them.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use reprise_dtm::Trans;
use reprise_engine::{Gid, Timestamp};
use reprise_store::ExecutionKey;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Params, number};
use crate::dtm::Dtm;
use crate::dtm::branches::BranchJson;
use crate::dtm::listing::Filter;
use crate::dtm::refusal::Refusal;
use crate::dtm::render::TransactionJson;
use crate::dtm::state::TransState;

/// Transactions of a page, unless said otherwise, and at most.
const LIMIT: (u32, u32) = (100, 1_000);

#[derive(Deserialize)]
pub(super) struct QueryParams {
    #[serde(default)]
    gid: String,
}

#[derive(Serialize)]
struct QueryJson {
    transaction: Option<TransactionJson>,
    branches: Vec<BranchJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllParams {
    #[serde(default)]
    gid: String,
    position: Option<String>,
    limit: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    trans_type: String,
    create_time_start: Option<String>,
    create_time_end: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ResetParams {
    timeout: Option<String>,
    limit: Option<String>,
}

/// `GET /version`
pub(super) async fn version() -> Response {
    Json(json!({ "version": concat!("reprise v", env!("CARGO_PKG_VERSION")) })).into_response()
}

/// Any method of `/api/ping`
pub(super) async fn ping() -> Response {
    Json(json!({ "msg": "pong" })).into_response()
}

/// `GET /query?gid=`
pub(super) async fn query(
    State(dtm): State<Dtm>,
    Params(QueryParams { gid }): Params<QueryParams>,
) -> Result<Response, Refusal> {
    if gid.is_empty() {
        return Err(Refusal::Invalid("no gid specified".into()));
    }
    // What can't be the name of a transaction is the name of none.
    let seen = match gid.parse::<Gid>() {
        Ok(gid) => dtm.look(&gid).await?,
        Err(_) => None,
    };
    let (transaction, branches) = seen.map_or((None, Vec::new()), |seen| (Some(seen.transaction), seen.branches));
    Ok(Json(QueryJson { transaction, branches }).into_response())
}

/// `GET /all?gid=&position=&limit=&status=&transType=&createTimeStart=&createTimeEnd=`
pub(super) async fn all(State(dtm): State<Dtm>, Params(params): Params<AllParams>) -> Result<Response, Refusal> {
    if !params.gid.is_empty() {
        return Ok(Json(dtm.page_of(&params.gid).await?).into_response());
    }
    Ok(Json(dtm.page(&params.filter()?).await?).into_response())
}

/// `GET /resetCronTime?timeout=&limit=`
pub(super) async fn reset_cron_time(
    State(dtm): State<Dtm>,
    Params(ResetParams { timeout, limit }): Params<ResetParams>,
) -> Result<Response, Refusal> {
    let usual_ms = dtm.settings.defaults.timeout_ms.saturating_mul(3);
    let timeout_s: u64 = number(timeout.as_deref(), usual_ms / 1_000)?;
    let limit = number(limit.as_deref(), LIMIT.0)?;
    Ok(Json(dtm.reset_cron_time(timeout_s.saturating_mul(1_000), limit).await?).into_response())
}

impl AllParams {
    fn filter(&self) -> Result<Filter, Refusal> {
        let time = |text: Option<&str>| match text {
            None | Some("") => Ok(None),
            Some(text) => number(Some(text), 0).map(Timestamp).map(Some),
        };
        let state = TransState::ALL.into_iter().find(|state| state.name() == self.status);
        if state.is_none() && !self.status.is_empty() {
            let text = "status is unknown; use prepared, submitted, aborting, succeed or failed";
            return Err(Refusal::Invalid(text.into()));
        }
        let kind = match self.trans_type.as_str() {
            "" => None,
            name => Some(Trans { gid: "x".into(), trans_type: name.into(), ..Trans::default() }.named()?.1),
        };
        let position = self.position.as_deref().filter(|position| !position.is_empty());
        Ok(Filter {
            kind,
            state,
            created_from: time(self.create_time_start.as_deref())?,
            created_to: time(self.create_time_end.as_deref())?,
            before: position.map(|position| number(Some(position), 0)).transpose()?.map(ExecutionKey),
            limit: number(self.limit.as_deref(), LIMIT.0)?.clamp(1, LIMIT.1),
        })
    }
}
