//! This process among the nodes of its database: its lease, and whom else it sees.
//!
//! A node has a row of its own, under a number that no other ever gets. It renews the row with each transaction and
//! three times in a lease; `expires_at` is by the database's clock, so the clocks of the machines play no part. A row
//! that has expired may be buried (`alive = 0`) by anyone; its node can't renew it then, so it can write nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::dialect::{ConnectionOf, Dialect, RowOf, Value};
use super::error::ServerError;
use super::writer::Work;
use super::{keys, rows};
use crate::{LeaseClock, ServerOptions};

/// All of them: there are as many as processes.
pub(super) const ALL: &str = "SELECT id, name, alive, expires_at - {now} FROM nodes ORDER BY id";

/// Dead ones whose executions are not all taken over yet.
pub(super) const DEAD: &str = "SELECT id FROM nodes WHERE alive = 0 ORDER BY id";

/// Not if it has renewed its lease by now. The last value is how many milliseconds ago that must have ended.
pub(super) const BURY: &str = "UPDATE nodes SET alive = 0 WHERE id = ? AND alive = 1 AND expires_at <= {now} - ?";

/// A dead node is left nothing to do: what it has is taken from it, and it can write nothing new.
pub(super) const FORGET: &str = "DELETE FROM nodes WHERE id = ? AND alive = 0";

/// One of the active executions of a node.
pub(super) const ONE_LEFT: &str =
    "SELECT id FROM executions /*executions_worker*/ WHERE worker = ? ORDER BY id LIMIT 1";

const ENTER: &str = "INSERT INTO nodes (id, name, alive, expires_at) VALUES (?, ?, 1, {now} + ?)";

/// A node, as this process knows itself.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) lease: Duration,
    pub(super) clock: LeaseClock,
    known: Mutex<Known>,
}

/// What it has learned.
#[derive(Debug)]
struct Known {
    contact: Contact,
    /// Numbers of the living, itself among them, in order.
    living: Vec<i64>,
}

/// Which executions are this node's to wake: those whose key leaves `index` when divided by `nodes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) nodes: i64,
    pub(super) index: i64,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) alive: bool,
    pub(super) left_ms: i64,
}

/// For how long the database has taken this node's writes without a gap.
#[derive(Debug)]
struct Contact {
    since: Instant,
    last: Instant,
}

impl Node {
    /// Gives this process a number and a row.
    pub(super) async fn enter<D: Dialect>(
        connection: &mut ConnectionOf<D>,
        options: &ServerOptions,
        lease_ms: i64,
    ) -> Result<Self, ServerError> {
        let sent = Instant::now();
        D::command(connection, "START TRANSACTION".into()).await?;
        let number = keys::Reserve { counter: keys::NODE, count: 1 };
        let id = Work::<D>::perform(&number, connection).await?;
        let values = [Value::Int(id), Value::Text(&options.node), Value::Int(lease_ms)];
        D::change(connection, &D::text(ENTER), &values).await?;
        D::command(connection, "COMMIT".into()).await?;
        let clock = LeaseClock::new();
        clock.renewed(sent, options.lease);
        let contact = Contact { since: sent, last: Instant::now() };
        let known = Mutex::new(Known { contact, living: vec![id] });
        Ok(Self { id, name: options.node.clone(), lease: options.lease, clock, known })
    }

    /// A transaction that began with a renewal, sent at `sent`, is durable now.
    pub(super) fn renewed(&self, sent: Instant) {
        self.clock.renewed(sent, self.lease);
        self.known().contact.made(Instant::now(), self.lease);
    }

    /// Whether the others had their chance to renew their leases since the database was last away.
    pub(super) fn may_bury(&self) -> bool {
        self.known().contact.lasts(Instant::now(), self.lease)
    }

    /// When the database last took a write of this node.
    #[cfg(test)]
    pub(super) fn last_contact(&self) -> Instant {
        self.known().contact.last
    }

    /// Takes in who else is there.
    pub(super) fn meet(&self, seen: &[Seen]) {
        let lives = |node: &&Seen| node.id == self.id || (node.alive && node.left_ms > 0);
        self.known().living = seen.iter().filter(lives).map(|node| node.id).collect();
    }

    /// What is this node's part of the work that belongs to nobody.
    pub(super) fn share(&self) -> Share {
        let known = self.known();
        let index = known.living.iter().position(|id| *id == self.id);
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        // One that does not see itself is buried, or about to learn better.
        index.map_or(Share { nodes: 1, index: 0 }, |index| Share {
            nodes: number(known.living.len()),
            index: number(index),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contact {
    fn made(&mut self, now: Instant, lease: Duration) {
        if self.is_broken(now, lease) {
            self.since = now;
        }
        self.last = now;
    }

    fn lasts(&self, now: Instant, lease: Duration) -> bool {
        !self.is_broken(now, lease) && now.duration_since(self.since) >= lease
    }

    /// Renewals are a third of a lease apart. A gap in which somebody's lease could have ended would have to be longer
    /// than two thirds.
    fn is_broken(&self, now: Instant, lease: Duration) -> bool {
        now.duration_since(self.last) > lease / 2
    }
}

/// From `id, name, alive, expires_at - {now}`.
pub(super) fn seen<D: Dialect>(row: &RowOf<D>) -> Result<Seen, ServerError> {
    let alive = rows::int::<D>(row, 2)? == 1;
    Ok(Seen { id: rows::int::<D>(row, 0)?, name: rows::text::<D>(row, 1)?, alive, left_ms: rows::int::<D>(row, 3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(6);

    fn node(id: i64) -> Node {
        let now = Instant::now();
        let known = Mutex::new(Known { contact: Contact { since: now, last: now }, living: vec![id] });
        Node { id, name: "a".into(), lease: LEASE, clock: LeaseClock::new(), known }
    }

    fn seen(id: i64, alive: bool, left_ms: i64) -> Seen {
        Seen { id, name: "b".into(), alive, left_ms }
    }

    #[test]
    fn contact_is_unbroken_while_renewals_come_in_time() {
        let mut now = Instant::now();
        let mut contact = Contact { since: now, last: now };
        // Seconds from the last renewal to this one, and whether others may be buried after it.
        for (gap, want) in [(2, false), (2, false), (2, true), (3, true), (4, false), (2, false), (2, false), (2, true)]
        {
            now += Duration::from_secs(gap);
            contact.made(now, LEASE);
            assert_eq!(contact.lasts(now, LEASE), want, "after a gap of {gap} s");
        }
        assert!(!contact.lasts(now + Duration::from_secs(4), LEASE), "the database may be away since");
    }

    #[test]
    fn the_living_share_the_work() {
        let node = node(5);
        assert_eq!(node.share(), Share { nodes: 1, index: 0 });
        node.meet(&[seen(2, false, -9), seen(3, true, 1), seen(4, true, 0), seen(5, true, -1), seen(7, true, 9)]);
        assert_eq!(node.share(), Share { nodes: 3, index: 1 });
        node.meet(&[seen(3, true, 1)]);
        assert_eq!(node.share(), Share { nodes: 1, index: 0 });
    }
}
