//! A service of which discovery finds the processes: each has a channel of its own, and each attempt goes to one of
//! them.
//!
//! An attempt goes to the process with the fewest attempts under way, in turn among equals. One that can't be reached,
//! does not answer or says that it is unavailable is passed over for [`REST`], so that the next attempt meets another;
//! after that one attempt at a time tries it, until one is answered. If all are passed over, the one that was so the
//! longest is tried: a group never refuses by itself what a process might answer.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use reprise_discovery::{Address, Discovery, Following, Target};
use reprise_engine::Answer;
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::grpc::{Dialer, LazyChannel};

/// How long a process is passed over.
const REST: Duration = Duration::from_secs(2);
/// Groups kept for whole targets; guests choose these, so their number is bounded.
const TARGETS_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("not 0");

/// The processes of one target.
#[derive(Debug)]
pub(crate) struct Group {
    target: Target,
    text: String,
    dialer: Arc<Dialer>,
    following: Following,
    members: Mutex<Members>,
}

/// One process.
#[derive(Debug)]
struct Member {
    address: Address,
    channel: LazyChannel,
    health: Mutex<Health>,
}

/// How a process fares.
#[derive(Debug, Default, Clone, Copy)]
struct Health {
    /// Attempts under way.
    busy: usize,
    /// Passed over until then, and on trial after that.
    rest: Option<Instant>,
}

#[derive(Debug, Default)]
struct Members {
    /// What the list was made of.
    known: Option<Arc<[Address]>>,
    list: Vec<Arc<Member>>,
    /// Whose turn it is among equals.
    next: usize,
}

/// The process that gets an attempt. The attempt is under way while this lives.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Member>);

impl Group {
    fn new(target: Target, discovery: &Discovery, dialer: Arc<Dialer>) -> Self {
        let (text, following) = (target.to_string(), discovery.follow(&target));
        Self { target, text, dialer, following, members: Mutex::default() }
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// The target in its usual form, for messages.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// `http` or `https`.
    pub(crate) const fn scheme(&self) -> &'static str {
        self.target.scheme().as_str()
    }

    /// Whose turn it is; waits until discovery has asked for the first time. An error: nobody is known, and why.
    pub(crate) async fn turn(&self) -> Result<Turn, String> {
        let known = self.following.addresses().await.map_err(|why| format!("{}: {why}", self.text))?;
        let mut members = lock(&self.members);
        if members.known.as_ref().is_none_or(|old| !Arc::ptr_eq(old, &known)) {
            self.renew(&mut members, known)?;
        }
        let now = Instant::now();
        let healths: Vec<Health> = members.list.iter().map(|member| *lock(&member.health)).collect();
        let chosen = choose(&healths, members.next, now)
            .ok_or_else(|| format!("{}: no address is known; start a process that registers there", self.text))?;
        members.next = chosen + 1;
        let member = Arc::clone(&members.list[chosen]);
        let mut health = lock(&member.health);
        health.busy += 1;
        // On trial: others pass it over meanwhile.
        health.rest = health.rest.map(|rest| rest.max(now + REST));
        drop(health);
        Ok(Turn(member))
    }

    /// Makes the list anew; who stays keeps the channel and the health.
    fn renew(&self, members: &mut Members, known: Arc<[Address]>) -> Result<(), String> {
        let mut old: HashMap<Address, Arc<Member>> =
            members.list.drain(..).map(|member| (member.address.clone(), member)).collect();
        members.known = None;
        for address in &*known {
            let member = match old.remove(address) {
                Some(member) => member,
                None => Arc::new(self.member(address).map_err(|why| format!("{}: {address}: {why}", self.text))?),
            };
            members.list.push(member);
        }
        members.known = Some(known);
        Ok(())
    }

    fn member(&self, address: &Address) -> Result<Member, String> {
        let url = format!("{}://{address}", self.scheme());
        let authority = address.authority().map(|authority| format!("{}://{authority}", self.scheme()));
        let channel = self.dialer.lazy(&url, authority.as_deref())?;
        Ok(Member { address: address.clone(), channel, health: Mutex::default() })
    }
}

