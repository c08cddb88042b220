//! Looking at one transaction.

use reprise_coordinator::StatusError;
use reprise_engine::Gid;

use super::Dtm;
use super::branches::{BranchJson, see};
use super::refusal::Refusal;
use super::render::TransactionJson;
use super::state::kind_of;

/// A transaction and its branches.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) transaction: TransactionJson,
    pub(super) branches: Vec<BranchJson>,
}

impl Dtm {
    /// How a transaction stands; none if there is none. A workflow of Reprise's own is none.
    pub(super) async fn look(&self, gid: &Gid) -> Result<Option<Seen>, Refusal> {
        let status = match self.coordinator.status(gid).await {
            Ok(status) => status,
            Err(StatusError::Unknown(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(kind) = kind_of(&status.workflow) else { return Ok(None) };
        let records = self.coordinator.entries(&status).await?;
        Ok(Some(see(kind, &status, &records)?))
    }
}
