//! The section `dtm`: whether clients of DTM are served, and where.

use std::time::Duration;

use reprise_dtm::Defaults;
use serde::Deserialize;

use super::error::ConfigError;
use crate::dtm::DtmSettings;

/// The section `dtm`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DtmConfig {
    /// Whether DTM's API is served.
    pub enabled: bool,
    /// Address of DTM's HTTP API and JSON-RPC; port 0 lets the system choose.
    pub listen: String,
    /// Address of DTM's gRPC API.
    pub grpc_listen: String,
    /// When a prepared TCC or XA transaction is rolled back, and the sender of a message asked, where its client does not
    /// say it: seconds.
    pub timeout_to_fail_s: u64,
    /// Pause between two callbacks of a workflow, where its client does not say it: seconds.
    pub callback_s: u64,
    /// How long a request with `wait_result` waits for the end, milliseconds.
    pub wait_ms: u64,
}

impl Default for DtmConfig {
    fn default() -> Self {
        let Defaults { timeout_ms, callback_ms } = Defaults::default();
        Self {
            enabled: false,
            listen: "127.0.0.1:36789".into(),
            grpc_listen: "127.0.0.1:36790".into(),
            timeout_to_fail_s: timeout_ms / 1_000,
            callback_s: callback_ms / 1_000,
            // The first clients hang up after 8 s.
            wait_ms: 5_000,
        }
    }
}

impl DtmConfig {
    pub(super) fn check(&self, allow_urls: bool) -> Result<(), ConfigError> {
        for (key, holds, rule) in [
            ("dtm.timeout_to_fail_s", self.timeout_to_fail_s > 0, "at least 1"),
            ("dtm.callback_s", self.callback_s > 0, "at least 1"),
            ("allow_urls", allow_urls || !self.enabled, "true where `dtm.enabled` is: clients of DTM name whole URLs"),
        ] {
            if !holds {
                return Err(ConfigError::Rule { key, rule });
            }
        }
        Ok(())
    }

    /// How DTM's face behaves.
    #[must_use]
    pub const fn settings(&self, input_bytes: usize) -> DtmSettings {
        let defaults = Defaults {
            timeout_ms: self.timeout_to_fail_s.saturating_mul(1_000),
            callback_ms: self.callback_s.saturating_mul(1_000),
        };
        DtmSettings { defaults, wait: Duration::from_millis(self.wait_ms), input_bytes }
    }
}
