//! A participant's gate: every attempt passes it and waits there while the participant is paused, its breaker is open,
//! or it has enough to do. Each participant has its own, so that one that is down or slow holds up nobody else's calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use reprise_engine::Outcome;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::breaker::{Breaker, BreakerState, Change, Entry};
use crate::policy::{Policies, RatePolicy};

/// What an attempt waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Its participant is paused by an operator.
    Paused,
    /// The participant's breaker is open, or waits for the end of the one attempt that it let through.
    Breaker {
        /// When to try, if it is known; on the process' own clock.
        until: Option<Instant>,
    },
    /// As many attempts are under way as the participant may have.
    Concurrency,
    /// The participant's rate.
    Rate,
}

impl Wait {
    /// `paused`, `breaker`, `concurrency`, `rate`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Breaker { .. } => "breaker",
            Self::Concurrency => "concurrency",
            Self::Rate => "rate",
        }
    }
}

/// Whether anything is sent to a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Nothing is: calls wait.
    On,
    /// Calls go on.
    Off,
}

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateState {
    /// Whether an operator paused it.
    pub paused: bool,
    /// None without a breaker.
    pub breaker: Option<BreakerState>,
    /// Attempts under way.
    pub in_flight: usize,
    /// Attempts that wait at the gate.
    pub waiting: usize,
    /// What attempts ended in since the start of the process.
    pub outcomes: OutcomeCounts,
}

/// How often attempts ended in what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    /// Done.
    pub success: u64,
    /// Refused for business reasons.
    pub failure: u64,
    /// Not finished yet.
    pub ongoing: u64,
    /// Anything else.
    pub unknown: u64,
}

/// The gate.
#[derive(Debug)]
pub(crate) struct Gate {
    door: watch::Sender<Door>,
    places: Option<Arc<Semaphore>>,
    rate: Option<Arc<Rate>>,
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
    outcomes: [AtomicU64; 4],
}

/// The part that opens and shuts for all.
#[derive(Debug)]
struct Door {
    pause: Pause,
    breaker: Option<Breaker>,
}

impl Door {
    /// What keeps everybody out.
    fn obstacle(&self) -> Option<Wait> {
        if self.pause == Pause::On {
            return Some(Wait::Paused);
        }
        match self.breaker.as_ref()?.state(Instant::now()) {
            BreakerState::Closed | BreakerState::HalfOpen { trial: false } => None,
            BreakerState::Open { until } => Some(Wait::Breaker { until: Some(until) }),
            BreakerState::HalfOpen { trial: true } => Some(Wait::Breaker { until: None }),
        }
    }
}

impl Gate {
    /// A gate for checked policies.
    pub(crate) fn new(policies: &Policies) -> Self {
        let door = Door { pause: Pause::Off, breaker: policies.breaker.map(Breaker::new) };
        Self {
            door: watch::Sender::new(door),
            places: policies.concurrency.map(|most| Arc::new(Semaphore::new(most.get() as usize))),
            rate: policies.rate.as_ref().and_then(Rate::new).map(Arc::new),
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            outcomes: Default::default(),
        }
    }

