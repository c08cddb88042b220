//! Numbers that no two nodes may have: keys of executions, ids of nodes.
//!
//! A node reserves keys in blocks, each in a transaction of its own: within commits, the row that counts would let one
//! node commit at a time. What is left of a block is used no longer than a second after it was the newest, so keys are in
//! order of arrival on each node, and within a second across nodes. Keys of commits that fail are not used again.

use std::time::Duration;

use tokio::time::Instant;

use super::dialect::{ConnectionOf, Dialect, Value};
use super::error::{ServerError, damaged};
use super::rows;
use super::writer::Work;

/// Which counter numbers executions, and which one nodes.
pub(super) const EXECUTION: &str = "execution";
pub(super) const NODE: &str = "node";

/// The number that will be given next.
pub(super) const NEXT: &str = "SELECT next FROM counters /*PRIMARY*/ WHERE name = ?";

const RESERVE: &str = "UPDATE counters SET next = next + ? WHERE name = ?";

/// Keys of a block at least. A busy node uses some thousand in a second.
const BLOCK: i64 = 1000;

/// How long a block may be the second newest and still be used.
const FRESH: Duration = Duration::from_secs(1);

/// What is left of a block.
#[derive(Debug)]
pub(super) struct Block {
    next: i64,
    end: i64,
    newest_at: Instant,
}

impl Block {
    pub(super) fn empty() -> Self {
        Self { next: 0, end: 0, newest_at: Instant::now() }
    }

    /// From `first` on, reserved by a request that was sent at `sent`.
    pub(super) fn reserved(first: i64, count: i64, sent: Instant) -> Self {
        Self { next: first, end: first + count, newest_at: sent }
    }

    /// How many to reserve for `count` executions.
    pub(super) fn size_for(count: i64) -> i64 {
        count.max(BLOCK)
    }

    /// The first of `count` consecutive keys, which are not given again. None: ask the database.
    pub(super) fn take(&mut self, count: i64, now: Instant) -> Option<i64> {
        let first = self.next;
        (self.holds(count) && now.duration_since(self.newest_at) < FRESH).then(|| {
            self.next += count;
            first
        })
    }

    /// As if time had passed.
    #[cfg(test)]
    pub(super) fn grow_old(&mut self) {
        self.newest_at = self.newest_at.checked_sub(FRESH).expect("the machine is up for longer");
    }

    pub(super) fn holds(&self, count: i64) -> bool {
        self.end - self.next >= count
    }

    /// Nobody has reserved any since if `next`, read by a request that was sent at `sent`, is the end of this block.
    pub(super) fn renew(&mut self, next: i64, sent: Instant) {
        if next == self.end {
            self.newest_at = sent;
        }
    }
}

/// Takes `count` numbers; the first one is the answer.
#[derive(Debug)]
pub(super) struct Reserve {
    pub(super) counter: &'static str,
    pub(super) count: i64,
}

impl<D: Dialect> Work<D> for Reserve {
    type Done = i64;

    async fn perform(&self, connection: &mut ConnectionOf<D>) -> Result<i64, ServerError> {
        let Self { counter, count } = *self;
        D::change(connection, &D::text(RESERVE), &[Value::Int(count), Value::Text(counter)]).await?;
        Ok(next::<D>(connection, counter).await? - count)
    }
}

pub(super) async fn next<D: Dialect>(connection: &mut ConnectionOf<D>, counter: &str) -> Result<i64, ServerError> {
    let found = D::fetch(connection, &D::text(NEXT), &[Value::Text(counter)]).await?;
    let row = found.first().ok_or_else(|| damaged(format!("the table `counters` has no row `{counter}`")))?;
    rows::int::<D>(row, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_while_it_is_nearly_the_newest() {
        let now = Instant::now();
        assert_eq!(Block::empty().take(1, now), None);
        let mut block = Block::reserved(11, 10, now);
        assert_eq!((block.take(4, now), block.take(7, now), block.take(2, now)), (Some(11), None, Some(15)));
        let later = now + FRESH;
        assert_eq!(block.take(1, later), None, "others may have reserved one since");
        block.renew(31, later);
        assert_eq!(block.take(1, later), None, "others have");
        block.renew(21, later);
        assert_eq!((block.take(4, later), block.take(1, later)), (Some(17), None));
    }
}
