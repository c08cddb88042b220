//! Settings: how to be let in to an etcd, and under which key this process registers. Credentials never leave this room
//! and the connections.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::address::Address;
use crate::target::{Source, Target};

/// Settings of discovery: `[discovery]` in the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscoveryConfig {
    /// The etcd clusters that want to know who asks, by a name of their own. Others need no entry.
    pub etcd: BTreeMap<String, EtcdConfig>,
    /// Where others look for this process, if they do.
    pub register: Option<RegisterConfig>,
}

/// An etcd cluster with users: `[discovery.etcd.main]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EtcdConfig {
    /// `host:port` of its members. A target whose hosts are all among them is asked as `user`.
    pub endpoints: Vec<String>,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl fmt::Debug for EtcdConfig {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdConfig")
            .field("endpoints", &self.endpoints)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What this process tells etcd: `[discovery.register]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterConfig {
    /// `etcd://host:port/key`, as the clients have it.
    pub target: String,
    /// `host:port` at which they reach this process.
    pub address: String,
    /// Seconds after which etcd takes a silent process for dead.
    #[serde(default = "ttl_s")]
    pub ttl_s: u32,
}

const fn ttl_s() -> u32 {
    10
}

impl RegisterConfig {
    /// `address` is found at `target`, with everything else at its default.
    #[must_use]
    pub fn at(target: impl Into<String>, address: impl Into<String>) -> Self {
        Self { target: target.into(), address: address.into(), ttl_s: ttl_s() }
    }

    /// Etcd's endpoints, the key, and the address.
    pub(crate) fn parts(&self) -> Result<(Vec<Address>, String, Address), DiscoveryError> {
        let wrong = |key, reason: String| DiscoveryError::Register { key, reason };
        let target: Target = self.target.parse().map_err(|e: crate::TargetError| wrong("target", e.to_string()))?;
        let Source::Etcd { hosts, key } = target.source else {
            return Err(wrong("target", "one registers in etcd only; write etcd://host:port/key".into()));
        };
        let address: Address =
            self.address.parse().map_err(|e: crate::AddressError| wrong("address", e.to_string()))?;
        if matches!(address.host(), "0.0.0.0" | "[::]") {
            let reason = format!("nobody can connect to {address}; write the host that others reach this one at");
            return Err(wrong("address", reason));
        }
        if !(2..=3_600).contains(&self.ttl_s) {
            return Err(wrong("ttl_s", "use 2 to 3600".into()));
        }
        Ok((hosts, key, address))
    }
}

/// Settings that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DiscoveryError {
    /// An etcd's; the text says which and why.
    #[error("key `discovery.etcd.{name}`: {reason}")]
    Etcd {
        /// Its name.
        name: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// The registration's.
    #[error("key `discovery.register.{key}`: {reason}")]
    Register {
        /// Which key.
        key: &'static str,
        /// What is wrong and what to write instead.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_from_toml() {
        let config: DiscoveryConfig = toml::from_str(
            "[register]\ntarget = 'etcd://127.0.0.1:2379/dtmservice'\naddress = '10.0.0.5:36790'\n\
             [etcd.main]\nendpoints = ['127.0.0.1:2379']\nuser = 'root'\npassword = 's3cret'",
        )
        .expect("valid");
        let (hosts, key, address) = config.register.as_ref().expect("there").parts().expect("usable");
        assert_eq!(
            (hosts[0].as_str(), key.as_str(), address.as_str()),
            ("127.0.0.1:2379", "dtmservice", "10.0.0.5:36790")
        );
        assert!(!format!("{config:?}").contains("s3cret"));
        assert!(toml::from_str::<DiscoveryConfig>("[register]\ntarget = 'etcd://a:1/k'").is_err());
    }

    #[test]
    fn what_nobody_could_use_is_refused() {
        let good = RegisterConfig::at("etcd://h:2379/dtmservice", "10.0.0.5:36790");
        assert!(good.parts().is_ok());
        for (config, key, want) in [
            (RegisterConfig::at("direct:///h:1", "a:1"), "target", "etcd://host:port/key"),
            (RegisterConfig::at("etcd://h:1", "a:1"), "target", "key is missing"),
            (RegisterConfig::at("etcd://h:1/k", ":36790"), "address", "host:port"),
            (RegisterConfig::at("etcd://h:1/k", "0.0.0.0:36790"), "address", "reach"),
            (RegisterConfig::at("etcd://h:1/k", "[::]:36790"), "address", "reach"),
            (RegisterConfig { ttl_s: 0, ..good }, "ttl_s", "2 to 3600"),
        ] {
            let error = config.parts().expect_err(want).to_string();
            assert!(error.contains(&format!("`discovery.register.{key}`")) && error.contains(want), "{error}");
        }
    }
}
