//! A name that is followed while somebody asks for it: started by the first question, ended when none has come for a
//! while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::address::Address;
use crate::resolver::{Known, News, Resolver, Unknown};

/// A name that nobody asked for so long is followed no more.
const UNUSED: Duration = Duration::from_secs(300);

/// The addresses of one name, as they are at the moment. Needs a tokio runtime.
#[derive(Debug)]
pub struct Following {
    resolver: Arc<dyn Resolver>,
    /// For so long nobody must ask before it is followed no more.
    unused: Duration,
    work: Mutex<Option<Work>>,
}

#[derive(Debug)]
struct Work {
    known: watch::Receiver<Known>,
    used: Arc<Mutex<Instant>>,
    /// Ends with this.
    _task: AbortOnDropHandle<()>,
}

impl Following {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self::until_unused(resolver, UNUSED)
    }

    fn until_unused(resolver: Arc<dyn Resolver>, unused: Duration) -> Self {
        Self { resolver, unused, work: Mutex::new(None) }
    }

    /// The addresses known now, each once, in order; waits for the first answer. An empty list is an answer too.
    ///
    /// # Errors
    /// [`Unknown`]: nobody could be asked yet. It is tried on; ask again later.
    pub async fn addresses(&self) -> Result<Arc<[Address]>, Unknown> {
        // Twice, since the work may end for want of use between the question and its answer.
        for _ in 0..2 {
            let mut known = self.known();
            if let Ok(known) = known.wait_for(|known| !matches!(known, Known::Nothing)).await {
                match &*known {
                    Known::Addresses(addresses) => return Ok(Arc::clone(addresses)),
                    Known::Failed(unknown) => return Err(unknown.clone()),
                    Known::Nothing => {}
                }
            }
        }
        Err(Unknown("the look-up ended without an answer".into()))
    }

    /// What the work tells; it is started if there is none.
    fn known(&self) -> watch::Receiver<Known> {
        let mut work = lock(&self.work);
        if let Some(work) = &*work {
            *lock(&work.used) = Instant::now();
            if work.known.has_changed().is_ok() {
                return work.known.clone();
            }
        }
        let (news, known) = News::new();
        let (resolver, used) = (Arc::clone(&self.resolver), Arc::new(Mutex::new(Instant::now())));
        let (watched, longest) = (Arc::clone(&used), self.unused);
        let task = tokio::spawn(async move {
            tokio::select! {
                never = resolver.follow(&news) => match never {},
                () = unused(&watched, longest) => tracing::debug!(?resolver, "followed no more: nobody asks"),
            }
        });
        *work = Some(Work { known: known.clone(), used, _task: AbortOnDropHandle::new(task) });
        known
    }
}

/// Returns when nobody has asked for so long.
async fn unused(used: &Mutex<Instant>, longest: Duration) {
    loop {
        let end = *lock(used) + longest;
        if end <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(end).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use tokio::sync::Notify;

    use super::*;

    /// Counts how often it was started; fails first if told so, until it is told to go on.
    #[derive(Debug, Default)]
    struct Scripted {
        starts: AtomicUsize,
        fails_first: bool,
        goes_on: Notify,
    }

    #[async_trait]
    impl Resolver for Scripted {
        async fn follow(&self, news: &News) -> Infallible {
            let start = self.starts.fetch_add(1, Ordering::SeqCst);
            if self.fails_first {
                assert!(!news.failed("nobody is there".into()));
                self.goes_on.notified().await;
            }
            let address = |port: usize| format!("a:{port}").parse().expect("an address");
            news.addresses([address(start + 2), address(start + 1), address(start + 2)]);
            assert!(news.failed("away".into()), "what is known stays");
            std::future::pending().await
        }
    }

    fn texts(addresses: &[Address]) -> Vec<&str> {
        addresses.iter().map(Address::as_str).collect()
    }

    /// Asks until something holds.
    async fn until(holds: impl AsyncFn() -> bool) {
        let reached = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect("it comes to pass");
    }

    #[tokio::test]
    async fn a_name_is_followed_while_somebody_asks() {
        let resolver = Arc::new(Scripted::default());
        let following = Following::new(resolver.clone());
        for _ in 0..10 {
            assert_eq!(texts(&following.addresses().await.expect("known")), ["a:1", "a:2"]);
        }
        assert_eq!(resolver.starts.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_name_that_nobody_asks_for_is_followed_no_more() {
        let resolver = Arc::new(Scripted::default());
        let following = Following::until_unused(resolver.clone(), Duration::from_millis(20));
        assert_eq!(texts(&following.addresses().await.expect("known")), ["a:1", "a:2"]);
        until(async || lock(&following.work).as_ref().is_some_and(|work| work.known.has_changed().is_err())).await;
        assert_eq!(texts(&following.addresses().await.expect("known")), ["a:2", "a:3"]);
        assert_eq!(resolver.starts.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_failed_is_told_until_it_is_known() {
        let resolver = Arc::new(Scripted { fails_first: true, ..Scripted::default() });
        let following = Following::new(resolver.clone());
        let error = following.addresses().await.expect_err("not yet");
        assert_eq!(error.to_string(), "nobody is there");
        resolver.goes_on.notify_one();
        until(async || following.addresses().await.is_ok()).await;
        assert_eq!(texts(&following.addresses().await.expect("known")), ["a:1", "a:2"]);
    }
}
