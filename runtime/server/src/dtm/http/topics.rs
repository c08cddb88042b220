//! Topics, and the table of keys and values in which DTM shows them.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::{Params, number, success};
use crate::dtm::Dtm;
use crate::dtm::refusal::Refusal;

/// Entries of a page, unless said otherwise, and at most.
const LIMIT: (u32, u32) = (100, 1_000);

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct TopicParams {
    topic: String,
    url: String,
    remark: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct KeyParams {
    cat: String,
    key: String,
    position: String,
    limit: String,
}

/// `GET /subscribe?topic=&url=&remark=`
pub(super) async fn subscribe(
    State(dtm): State<Dtm>,
    Params(TopicParams { topic, url, remark }): Params<TopicParams>,
) -> Result<Response, Refusal> {
    dtm.subscribe(&topic, url, remark).await.map(|()| success())
}

/// `GET /unsubscribe?topic=&url=`
pub(super) async fn unsubscribe(
    State(dtm): State<Dtm>,
    Params(TopicParams { topic, url, .. }): Params<TopicParams>,
) -> Result<Response, Refusal> {
    dtm.unsubscribe(&topic, &url).await.map(|()| success())
}

/// `DELETE /topic/{name}`
pub(super) async fn remove(State(dtm): State<Dtm>, Path(name): Path<String>) -> Result<Response, Refusal> {
    dtm.delete_topic(&name).await.map(|()| success())
}

/// `GET /queryKV?cat=&key=`
pub(super) async fn query_kv(
    State(dtm): State<Dtm>,
    Params(KeyParams { cat, key, .. }): Params<KeyParams>,
) -> Result<Response, Refusal> {
    Ok(Json(json!({ "kv": dtm.key(&cat, &key).await? })).into_response())
}

/// `GET /scanKV?cat=&position=&limit=`
pub(super) async fn scan_kv(
    State(dtm): State<Dtm>,
    Params(KeyParams { cat, position, limit, .. }): Params<KeyParams>,
) -> Result<Response, Refusal> {
    let limit = number(Some(&limit), LIMIT.0)?.clamp(1, LIMIT.1);
    Ok(Json(dtm.keys(&cat, &position, limit).await?).into_response())
}
