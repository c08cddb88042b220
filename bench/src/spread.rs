//! Many times of one thing, as two numbers.

use std::time::Duration;

use serde::Serialize;

/// Median and 99th percentile, microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Spread {
    /// Half of all took no longer.
    pub p50_us: f64,
    /// All but one in a hundred took no longer.
    pub p99_us: f64,
}

impl Spread {
    /// Of any number of times; zeros if there are none.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        Self { p50_us: at(50), p99_us: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let spread = Spread::of((1..=100).rev().map(Duration::from_micros).collect());
        assert!((spread.p50_us - 51.0).abs() < 0.01 && (spread.p99_us - 100.0).abs() < 0.01, "{spread:?}");
        assert!(Spread::of(Vec::new()).p99_us.abs() < f64::EPSILON);
    }
}