impl Turn {
    pub(crate) fn address(&self) -> &Address {
        &self.0.address
    }

    pub(crate) fn channel(&self) -> Channel {
        self.0.channel.get()
    }

    /// What the attempt came to says how the process fares.
    pub(crate) fn ended(&self, answer: &Answer) {
        let unavailable = match answer {
            Answer::Lost(_) => true,
            Answer::Http { status, .. } => matches!(status, 502..=504),
            Answer::Grpc { code, .. } => i32::from(*code) == tonic::Code::Unavailable as i32,
            Answer::Rows(_) | Answer::Refused(_) | Answer::Invalid(_) => false,
        };
        lock(&self.0.health).rest = unavailable.then(|| Instant::now() + REST);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.0.health).busy -= 1;
    }
}

/// The place of the process that gets the next attempt; none if there is no process.
fn choose(healths: &[Health], next: usize, now: Instant) -> Option<usize> {
    let count = healths.len();
    let in_turn = (0..count).map(|step| (next + step) % count);
    let ready = in_turn.clone().filter(|&at| healths[at].rest.is_none_or(|rest| rest <= now));
    // The first of those that are equal.
    let idlest = ready.min_by_key(|&at| (healths[at].busy, healths[at].rest.is_some()));
    idlest.or_else(|| in_turn.min_by_key(|&at| healths[at].rest))
}

/// All groups: those of participants, and the last used ones of whole targets.
#[derive(Debug)]
pub(crate) struct Groups {
    discovery: Discovery,
    dialer: Arc<Dialer>,
    of_participants: HashMap<Target, Arc<Group>>,
    of_targets: Mutex<LruCache<Target, Arc<Group>>>,
}

impl Groups {
    pub(crate) fn new(discovery: Discovery, dialer: Arc<Dialer>) -> Self {
        let of_targets = Mutex::new(LruCache::new(TARGETS_MAX));
        Self { discovery, dialer, of_participants: HashMap::new(), of_targets }
    }

    /// The group of a participant; it stays.
    pub(crate) fn of_participant(&mut self, target: Target) -> Arc<Group> {
        let (discovery, dialer) = (&self.discovery, &self.dialer);
        let make = || Arc::new(Group::new(target.clone(), discovery, Arc::clone(dialer)));
        Arc::clone(self.of_participants.entry(target.clone()).or_insert_with(make))
    }

    /// The group of any target.
    pub(crate) fn of(&self, target: &Target) -> Arc<Group> {
        if let Some(group) = self.of_participants.get(target) {
            return Arc::clone(group);
        }
        let make = || Arc::new(Group::new(target.clone(), &self.discovery, Arc::clone(&self.dialer)));
        Arc::clone(lock(&self.of_targets).get_or_insert(target.clone(), make))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idlest_is_chosen_in_turn() {
        let now = Instant::now();
        let later = |seconds| Some(now + Duration::from_secs(seconds));
        let past = Some(now);
        for (busy_and_rest, next, want) in [
            (&[][..], 0, None),
            (&[(0, None), (0, None), (0, None)], 0, Some(0)),
            (&[(0, None), (0, None), (0, None)], 2, Some(2)),
            (&[(0, None), (0, None), (0, None)], 3, Some(0)),
            (&[(2, None), (1, None), (1, None)], 2, Some(2)),
            (&[(2, None), (1, None), (3, None)], 2, Some(1)),
            // Passed over, however busy the others are.
            (&[(9, None), (0, later(1))], 1, Some(0)),
            // All are: the one that was so the longest.
            (&[(0, later(2)), (5, later(1))], 0, Some(1)),
            // Its time is over, and it is as idle as the others: the healthy one first.
            (&[(0, past), (0, None)], 0, Some(1)),
            (&[(0, past), (1, None)], 1, Some(0)),
        ] {
            let healths: Vec<Health> = busy_and_rest.iter().map(|&(busy, rest)| Health { busy, rest }).collect();
            assert_eq!(choose(&healths, next, now), want, "{healths:?} from {next}");
        }
    }
}
