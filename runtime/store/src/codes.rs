//! The numbers that stand for phases and activities in every database. They never change.

use reprise_engine::{Phase, Timestamp};

use crate::Activity;

/// Integers of databases have a sign: a time after the year 292,278,994 becomes that.
pub(crate) fn of_time(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

pub(crate) const fn of_phase(phase: Phase) -> i64 {
    match phase {
        Phase::Running => 0,
        Phase::Committing => 1,
        Phase::RollingBack => 2,
        Phase::Succeeded => 3,
        Phase::Failed => 4,
    }
}

pub(crate) const fn of_activity(activity: Activity) -> i64 {
    match activity {
        Activity::Active => 0,
        Activity::Parked => 1,
        Activity::Quarantined => 2,
        Activity::Finished => 3,
    }
}

/// None: no version of this crate writes this number.
pub(crate) fn phase(code: i64) -> Option<Phase> {
    [Phase::Running, Phase::Committing, Phase::RollingBack, Phase::Succeeded, Phase::Failed]
        .into_iter()
        .find(|phase| of_phase(*phase) == code)
}

/// None: no version of this crate writes this number.
pub(crate) fn activity(code: i64) -> Option<Activity> {
    [Activity::Active, Activity::Parked, Activity::Quarantined, Activity::Finished]
        .into_iter()
        .find(|activity| of_activity(*activity) == code)
}
