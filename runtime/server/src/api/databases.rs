//! The databases of SQL and XA operations, and what they keep prepared.

use axum::Json;
use axum::extract::State;
use reprise_coordinator::{DatabaseStatus, Handling};
use serde::Serialize;

use super::Api;

#[derive(Serialize)]
pub(super) struct DatabasesJson {
    databases: Vec<DatabaseJson>,
}

#[derive(Serialize)]
struct DatabaseJson {
    name: String,
    kind: &'static str,
    reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    prepared: Vec<PreparedJson>,
}

#[derive(Serialize)]
struct PreparedJson {
    gid: String,
    branch: String,
    age_ms: Option<u64>,
    handling: Handling,
}

impl DatabaseJson {
    fn of(status: DatabaseStatus) -> Self {
        let (prepared, error) = match status.prepared {
            Ok(prepared) => (prepared, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let json = prepared.into_iter().map(|one| PreparedJson {
            gid: one.prepared.gid.to_string(),
            branch: one.prepared.branch,
            age_ms: one.prepared.age_ms,
            handling: one.handling,
        });
        Self {
            name: status.name,
            kind: status.kind.name(),
            reachable: error.is_none(),
            error,
            prepared: json.collect(),
        }
    }
}

/// `GET /v1/databases`: asks each of them.
pub(super) async fn list(State(api): State<Api>) -> Json<DatabasesJson> {
    let all = api.coordinator.databases().await;
    Json(DatabasesJson { databases: all.into_iter().map(DatabaseJson::of).collect() })
}
