//! Times and durations as the API writes them and as people read them.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A time: RFC 3339 or UTC milliseconds on the wire, `2026-01-31 12:00:00.000Z` for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Timestamp);

impl Moment {
    /// UTC milliseconds.
    pub(super) fn from_ms(ms: i64) -> Option<Self> {
        Timestamp::from_millisecond(ms).ok().map(Self)
    }

    /// The time.
    pub(super) fn now() -> Self {
        let ms = i64::try_from(reprise_coordinator::now().0).unwrap_or(i64::MAX);
        Self::from_ms(ms).unwrap_or(Self(Timestamp::MAX))
    }

    /// Milliseconds from `earlier` to this; negative if this is earlier.
    pub(super) fn ms_since(self, earlier: Self) -> i64 {
        self.0.as_millisecond() - earlier.0.as_millisecond()
    }

    /// `12:00:00.000Z`.
    pub(super) fn time_of_day(self) -> String {
        self.0.strftime("%H:%M:%S.%3fZ").to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%S.%3fZ"))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wire;

        impl Visitor<'_> for Wire {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time, RFC 3339 or UTC milliseconds")
            }

            fn visit_i64<E: Error>(self, ms: i64) -> Result<Moment, E> {
                Moment::from_ms(ms).ok_or_else(|| E::custom(format!("{ms} ms is out of range")))
            }

            fn visit_u64<E: Error>(self, ms: u64) -> Result<Moment, E> {
                self.visit_i64(i64::try_from(ms).map_err(E::custom)?)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
                text.parse().map(Moment).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Wire)
    }
}

/// A length as people say it: `12 ms`, `1.2 s`, `3 min 20 s`, `4 h 5 min`, `2 d 3 h`.
pub(super) fn length(ms: i64) -> String {
    const SECOND: i64 = 1_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let pair = |big: i64, big_name: &str, small: i64, small_name: &str| match ms % big / small {
        0 => format!("{} {big_name}", ms / big),
        rest => format!("{} {big_name} {rest} {small_name}", ms / big),
    };
    match ms {
        ..SECOND => format!("{} ms", ms.max(0)),
        SECOND..MINUTE => format!("{}.{} s", ms / SECOND, ms % SECOND / 100),
        MINUTE..HOUR => pair(MINUTE, "min", SECOND, "s"),
        HOUR..DAY => pair(HOUR, "h", MINUTE, "min"),
        DAY.. => pair(DAY, "d", HOUR, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        let both: Vec<Moment> =
            serde_json::from_str(r#"["2026-01-02T03:04:05.678Z", 1767323045678]"#).expect("two times");
        assert_eq!(both[0], both[1]);
        assert_eq!(both[0].to_string(), "2026-01-02 03:04:05.678Z");
        assert!(serde_json::from_str::<Moment>("\"soon\"").is_err());
    }

    #[test]
    fn lengths_read_well() {
        for (ms, want) in [
            (-5, "0 ms"),
            (999, "999 ms"),
            (1_234, "1.2 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (14_700_000, "4 h 5 min"),
            (183_600_000, "2 d 3 h"),
        ] {
            assert_eq!(length(ms), want);
        }
    }
}
