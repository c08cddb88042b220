//! For faces with a view of their own: which workflow a gid runs, and its journal as it is.

use reprise_engine::{EntryRecord, Gid, WorkflowName};
use reprise_store::StoreError;

use crate::coordinator::{Admission, Coordinator};
use crate::status::Status;

impl Coordinator {
    /// Which workflow an execution runs; none if there is none. That never changes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn workflow_of(&self, gid: &Gid) -> Result<Option<WorkflowName>, StoreError> {
        let live = self.shared.live.get(gid).map(|live| live.value().clone());
        // One that is on its way in may not be the one that the store has.
        if let Some(live) = live.filter(|live| matches!(*live.admission.borrow(), Admission::Admitted)) {
            return Ok(Some(live.workflow.clone()));
        }
        Ok(self.shared.store.execution(gid).await?.map(|row| row.execution.workflow))
    }

    /// The whole journal of an execution.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entries(&self, status: &Status) -> Result<Vec<EntryRecord>, StoreError> {
        self.shared.whole_journal(status.key).await
    }
}
