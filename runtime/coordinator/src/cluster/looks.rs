//! Looking into the store from time to time, as long as this node may work.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::coordinator::Shared;

/// When to look.
pub(super) struct Looks(Interval);

impl Looks {
    /// At once, and then as often as this.
    pub(super) fn each(period: Duration) -> Self {
        let mut looks = interval(period);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(looks)
    }

    /// Waits for the next look; false when there is none any more: the process stops, or another node has taken over.
    pub(super) async fn next(&mut self, shared: &Shared) -> bool {
        tokio::select! {
            () = shared.stop.cancelled() => false,
            () = shared.lease.fenced() => false,
            _ = self.0.tick() => true,
        }
    }

    /// Has the next look wait for longer than usual.
    pub(super) fn pause(&mut self, length: Duration) {
        self.0.reset_after(length);
    }
}
