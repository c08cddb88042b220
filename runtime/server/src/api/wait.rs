//! The parameter `wait`: how long a request waits for the end of an execution.

use std::time::Duration;

use serde::Deserialize;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Wait {
    /// Not at all.
    No,
    /// As long as the configuration allows.
    Longest,
    /// That long.
    For(Duration),
}

impl Wait {
    /// The time, at most `longest`; none if there is nothing to wait for.
    pub(super) fn bounded(wait: Option<Self>, longest: Duration) -> Option<Duration> {
        match wait {
            None | Some(Self::No) => None,
            Some(Self::Longest) => Some(longest),
            Some(Self::For(time)) => Some(time.min(longest)),
        }
    }
}

/// A length of time with its unit, more than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Length {
    pub(super) ms: u64,
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let shown: String = text.chars().take(40).collect();
        let ms = length_ms(&text).filter(|ms| *ms > 0);
        let ms =
            ms.ok_or_else(|| format!("{shown:?} is no length of time: write for instance 30s, 500ms, 10m or 2h"))?;
        Ok(Self { ms })
    }
}

fn length_ms(text: &str) -> Option<u64> {
    let units: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    units.into_iter().find_map(|(unit, ms)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(ms)
    })
}

impl TryFrom<String> for Wait {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "true" | "" => return Ok(Self::Longest),
            "false" => return Ok(Self::No),
            _ => {}
        }
        let shown: String = text.chars().take(40).collect();
        let ms = length_ms(&text)
            .ok_or_else(|| format!("wait {shown:?} is no time: write for instance 30s, 500ms or true"))?;
        Ok(if ms == 0 { Self::No } else { Self::For(Duration::from_millis(ms)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let ms = |ms| Ok(Wait::For(Duration::from_millis(ms)));
        for (text, want) in [
            ("30s", ms(30_000)),
            ("500ms", ms(500)),
            ("2m", ms(120_000)),
            ("true", Ok(Wait::Longest)),
            ("", Ok(Wait::Longest)),
            ("false", Ok(Wait::No)),
            ("0s", Ok(Wait::No)),
            ("30", Err(())),
            ("-1s", Err(())),
            ("99999999999999999999s", Err(())),
            ("soon", Err(())),
        ] {
            assert_eq!(Wait::try_from(text.to_owned()).map_err(|_| ()), want, "{text}");
        }
    }

    #[test]
    fn waits_are_bounded() {
        let longest = Duration::from_secs(60);
        for (wait, want) in [
            (None, None),
            (Some(Wait::No), None),
            (Some(Wait::Longest), Some(60)),
            (Some(Wait::For(Duration::from_secs(90))), Some(60)),
            (Some(Wait::For(Duration::from_secs(3))), Some(3)),
        ] {
            assert_eq!(Wait::bounded(wait, longest), want.map(Duration::from_secs), "{wait:?}");
        }
    }
}
