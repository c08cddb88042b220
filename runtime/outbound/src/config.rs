//! Settings: who the participants are, and what bounds a call. Checked once, by [`crate::Outbound::new`].

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use reprise_discovery::{DiscoveryConfig, DiscoveryError};
use reprise_engine::{OutcomeMap, RetryPolicy};
use reprise_sql::{DatabaseConfig, DatabasesError};
use serde::{Deserialize, Deserializer};
use thiserror::Error;
use url::Url;

use crate::policy::{BreakerPolicy, Policies, RatePolicy};

/// A business service that branches call: `[participants.bank]` in the configuration.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// Where it is: `http(s)://host:port`, with a path in front of every target's path if wanted; or how to find it:
    /// `etcd://host:port/key` and the other forms of [`reprise_discovery::Target`].
    pub url: String,
    /// Longest time of one attempt where the branch sets none; `timeout_ms` in the configuration.
    #[serde(default, rename = "timeout_ms", deserialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
    /// Sent with every call, for credentials: they stay out of journals, logs and errors.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Speak HTTP/2 at once, without TLS or an upgrade (HTTP operations; gRPC always does).
    #[serde(default)]
    pub http2_prior_knowledge: bool,
    /// Longest time of all attempts of a call together, milliseconds.
    #[serde(default)]
    pub deadline_ms: Option<u32>,
    /// How attempts are repeated.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Pause after an "ongoing" answer, milliseconds.
    #[serde(default)]
    pub ongoing_ms: Option<u32>,
    /// What answers mean.
    #[serde(default)]
    pub outcome_map: OutcomeMap,
    /// Attempts under way at one time.
    #[serde(default)]
    pub concurrency: Option<NonZeroU32>,
    /// How often attempts may begin.
    #[serde(default)]
    pub rate: Option<RatePolicy>,
    /// When to leave it alone.
    #[serde(default)]
    pub breaker: Option<BreakerPolicy>,
}

impl Participant {
    /// A participant at `url` with everything else at its default.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: None,
            headers: BTreeMap::new(),
            http2_prior_knowledge: false,
            deadline_ms: None,
            retry: RetryPolicy::default(),
            ongoing_ms: None,
            outcome_map: OutcomeMap::default(),
            concurrency: None,
            rate: None,
            breaker: None,
        }
    }

    pub(crate) fn policies(&self) -> Policies {
        Policies {
            timeout_ms: self.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
            deadline_ms: self.deadline_ms,
            retry: self.retry,
            ongoing_ms: self.ongoing_ms,
            outcome_map: self.outcome_map.clone(),
            concurrency: self.concurrency,
            rate: self.rate,
            breaker: self.breaker,
        }
    }
}

impl fmt::Debug for Participant {
    /// Names the headers and hides their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = Url::parse(&self.url).ok().filter(|url| url.username().is_empty() && url.password().is_none());
        f.debug_struct("Participant")
            .field("url", &url.as_ref().map_or("(hidden)", |_| &self.url))
            .field("timeout", &self.timeout)
            .field("headers", &self.headers.keys())
            .field("http2_prior_knowledge", &self.http2_prior_knowledge)
            .field("policies", &self.policies())
            .finish()
    }
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u32>::deserialize(deserializer)?.map(|ms| Duration::from_millis(u64::from(ms))))
}

/// Settings of the outbound side.
#[derive(Debug, Clone)]
pub struct OutboundConfig {
    /// By name; operations say `name/path`.
    pub participants: BTreeMap<String, Participant>,
    /// By name; SQL and XA operations say which.
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Longest time of one attempt where neither the branch nor the participant sets one. DTM's is 3 s too.
    pub default_timeout: Duration,
    /// Longest time to connect; counts towards the attempt's time.
    pub connect_timeout: Duration,
    /// Bytes of a response; a longer one counts as lost.
    pub response_bytes_max: usize,
    /// Idle HTTP connections kept per host. Fewer than there are calls at one time means connecting anew all the time.
    pub pool_idle_per_host: usize,
    /// Whether operations may name whole URLs and names for discovery, or participants only.
    pub allow_urls: bool,
    /// How to be let in where participants are looked for.
    pub discovery: DiscoveryConfig,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            participants: BTreeMap::new(),
            databases: BTreeMap::new(),
            default_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(2),
            response_bytes_max: 4 << 20,
            pool_idle_per_host: 1_024,
            allow_urls: true,
            discovery: DiscoveryConfig::default(),
        }
    }
}

/// Settings that can't be used.
#[derive(Debug, Error)]
pub enum OutboundError {
    /// A participant's settings; the text says which and why.
    #[error("participant `{name}`: {reason}")]
    Participant {
        /// Its name.
        name: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A database's settings.
    #[error(transparent)]
    Database(#[from] DatabasesError),
    /// Discovery's settings.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// TLS could not be set up.
    #[error("TLS could not be set up: {reason}")]
    Tls {
        /// What went wrong.
        reason: String,
    },
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made")]
    HttpClient(#[source] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participant_reads_from_toml() {
        let participant: Participant =
            toml::from_str("url = 'http://bank:1/v1'\ntimeout_ms = 250\nheaders = { authorization = 'secret' }")
                .expect("valid");
        assert_eq!(participant.timeout, Some(Duration::from_millis(250)));
        let shown = format!("{participant:?}");
        assert!(shown.contains("authorization") && !shown.contains("secret"), "{shown}");
        assert!(toml::from_str::<Participant>("url = 'http://bank:1'\ntimeout = 3").is_err());
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        let shown = format!("{:?}", Participant::at("http://me:secret@bank"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
