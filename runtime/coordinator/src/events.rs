//! News of executions, for those who wait and those who watch.

use std::sync::Arc;

use dashmap::DashMap;
use reprise_engine::{Gid, Phase, Seq};
use tokio::sync::{broadcast, watch};

use crate::status::Status;

/// How many events a slow watcher may lag behind before it must read the journal again.
const LAG_MAX: usize = 1_024;

/// Something became durable.
#[derive(Debug, Clone)]
pub struct Event {
    /// Of which execution.
    pub gid: Gid,
    /// How many entries its journal has.
    pub entries: Seq,
    /// Where it stands.
    pub phase: Phase,
}

/// Whom to tell what.
#[derive(Debug)]
pub(crate) struct Events {
    all: broadcast::Sender<Event>,
    closings: DashMap<Gid, watch::Sender<Option<Arc<Status>>>>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { all: broadcast::channel(LAG_MAX).0, closings: DashMap::new() }
    }

    /// Every durable change from here on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.all.subscribe()
    }

    /// Resolves when the execution is closed or quarantined; never if that is so already.
    pub(crate) fn closing(&self, gid: &Gid) -> Closing<'_> {
        let receiver = self.closings.entry(gid.clone()).or_insert_with(|| watch::channel(None).0).subscribe();
        Closing { events: self, gid: gid.clone(), receiver: Some(receiver) }
    }

    /// The executions that somebody waits for.
    pub(crate) fn waited_for(&self) -> Vec<Gid> {
        self.closings.iter().map(|closing| closing.key().clone()).collect()
    }

    /// Tells that entries are durable.
    pub(crate) fn appended(&self, gid: &Gid, entries: Seq, phase: Phase) {
        if self.all.receiver_count() > 0 {
            // No receiver left in between is no error.
            let _ = self.all.send(Event { gid: gid.clone(), entries, phase });
        }
    }

    /// Tells those who wait that an execution is closed, or will not end by itself.
    pub(crate) fn closed(&self, gid: &Gid, status: impl FnOnce() -> Status) {
        if let Some((_, sender)) = self.closings.remove(gid) {
            sender.send_replace(Some(Arc::new(status())));
        }
    }
}

/// A wait for the end of one execution; forgets itself when dropped.
pub(crate) struct Closing<'a> {
    events: &'a Events,
    gid: Gid,
    /// Gone only while this is dropped.
    receiver: Option<watch::Receiver<Option<Arc<Status>>>>,
}

impl Closing<'_> {
    /// Returns when the execution is closed.
    pub(crate) async fn closed(&mut self) -> Arc<Status> {
        let receiver = self.receiver.as_mut().expect("a receiver lives as long as its wait");
        let closed = receiver.wait_for(Option::is_some).await.ok().and_then(|status| status.clone());
        match closed {
            Some(status) => status,
            // The sender lives until it has said so.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.receiver = None;
        self.events.closings.remove_if(&self.gid, |_, sender| sender.receiver_count() == 0);
    }
}
