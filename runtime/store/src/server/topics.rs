//! Topics.

use super::dialect::{ConnectionOf, Dialect, RowOf, Value};
use super::error::ServerError;
use super::rows;
use super::writer::Work;
use crate::{Topic, codes};

pub(super) const ALL: &str = "SELECT name, subscribers, version, created_at, updated_at FROM topics /*PRIMARY*/ \
                              WHERE name > ? ORDER BY name LIMIT ?";

pub(super) const ONE: &str =
    "SELECT name, subscribers, version, created_at, updated_at FROM topics /*PRIMARY*/ WHERE name = ?";

/// Nobody else changes it before this transaction ends.
const VERSION: &str = "SELECT version FROM topics /*PRIMARY*/ WHERE name = ? FOR UPDATE";

const ADD: &str = "INSERT INTO topics (name, subscribers, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?)";

const CHANGE: &str = "UPDATE topics SET subscribers = ?, version = ?, updated_at = ? WHERE name = ?";

const DELETE: &str = "DELETE FROM topics WHERE name = ?";

/// From the columns of [`ALL`] and [`ONE`].
pub(super) fn row<D: Dialect>(row: &RowOf<D>) -> Result<Topic, ServerError> {
    Ok(Topic {
        name: rows::text::<D>(row, 0)?,
        subscribers: rows::text::<D>(row, 1)?,
        version: rows::number(rows::int::<D>(row, 2)?)?,
        created_at: rows::time(rows::int::<D>(row, 3)?)?,
        updated_at: rows::time(rows::int::<D>(row, 4)?)?,
    })
}

/// As [`crate::Store::put_topic`].
#[derive(Debug)]
pub(super) struct Put<'a>(pub(super) &'a Topic);

impl<D: Dialect> Work<D> for Put<'_> {
    type Done = bool;

    /// Two nodes that add the same topic at the same time: the second one's insert fails, and it looks again.
    async fn perform(&self, connection: &mut ConnectionOf<D>) -> Result<bool, ServerError> {
        let Topic { name, subscribers, version, created_at, updated_at } = self.0;
        let (name, subscribers) = (Value::Text(name), Value::Text(subscribers));
        let found = D::fetch(connection, &D::text(VERSION), &[name]).await?;
        let found = found.first().map(|row| rows::int::<D>(row, 0)).transpose()?.unwrap_or(0);
        let (version, updated_at) = (i64::from(*version), Value::Int(codes::of_time(*updated_at)));
        if found + 1 != version {
            return Ok(false);
        }
        if found == 0 {
            let values = [name, subscribers, Value::Int(version), Value::Int(codes::of_time(*created_at)), updated_at];
            D::fetch(connection, &D::text(ADD), &values).await?;
        } else {
            let values = [subscribers, Value::Int(version), updated_at, name];
            D::fetch(connection, &D::text(CHANGE), &values).await?;
        }
        Ok(true)
    }
}

/// As [`crate::Store::delete_topic`].
#[derive(Debug)]
pub(super) struct Delete<'a>(pub(super) &'a str);

impl<D: Dialect> Work<D> for Delete<'_> {
    type Done = bool;

    async fn perform(&self, connection: &mut ConnectionOf<D>) -> Result<bool, ServerError> {
        let name = [Value::Text(self.0)];
        let found = D::fetch(connection, &D::text(VERSION), &name).await?;
        D::fetch(connection, &D::text(DELETE), &name).await?;
        Ok(!found.is_empty())
    }
}
