//! Participants that are paused.

use reprise_engine::Timestamp;
use rusqlite::{Connection, params};

use super::error::SqliteError;
use crate::codes;

/// All of them: operators pause few.
const PAUSED: &str = "SELECT name FROM paused_participants ORDER BY name";

const PAUSE: &str = "INSERT INTO paused_participants (name, paused_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";

const RESUME: &str = "DELETE FROM paused_participants WHERE name = ?";

pub(super) fn paused(connection: &Connection) -> Result<Vec<String>, SqliteError> {
    let mut statement = connection.prepare_cached(PAUSED)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Within an open transaction: pauses it since a time, or resumes it.
pub(super) fn set(connection: &Connection, name: &str, paused_at: Option<Timestamp>) -> Result<(), SqliteError> {
    match paused_at {
        Some(at) => connection.execute(PAUSE, params![name, codes::of_time(at)])?,
        None => connection.execute(RESUME, params![name])?,
    };
    Ok(())
}
