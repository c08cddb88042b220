//! Deployments: a component becomes the newest version of a workflow, and what waits for it goes on.

use std::time::Duration;

use dashmap::DashMap;
use reprise_engine::WorkflowName;
use reprise_host::ComponentError;
use reprise_store::{Deployment, Store, StoreError};
use thiserror::Error;
use tokio::time::Instant;

use crate::clock::now;
use crate::coordinator::Coordinator;
use crate::take_up::{TAKE_UP_MAX, TakeUp};

/// How long a deployment waits for quarantined executions to be taken up.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// How long a node among others takes what it knows for the newest.
const TRUST: Duration = Duration::from_millis(500);

/// A deployed component.
#[derive(Debug)]
pub struct Deployed {
    /// The version it has.
    pub deployment: Deployment,
    /// What the uploader should know.
    pub warnings: Vec<String>,
}

/// Why a component is not deployed.
#[derive(Debug, Error)]
pub enum DeployError {
    /// It can't run here.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The name is taken.
    #[error("`{0}` is a workflow of the runtime; deploy under another name")]
    Reserved(WorkflowName),
    /// It can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Coordinator {
    /// Checks, compiles and keeps a component as the newest version of `workflow`. Executions of that workflow that
    /// are quarantined try to go on with it.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn deploy(&self, workflow: WorkflowName, component: Vec<u8>) -> Result<Deployed, DeployError> {
        let shared = &self.shared;
        if shared.natives.digest(&workflow).is_some() {
            return Err(DeployError::Reserved(workflow));
        }
        let prepared = shared.host.prepare(component.clone()).await?;
        let deployment = shared.store.deploy(&workflow, prepared.digest, &component, now()).await?;
        shared.deployments.remember(&deployment, Instant::now());
        let coordinator = self.clone();
        let digest = deployment.digest;
        let retry = tokio::spawn(async move { coordinator.retry_quarantined(workflow, digest).await });
        // Who looks after this answer should find them under way; many of them go on after it.
        if let Ok(Err(error)) = tokio::time::timeout(RETRY_WAIT, retry).await {
            tracing::error!(%error, "quarantined executions were not all retried; deploy again");
        }
        Ok(Deployed { deployment, warnings: prepared.warnings })
    }

    async fn retry_quarantined(self, workflow: WorkflowName, digest: reprise_engine::Digest) {
        let mut after = None;
        loop {
            let rows = match self.shared.store.quarantined(&workflow, after, TAKE_UP_MAX).await {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::error!(%workflow, %error, "quarantined executions can't be read; deploy again to retry");
                    return;
                }
            };
            let Some(last) = rows.last() else { return };
            after = Some(last.key);
            tracing::info!(%workflow, executions = rows.len(), "trying quarantined executions with the new component");
            self.take_up(rows, TakeUp::Fixed(digest)).await;
        }
    }
}

/// The newest deployment of each workflow that was asked for. Where nobody else deploys, what is known is so.
#[derive(Debug)]
pub(crate) struct Deployments {
    known: DashMap<WorkflowName, (Deployment, Instant)>,
    trust: Option<Duration>,
}

/// What is known of a workflow's newest deployment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recalled {
    /// It is this one.
    Sure(Deployment),
    /// It was this one a while ago. Who hears so reads anew; others are told the same as before until then.
    Old(Deployment),
    /// Nothing.
    Nothing,
}

impl Deployments {
    pub(crate) fn of(store: &dyn Store) -> Self {
        Self { known: DashMap::new(), trust: store.cluster().map(|_| TRUST) }
    }

    pub(crate) fn recall(&self, workflow: &WorkflowName, now: Instant) -> Recalled {
        let is_old = |read_at: &Instant| self.trust.is_some_and(|trust| now.duration_since(*read_at) >= trust);
        match self.known.get(workflow) {
            None => return Recalled::Nothing,
            Some(known) if !is_old(&known.1) => return Recalled::Sure(known.0.clone()),
            Some(_) => {}
        }
        let Some(mut known) = self.known.get_mut(workflow) else { return Recalled::Nothing };
        // Several may have come here at once: one of them reads.
        if !is_old(&known.1) {
            return Recalled::Sure(known.0.clone());
        }
        known.1 = now;
        Recalled::Old(known.0.clone())
    }

    /// Remembers a deployment that was read or made now, unless a newer one is known.
    pub(crate) fn remember(&self, deployment: &Deployment, now: Instant) {
        let mut known = self.known.entry(deployment.workflow.clone()).or_insert_with(|| (deployment.clone(), now));
        known.1 = now;
        if known.0.version < deployment.version {
            known.0 = deployment.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use reprise_engine::{Digest, Timestamp};

    use super::*;

    fn version(version: u32) -> Deployment {
        let workflow = "w".parse().expect("valid");
        Deployment { workflow, version, digest: Digest::new([0; 32]), deployed_at: Timestamp(1) }
    }

    #[test]
    fn one_of_many_reads_what_another_node_may_have_deployed() {
        let deployments = Deployments { known: DashMap::new(), trust: Some(TRUST) };
        let (workflow, start) = (version(1).workflow, Instant::now());
        assert_eq!(deployments.recall(&workflow, start), Recalled::Nothing);
        deployments.remember(&version(2), start);
        deployments.remember(&version(1), start);
        assert_eq!(deployments.recall(&workflow, start), Recalled::Sure(version(2)));
        let later = start + TRUST;
        assert_eq!(deployments.recall(&workflow, later), Recalled::Old(version(2)));
        assert_eq!(deployments.recall(&workflow, later), Recalled::Sure(version(2)), "the other one reads");
        deployments.remember(&version(3), later);
        assert_eq!(deployments.recall(&workflow, later), Recalled::Sure(version(3)));
    }

    #[test]
    fn alone_a_node_knows_what_it_knows() {
        let deployments = Deployments { known: DashMap::new(), trust: None };
        let start = Instant::now();
        deployments.remember(&version(1), start);
        assert_eq!(deployments.recall(&version(1).workflow, start + TRUST * 1_000), Recalled::Sure(version(1)));
    }
}
