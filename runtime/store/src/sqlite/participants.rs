//! Participants that are paused.

use reprise_engine::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{SqlitePool, query, query_scalar};

use super::rows::time_value;

/// All of them: operators pause few.
const PAUSED: &str = "SELECT name FROM paused_participants ORDER BY name";

const PAUSE: &str = "INSERT INTO paused_participants (name, paused_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";

const RESUME: &str = "DELETE FROM paused_participants WHERE name = ?";

pub(super) async fn paused(readers: &SqlitePool) -> Result<Vec<String>, sqlx::Error> {
    query_scalar(PAUSED).fetch_all(readers).await
}

/// Within an open transaction: pauses it since a time, or resumes it.
pub(super) async fn set(
    connection: &mut SqliteConnection,
    name: &str,
    paused_at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    let statement = match paused_at {
        Some(at) => query(PAUSE).bind(name).bind(time_value(at)),
        None => query(RESUME).bind(name),
    };
    statement.execute(connection).await.map(drop)
}
