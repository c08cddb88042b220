//! Workflows that run in their client: it asks how far one is, or begins it.

use reprise_coordinator::{TriggerError, Triggered, now};
use reprise_dtm::{PlanError, Trans};
use reprise_engine::TransType;

use super::Dtm;
use super::lookup::Seen;
use super::refusal::Refusal;
use super::render::TransactionJson;
use super::state::TransState;

impl Dtm {
    /// Begins a workflow, or tells how far one that was begun is.
    pub(super) async fn prepare_workflow(&self, trans: &Trans) -> Result<Seen, Refusal> {
        let (_, kind) = trans.named()?;
        if kind != TransType::Workflow {
            return Err(PlanError::NotHere { kind: kind.name(), what: "prepareWorkflow is for workflows" }.into());
        }
        let now = now();
        let trigger = trans.workflow(self.settings.defaults, now)?;
        let gid = trigger.gid.clone();
        match self.coordinator.trigger(trigger).await {
            Ok(Triggered::Admitted) => {
                Ok(Seen { transaction: TransactionJson::begun(trans, now), branches: Vec::new() })
            }
            Ok(Triggered::Known) => self.look(&gid).await?.ok_or_else(|| Refusal::unknown(&gid)),
            // With another input: what it was begun with counts.
            Err(TriggerError::Mismatch { .. }) => {
                self.is_of(&gid, kind).await?;
                self.look(&gid).await?.ok_or_else(|| Refusal::unknown(&gid))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a client is told that asked for a workflow under a gid that is something else's. Go's client looks for a
/// transaction in every answer, and panics where there is none.
pub(super) fn refused(gid: &str, refusal: &Refusal) -> TransactionJson {
    TransactionJson {
        gid: gid.to_owned(),
        trans_type: TransType::Workflow.name(),
        status: TransState::Failed.name(),
        rollback_reason: refusal.message().to_owned(),
        ..TransactionJson::default()
    }
}
