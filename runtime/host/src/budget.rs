//! Who may start: places for instances, and the memory of all of them together.
//!
//! What runs is never refused memory for the sake of others, as a replay must not depend on who else runs. So the bound is
//! kept by those who have not started: they wait until there is room for what an instance of their program takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How slowly a program's need falls when its instances take less: an eighth of the difference each time.
const FORGET: u64 = 8;

/// What the instances of a host may take together.
#[derive(Debug)]
pub(crate) struct Budget {
    places: Arc<Semaphore>,
    bytes_max: u64,
    taken: Mutex<u64>,
    freed: Notify,
    /// Who waits for memory stands here in a line: a large program is not overtaken for ever by small ones.
    line: tokio::sync::Mutex<()>,
}

/// What an instance of a program takes: the most of any, and less again when later ones stay below.
#[derive(Debug)]
pub(crate) struct Need(AtomicU64);

/// Room for one instance. Dropped, it is free again.
#[derive(Debug)]
pub struct Room {
    claim: Claim,
    _place: OwnedSemaphorePermit,
}

/// The part of the budget that an instance holds.
#[derive(Debug)]
struct Claim {
    budget: Arc<Budget>,
    need: Arc<Need>,
    bytes: u64,
    used: u64,
}

impl Budget {
    pub(crate) fn new(places: u32, bytes_max: u64) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(places as usize)),
            bytes_max,
            taken: Mutex::new(0),
            freed: Notify::new(),
            line: tokio::sync::Mutex::default(),
        })
    }

    /// Waits for a place and for memory. One instance may always run, however much it needs.
    pub(crate) async fn room(self: &Arc<Self>, need: &Arc<Need>) -> Room {
        let place = self.places.clone().acquire_owned().await.expect("it is never closed");
        let claim = self.claim(need).await;
        Room { claim, _place: place }
    }

    async fn claim(self: &Arc<Self>, need: &Arc<Need>) -> Claim {
        let _turn = self.line.lock().await;
        loop {
            // Before the look, so that what is freed after it is not missed.
            let freed = self.freed.notified();
            let bytes = need.bytes();
            if self.try_take(bytes) {
                return Claim { budget: self.clone(), need: need.clone(), bytes, used: 0 };
            }
            freed.await;
        }
    }

    fn try_take(&self, bytes: u64) -> bool {
        let mut taken = self.taken();
        let fits = *taken == 0 || taken.saturating_add(bytes) <= self.bytes_max;
        if fits {
            *taken += bytes;
        }
        fits
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Need {
    /// Of a program that has not run yet.
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(bytes)))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// An instance took `used` bytes at most.
    fn learn(&self, used: u64) {
        let learned = |known: u64| Some(if used >= known { used } else { known - (known - used).div_ceil(FORGET) });
        // It always has an answer, so it never fails.
        _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, learned);
    }
}

impl Room {
    /// The instance has this much memory now.
    pub(crate) fn used(&mut self, bytes: u64) {
        self.claim.used(bytes);
    }
}

impl Claim {
    fn used(&mut self, bytes: u64) {
        self.used = bytes;
        if bytes > self.bytes {
            *self.budget.taken() += bytes - self.bytes;
            self.bytes = bytes;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.used > 0 {
            self.need.learn(self.used);
        }
        *self.budget.taken() -= self.bytes;
        // Only the first in line waits for this; if it is just about to, it finds a stored permit.
        self.budget.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn room<F: Future<Output = Room>>(waiting: Pin<&mut F>) -> Option<Room> {
        match waiting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(room) => Some(room),
            Poll::Pending => None,
        }
    }

    #[test]
    fn who_does_not_fit_waits_in_a_line() {
        let (budget, large, small) = (Budget::new(10, 100), Need::new(60), Need::new(10));
        let first = room(pin!(budget.room(&large))).expect("nobody is there");
        let mut second = pin!(budget.room(&large));
        let mut third = pin!(budget.room(&small));
        assert!(room(second.as_mut()).is_none());
        assert!(room(third.as_mut()).is_none(), "it would overtake");
        drop(first);
        let second = room(second.as_mut()).expect("there is room");
        let third = room(third.as_mut()).expect("there is room for both");
        assert_eq!(*budget.taken(), 70);
        drop((second, third));
        assert_eq!(*budget.taken(), 0);
    }

    #[test]
    fn one_always_runs_and_growth_counts() {
        let (budget, huge, small) = (Budget::new(10, 100), Need::new(500), Need::new(10));
        drop(room(pin!(budget.room(&huge))).expect("it is alone"));
        let mut growing = room(pin!(budget.room(&small))).expect("there is room");
        growing.used(95);
        let mut next = pin!(budget.room(&small));
        assert!(room(next.as_mut()).is_none());
        drop(growing);
        assert_eq!(small.bytes(), 95, "the next one is taken for as large");
        drop(room(next.as_mut()).expect("it is alone"));
        assert_eq!(*budget.taken(), 0);
    }

    #[test]
    fn who_gives_up_leaves_the_line() {
        let (budget, large) = (Budget::new(10, 100), Need::new(60));
        let first = room(pin!(budget.room(&large))).expect("nobody is there");
        {
            let mut impatient = pin!(budget.room(&large));
            assert!(room(impatient.as_mut()).is_none());
        }
        let mut next = pin!(budget.room(&large));
        assert!(room(next.as_mut()).is_none());
        drop(first);
        assert!(room(next.as_mut()).is_some());
    }

    #[test]
    fn places_are_counted_too() {
        let (budget, small) = (Budget::new(1, 100), Need::new(1));
        let first = room(pin!(budget.room(&small))).expect("nobody is there");
        let mut second = pin!(budget.room(&small));
        assert!(room(second.as_mut()).is_none());
        drop(first);
        assert!(room(second.as_mut()).is_some());
    }

    #[test]
    fn one_large_run_is_forgotten() {
        let need = Need::new(0);
        need.learn(100);
        need.learn(20);
        assert_eq!(need.bytes(), 90);
        for _ in 0..100 {
            need.learn(20);
        }
        assert_eq!(need.bytes(), 20);
    }
}
