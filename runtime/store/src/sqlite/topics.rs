//! Topics.

use rusqlite::{Connection, Row, params};

use super::error::{SqliteError, damaged};
use super::rows::{rows, time};
use crate::{Topic, codes};

const ALL: &str = "SELECT name, subscribers, version, created_at, updated_at FROM topics WHERE name > ? ORDER BY name \
                   LIMIT ?";

const ONE: &str = "SELECT name, subscribers, version, created_at, updated_at FROM topics WHERE name = ?";

const ADD: &str = "INSERT INTO topics (name, subscribers, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?) \
                   ON CONFLICT (name) DO NOTHING";

const CHANGE: &str = "UPDATE topics SET subscribers = ?, version = ?, updated_at = ? WHERE name = ? AND version = ?";

const DELETE: &str = "DELETE FROM topics WHERE name = ?";

pub(super) fn topics(connection: &Connection, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, SqliteError> {
    // No name is empty.
    rows(connection, ALL, params![after.unwrap_or_default(), limit], topic_row)
}

pub(super) fn topic(connection: &Connection, name: &str) -> Result<Option<Topic>, SqliteError> {
    Ok(rows(connection, ONE, params![name], topic_row)?.pop())
}

/// Within an open transaction, as [`crate::Store::put_topic`].
pub(super) fn put(connection: &Connection, topic: &Topic) -> Result<bool, SqliteError> {
    let Topic { name, subscribers, version, created_at, updated_at } = topic;
    let (created_at, updated_at) = (codes::of_time(*created_at), codes::of_time(*updated_at));
    let changed = if *version == 1 {
        connection.execute(ADD, params![name, subscribers, version, created_at, updated_at])?
    } else {
        connection.execute(CHANGE, params![subscribers, version, updated_at, name, version.saturating_sub(1)])?
    };
    Ok(changed > 0)
}

/// Within an open transaction: whether there was one.
pub(super) fn delete(connection: &Connection, name: &str) -> Result<bool, SqliteError> {
    Ok(connection.execute(DELETE, params![name])? > 0)
}

fn topic_row(row: &Row<'_>) -> Result<Topic, SqliteError> {
    Ok(Topic {
        name: row.get(0)?,
        subscribers: row.get(1)?,
        version: u32::try_from(row.get::<_, i64>(2)?).map_err(damaged)?,
        created_at: time(row.get(3)?)?,
        updated_at: time(row.get(4)?)?,
    })
}
