//! Whether this node may send: as long as its lease holds, and never again once another node has taken over.

use std::sync::Arc;

use reprise_store::Store;
use tokio_util::sync::CancellationToken;

/// The right to send. Cheap to clone; a store that one process has for itself gives it for good.
#[derive(Clone)]
pub(crate) struct Lease {
    store: Arc<dyn Store>,
    fenced: CancellationToken,
}

impl Lease {
    pub(crate) fn of(store: Arc<dyn Store>) -> Self {
        Self { store, fenced: CancellationToken::new() }
    }

    /// Whether something may be sent now.
    pub(crate) fn holds(&self) -> bool {
        !self.is_fenced() && self.store.cluster().is_none_or(|cluster| cluster.lease().holds())
    }

    /// Returns when something may be sent; never after a fence.
    pub(crate) async fn held(&self) {
        while !self.holds() {
            if self.is_fenced() {
                return std::future::pending().await;
            }
            if let Some(cluster) = self.store.cluster() {
                cluster.lease().held().await;
            }
        }
    }

    /// Returns when nothing may be sent any more: what is under way must be given up.
    pub(crate) async fn lost(&self) {
        match self.store.cluster() {
            Some(cluster) => tokio::select! {
                () = cluster.lease().lost() => {}
                () = self.fenced.cancelled() => {}
            },
            None => std::future::pending().await,
        }
    }

    /// Another node has taken over. There is no way back.
    pub(crate) fn fence(&self) {
        self.fenced.cancel();
    }

    /// Whether another node has taken over, as far as is known.
    pub(crate) fn is_fenced(&self) -> bool {
        self.fenced.is_cancelled()
    }

    /// Returns when another node has taken over.
    pub(crate) async fn fenced(&self) {
        self.fenced.cancelled().await;
    }
}