    /// Waits until an attempt may begin. `tell` learns what it waits for, whenever that changes. Waiting is by
    /// wake-up; whoever drops the future leaves its place to others.
    pub(crate) async fn admit(&self, mut tell: impl FnMut(Wait)) -> Passage<'_> {
        let _waiting = Counted::new(&self.waiting);
        loop {
            self.door_open(&mut tell).await;
            let place = self.place(&mut tell).await;
            if let Some(rate) = &self.rate {
                rate.turn(&mut tell).await;
            }
            // It may have been shut meanwhile.
            if let Some(entry) = self.enter() {
                let in_flight = Counted::new(&self.in_flight);
                return Passage { gate: self, entry: Some(entry), _in_flight: in_flight, _place: place };
            }
        }
    }

    async fn door_open(&self, tell: &mut impl FnMut(Wait)) {
        if self.door.borrow().obstacle().is_none() {
            return;
        }
        let mut door = self.door.subscribe();
        loop {
            let Some(obstacle) = door.borrow_and_update().obstacle() else { return };
            tell(obstacle);
            let until = if let Wait::Breaker { until } = obstacle { until } else { None };
            tokio::select! {
                changed = door.changed() => changed.expect("the gate holds the sender"),
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            }
        }
    }

    async fn place(&self, tell: &mut impl FnMut(Wait)) -> Option<OwnedSemaphorePermit> {
        let places = self.places.as_ref()?;
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Some(place);
        }
        tell(Wait::Concurrency);
        Some(places.clone().acquire_owned().await.expect("the semaphore is never closed"))
    }

    fn enter(&self) -> Option<Entry> {
        let mut entry = None;
        self.door.send_if_modified(|door| {
            if door.pause == Pause::Off {
                entry = door.breaker.as_mut().map_or(Some(Entry::Usual), |breaker| breaker.enter(Instant::now()));
            }
            entry == Some(Entry::Trial)
        });
        entry
    }

    fn with_breaker(&self, f: impl FnOnce(&mut Breaker, Instant) -> Change) {
        self.door.send_if_modified(|door| {
            door.breaker.as_mut().is_some_and(|breaker| f(breaker, Instant::now()) == Change::Some)
        });
    }

    /// Lets nobody through any more, or again. What is under way goes on.
    pub(crate) fn pause(&self, pause: Pause) {
        self.door.send_if_modified(|door| std::mem::replace(&mut door.pause, pause) != pause);
    }

    pub(crate) fn state(&self) -> GateState {
        let (paused, breaker) = {
            let door = self.door.borrow();
            (door.pause == Pause::On, door.breaker.as_ref().map(|breaker| breaker.state(Instant::now())))
        };
        let [success, failure, ongoing, unknown] = &self.outcomes;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        GateState {
            paused,
            breaker,
            in_flight: self.in_flight.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            outcomes: OutcomeCounts {
                success: read(success),
                failure: read(failure),
                ongoing: read(ongoing),
                unknown: read(unknown),
            },
        }
    }
}

/// One attempt's way through a gate. Dropped without an outcome it counts as never made.
#[derive(Debug)]
pub(crate) struct Passage<'a> {
    gate: &'a Gate,
    entry: Option<Entry>,
    _in_flight: Counted<'a>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Passage<'_> {
    /// Reports what the attempt ended in.
    pub(crate) fn ended(mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Success => 0,
            Outcome::Failure => 1,
            Outcome::Ongoing => 2,
            Outcome::Unknown => 3,
        };
        self.gate.outcomes[counter].fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.entry.take() {
            self.gate.with_breaker(|breaker, now| breaker.ended(entry, outcome, now));
        }
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.gate.with_breaker(|breaker, now| breaker.abandoned(entry, now));
        }
    }
}

/// One more, as long as it lives.
#[derive(Debug)]
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// On the clock that tokio sleeps by.
type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

#[derive(Debug)]
struct Rate {
    limiter: Limiter,
    /// Those who wait stand in line: one of them sleeps, not all.
    line: Mutex<()>,
}

impl Rate {
    fn new(policy: &RatePolicy) -> Option<Self> {
        let quota = Quota::with_period(policy.period()?)?.allow_burst(policy.burst());
        Some(Self { limiter: RateLimiter::direct_with_clock(quota, MonotonicClock), line: Mutex::new(()) })
    }

    async fn turn(self: &Arc<Self>, tell: &mut impl FnMut(Wait)) {
        if self.line.try_lock().is_ok_and(|_line| self.limiter.check().is_ok()) {
            return;
        }
        tell(Wait::Rate);
        // A task of its own: whoever has the turn must take it at once, though its execution may be busy with
        // something else and not look here for a while.
        let rate = self.clone();
        let turn = tokio::spawn(async move {
            let _line = rate.line.lock().await;
            while let Err(early) = rate.limiter.check() {
                sleep_until(Instant::from_std(early.earliest_possible())).await;
            }
        });
        if AbortOnDropHandle::new(turn).await.is_err() {
            // The process ends and takes its tasks along; nobody gets a turn any more.
            std::future::pending::<()>().await;
        }
    }
}
