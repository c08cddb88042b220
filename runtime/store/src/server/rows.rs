//! Rows as the databases keep them, and back.

use std::fmt::Display;

use reprise_engine::{Digest, Timestamp};

use super::dialect::{Dialect, RowOf};
use super::error::{ServerError, damaged};
use crate::rules::Standing;
use crate::{Activity, Deployment, ExecutionKey, ExecutionRow, NewExecution, Progress, codes};

/// The columns that [`execution_row`] reads.
macro_rules! execution_columns {
    () => {
        "id, gid, workflow, digest, input_hash, phase, activity, wake_at, note, result, created_at, updated_at, \
         owner"
    };
}
pub(super) use execution_columns;

/// As node `me` sees it.
pub(super) fn execution_row<D: Dialect>(row: &RowOf<D>, me: i64) -> Result<ExecutionRow, ServerError> {
    let (phase, activity) = (int::<D>(row, 5)?, int::<D>(row, 6)?);
    let activity = codes::activity(activity).ok_or_else(|| damaged(format!("no activity has number {activity}")))?;
    Ok(ExecutionRow {
        key: ExecutionKey(int::<D>(row, 0)?),
        execution: NewExecution {
            gid: text::<D>(row, 1)?.parse().map_err(damaged)?,
            workflow: text::<D>(row, 2)?.parse().map_err(damaged)?,
            input_hash: hash::<D>(row, 4)?,
            created_at: time(int::<D>(row, 10)?)?,
        },
        progress: Progress {
            phase: codes::phase(phase).ok_or_else(|| damaged(format!("no phase has number {phase}")))?,
            digest: Digest::new(hash::<D>(row, 3)?),
            activity,
            wake_at: D::int(row, 7)?.map(time).transpose()?,
            note: D::bytes(row, 8)?.map(String::from_utf8).transpose().map_err(damaged)?,
            result: D::bytes(row, 9)?,
            updated_at: time(int::<D>(row, 11)?)?,
        },
        elsewhere: activity == Activity::Active && int::<D>(row, 12)? != me,
    })
}

/// From `id, owner, activity, wake_at, updated_at`.
pub(super) fn standing<D: Dialect>(row: &RowOf<D>) -> Result<Standing, ServerError> {
    Ok(Standing { activity: int::<D>(row, 2)?, wake_at: D::int(row, 3)?, updated_at: int::<D>(row, 4)? })
}

/// From `workflow, version, digest, deployed_at`.
pub(super) fn deployment<D: Dialect>(row: &RowOf<D>) -> Result<Deployment, ServerError> {
    Ok(Deployment {
        workflow: text::<D>(row, 0)?.parse().map_err(damaged)?,
        version: number(int::<D>(row, 1)?)?,
        digest: Digest::new(hash::<D>(row, 2)?),
        deployed_at: time(int::<D>(row, 3)?)?,
    })
}

/// A stored number that fits its type.
pub(super) fn number<T: TryFrom<i64, Error: Display>>(value: i64) -> Result<T, ServerError> {
    T::try_from(value).map_err(damaged)
}

/// A stored time.
pub(super) fn time(value: i64) -> Result<Timestamp, ServerError> {
    number(value).map(Timestamp)
}

pub(super) fn int<D: Dialect>(row: &RowOf<D>, column: usize) -> Result<i64, ServerError> {
    D::int(row, column)?.ok_or_else(|| missing(column))
}

pub(super) fn bytes<D: Dialect>(row: &RowOf<D>, column: usize) -> Result<Vec<u8>, ServerError> {
    D::bytes(row, column)?.ok_or_else(|| missing(column))
}

pub(super) fn text<D: Dialect>(row: &RowOf<D>, column: usize) -> Result<String, ServerError> {
    String::from_utf8(bytes::<D>(row, column)?).map_err(damaged)
}

fn hash<D: Dialect>(row: &RowOf<D>, column: usize) -> Result<[u8; 32], ServerError> {
    let bytes = bytes::<D>(row, column)?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(damaged)
}

fn missing(column: usize) -> ServerError {
    damaged(format!("column {column}: NULL"))
}
