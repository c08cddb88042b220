//! Rows as SQLite keeps them, and back.

use reprise_engine::{Digest, EntryRecord, Phase, Seq, Timestamp};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Encode, Row, Sqlite, Type};

use super::error::damaged;
use crate::{Activity, Deployment, ExecutionKey, ExecutionRow, NewExecution, Progress};

/// The columns that [`execution_row`] reads.
macro_rules! execution_columns {
    () => {
        "id, gid, workflow, digest, input_hash, phase, activity, wake_at, note, result, created_at, updated_at"
    };
}
pub(super) use execution_columns;

/// Values for the parameters of a statement, in order.
#[derive(Debug, Default)]
pub(super) struct Parameters(SqliteArguments);

impl Parameters {
    pub(super) fn with_capacity(values: usize) -> Self {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(values, 0);
        Self(arguments)
    }

    pub(super) fn push<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> Result<(), sqlx::Error> {
        self.0.add(value).map_err(sqlx::Error::Encode)
    }

    pub(super) fn finish(self) -> SqliteArguments {
        self.0
    }
}

/// SQLite's integers have a sign: a time after the year 292,278,994 becomes that.
pub(super) fn time_value(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

pub(super) const fn phase_value(phase: Phase) -> i64 {
    match phase {
        Phase::Running => 0,
        Phase::Committing => 1,
        Phase::RollingBack => 2,
        Phase::Succeeded => 3,
        Phase::Failed => 4,
    }
}

pub(super) const fn activity_value(activity: Activity) -> i64 {
    match activity {
        Activity::Active => 0,
        Activity::Parked => 1,
        Activity::Quarantined => 2,
        Activity::Finished => 3,
    }
}

pub(super) fn execution_row(row: &SqliteRow) -> Result<ExecutionRow, sqlx::Error> {
    Ok(ExecutionRow {
        key: ExecutionKey(row.try_get(0)?),
        execution: NewExecution {
            gid: row.try_get::<&str, _>(1)?.parse().map_err(damaged)?,
            workflow: row.try_get::<&str, _>(2)?.parse().map_err(damaged)?,
            input_hash: hash(row, 4)?,
            created_at: time(row.try_get(10)?)?,
        },
        progress: Progress {
            phase: phase(row.try_get(5)?)?,
            digest: Digest::new(hash(row, 3)?),
            activity: activity(row.try_get(6)?)?,
            wake_at: row.try_get::<Option<i64>, _>(7)?.map(time).transpose()?,
            note: row.try_get(8)?,
            result: row.try_get(9)?,
            updated_at: time(row.try_get(11)?)?,
        },
    })
}

/// From `seq, at, kind, fingerprint, data`.
pub(super) fn entry_record(row: &SqliteRow) -> Result<EntryRecord, sqlx::Error> {
    Ok(EntryRecord {
        seq: Seq(number(row.try_get(0)?)?),
        at: time(row.try_get(1)?)?,
        kind: number(row.try_get(2)?)?,
        fingerprint: row.try_get::<i64, _>(3)?.cast_unsigned(),
        data: row.try_get(4)?,
    })
}

/// From `workflow, version, digest, deployed_at`.
pub(super) fn deployment(row: &SqliteRow) -> Result<Deployment, sqlx::Error> {
    Ok(Deployment {
        workflow: row.try_get::<&str, _>(0)?.parse().map_err(damaged)?,
        version: number(row.try_get(1)?)?,
        digest: Digest::new(hash(row, 2)?),
        deployed_at: time(row.try_get(3)?)?,
    })
}

/// A stored number that fits its type.
pub(super) fn number<T: TryFrom<i64, Error: Into<BoxDynError>>>(value: i64) -> Result<T, sqlx::Error> {
    T::try_from(value).map_err(damaged)
}

/// A stored time.
pub(super) fn time(value: i64) -> Result<Timestamp, sqlx::Error> {
    number(value).map(Timestamp)
}

fn hash(row: &SqliteRow, column: usize) -> Result<[u8; 32], sqlx::Error> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(damaged)
}

fn phase(value: i64) -> Result<Phase, sqlx::Error> {
    [Phase::Running, Phase::Committing, Phase::RollingBack, Phase::Succeeded, Phase::Failed]
        .into_iter()
        .find(|phase| phase_value(*phase) == value)
        .ok_or_else(|| damaged(format!("no phase has number {value}")))
}

fn activity(value: i64) -> Result<Activity, sqlx::Error> {
    [Activity::Active, Activity::Parked, Activity::Quarantined, Activity::Finished]
        .into_iter()
        .find(|activity| activity_value(*activity) == value)
        .ok_or_else(|| damaged(format!("no activity has number {value}")))
}
