//! The one place that reads the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reprise_engine::Timestamp;
use tokio::time::Instant;

/// The time, UTC milliseconds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where time enters")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The time at which the process' own clock will have reached `due`.
pub(crate) fn timestamp_of(due: Instant) -> Timestamp {
    now().plus_ms(u64::try_from(due.duration_since(Instant::now()).as_millis()).unwrap_or(u64::MAX))
}

/// The moment of the process' own clock at which `due` is reached.
pub(crate) fn instant_of(due: Timestamp) -> Instant {
    Instant::now() + Duration::from_millis(due.ms_since(now()))
}
