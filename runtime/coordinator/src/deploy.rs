//! Deployments: a component becomes the newest version of a workflow, and what waits for it goes on.

use std::time::Duration;

use reprise_engine::WorkflowName;
use reprise_host::ComponentError;
use reprise_store::{Deployment, StoreError};
use thiserror::Error;

use crate::clock::now;
use crate::coordinator::{Coordinator, TAKE_UP_MAX, TakeUp};

/// How long a deployment waits for quarantined executions to be taken up.
const RETRY_WAIT: Duration = Duration::from_secs(1);

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
        let prepared = shared.host.prepare(component.clone()).await?;
        let deployment = shared.store.deploy(&workflow, prepared.digest, &component, now()).await?;
        shared.deployed(&deployment);
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
