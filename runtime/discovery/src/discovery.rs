//! The handle: follows names, and registers this process.

use std::sync::Arc;

use crate::config::{DiscoveryConfig, DiscoveryError, RegisterConfig};
use crate::dns::Dns;
use crate::etcd::Etcd;
use crate::etcd::cluster::Clusters;
use crate::fixed::Fixed;
use crate::following::Following;
use crate::registration::Registration;
use crate::resolver::Resolver;
use crate::target::{Source, Target};

/// Follows names and registers this process. One per process: it holds the connections.
#[derive(Debug, Default)]
pub struct Discovery {
    clusters: Clusters,
}

impl Discovery {
    /// Checks the settings; connects to nobody.
    ///
    /// # Errors
    /// [`DiscoveryError`]: settings that can't be used; the text says which and what to write instead.
    pub fn new(config: &DiscoveryConfig) -> Result<Self, DiscoveryError> {
        if let Some(register) = &config.register {
            register.parts()?;
        }
        Ok(Self { clusters: Clusters::new(&config.etcd)? })
    }

    /// The addresses of `target`, live. Asks nobody before they are asked for.
    #[must_use]
    pub fn follow(&self, target: &Target) -> Following {
        Following::new(self.resolver(target))
    }

    /// Puts this process under a key, and keeps it there until [`Registration::end`]. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DiscoveryError`]: settings that can't be used. That etcd is not there is no error: it is tried until it is.
    pub fn register(&self, config: &RegisterConfig) -> Result<Registration, DiscoveryError> {
        let (hosts, key, address) = config.parts()?;
        Ok(Registration::start(self.clusters.at(&hosts), key, address, config.ttl_s))
    }

    fn resolver(&self, target: &Target) -> Arc<dyn Resolver> {
        match &target.source {
            Source::Direct(addresses) => Arc::new(Fixed(addresses.clone())),
            Source::Dns(name) => Arc::new(Dns(name.clone())),
            Source::Etcd { hosts, key } => Arc::new(Etcd::new(self.clusters.at(hosts), key.clone())),
        }
    }
}
