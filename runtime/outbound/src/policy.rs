//! Policies of a participant as an operator writes them: how its calls are repeated and judged, and how many it gets.

use std::num::NonZeroU32;
use std::time::Duration;

use reprise_engine::{BranchOptions, OutcomeMap, RetryPolicy};
use serde::{Deserialize, Serialize};

/// How often calls may begin: `rate = { per_second = 100, burst = 10 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatePolicy {
    /// Attempts a second in the long run; 0.5 is one every two seconds.
    pub per_second: f64,
    /// Attempts that may begin at once after a quiet time; as many as `per_second` if it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
}

/// When to leave a participant alone: `breaker = { failures = 5, open_ms = 10_000 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Unknown outcomes in a row after which nothing more is sent.
    pub failures: NonZeroU32,
    /// How long nothing is sent, milliseconds; then one attempt tells whether to go on.
    pub open_ms: u32,
}

/// What holds for the calls of a participant, where a call does not say otherwise. Unset is the runtime's default, or
/// no bound.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Policies {
    /// Longest time of one attempt, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Longest time of all attempts together, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u32>,
    /// How attempts are repeated.
    pub retry: RetryPolicy,
    /// Pause after an "ongoing" answer, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ongoing_ms: Option<u32>,
    /// What answers mean.
    pub outcome_map: OutcomeMap,
    /// Attempts under way at one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU32>,
    /// How often attempts may begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RatePolicy>,
    /// When to leave it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerPolicy>,
}

impl Policies {
    /// The part that lies under the options of every call; checked.
    pub(crate) fn options(&self) -> Result<BranchOptions, String> {
        let options = BranchOptions {
            deadline_ms: self.deadline_ms,
            retry: self.retry,
            ongoing_ms: self.ongoing_ms,
            outcome_map: self.outcome_map.clone(),
            ..BranchOptions::default()
        };
        options.check().map_err(|error| error.to_string().trim_start_matches("branch options: ").to_owned())?;
        Ok(options)
    }

    /// Checks what bounds the attempts.
    pub(crate) fn check_bounds(&self) -> Result<(), String> {
        if self.rate.is_some_and(|rate| rate.period().is_none()) {
            return Err("rate.per_second is out of range; use a number from 0.000001 to 1000000".into());
        }
        if self.breaker.is_some_and(|breaker| breaker.open_ms == 0) {
            return Err("breaker.open_ms is 0; use 1 or more".into());
        }
        Ok(())
    }
}

impl RatePolicy {
    /// Time per attempt; none if the rate makes no sense.
    pub(crate) fn period(&self) -> Option<Duration> {
        (0.000_001..=1_000_000.0).contains(&self.per_second).then(|| Duration::from_secs_f64(1.0 / self.per_second))
    }

    pub(crate) fn burst(&self) -> NonZeroU32 {
        // Out of range is refused at the start; the cast of a float saturates.
        self.burst.or_else(|| NonZeroU32::new(self.per_second as u32)).unwrap_or(NonZeroU32::MIN)
    }
}

impl BreakerPolicy {
    pub(crate) fn open(&self) -> Duration {
        Duration::from_millis(u64::from(self.open_ms))
    }
}
