//! The transaction that a workflow is given: branches, time, randomness.

use std::{
    marker::PhantomData,
    time::{Duration, SystemTime},
};

use crate::{branch::Branch, concurrency::Sleep, host, operation::Op, session};

/// The transaction that a workflow is given. A handle that is copied freely.
///
/// How futures run together is told in the methods [`join`](Self::join), [`join_all`](Self::join_all),
/// [`try_join`](Self::try_join), [`try_join_all`](Self::try_join_all), [`race`](Self::race),
/// [`race_all`](Self::race_all) and [`timeout`](Self::timeout).
#[derive(Debug, Clone, Copy)]
pub struct Transaction {
    /// The state behind it belongs to one thread.
    thread: PhantomData<*const ()>,
}

impl Transaction {
    pub(crate) fn new() -> Self {
        Self { thread: PhantomData }
    }

    /// Opens the next branch: `01`, `02`, ... for participants, in the order of these calls.
    #[must_use]
    pub fn branch(&self) -> Branch {
        Branch::new(host::new_branch())
    }

    /// The runtime performs `op` when all is done, with `op=finish` and `outcome=succeeded` or `outcome=failed` beside
    /// the other parameters, and repeats it until it succeeds. A mistake in it turns the workflow's `Ok` into a failure.
    pub fn on_finish(&self, op: impl Into<Op>) {
        session::note(None, op.into().into_wit().and_then(|operation| host::on_finish(&operation)));
    }

    /// The time of the last result that this workflow has seen; the same on every replay.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let now = host::now();
        SystemTime::UNIX_EPOCH + Duration::new(now.seconds.into(), now.nanos)
    }

    /// Starts a timer, here and now; awaiting it waits for the rest of it. The runtime may drop the instance meanwhile.
    ///
    /// Longer than 136 years counts as 136 years.
    pub fn sleep(&self, length: Duration) -> Sleep {
        Sleep::start(length)
    }

    /// Random bytes, the same on every replay.
    #[must_use]
    pub fn random_bytes(&self, length: usize) -> Vec<u8> {
        const CALL_MAX: usize = 65_536;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let next = (length - bytes.len()).min(CALL_MAX);
            bytes.extend(host::bytes(u32::try_from(next).unwrap_or(u32::MAX)));
        }
        bytes
    }

    /// A random number, the same on every replay.
    #[must_use]
    pub fn random_u64(&self) -> u64 {
        self.random_bytes(8).iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }
}
