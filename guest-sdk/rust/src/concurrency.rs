//! Several futures at once: join, race, timeout, sleep. Deterministic, as the executor takes results in the journal's
//! order and everything here polls in the order in which it was given.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use thiserror::Error;

use crate::{bindings::reprise::workflow::types, executor::Ticket, host, transaction::Transaction};

/// Which of two futures was first, with its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first one; also when both were ready at once.
    First(A),
    /// The second one.
    Second(B),
}

/// A future did not end within its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not done within {after:?}")]
pub struct TimedOut {
    /// The time it had.
    pub after: Duration,
}

/// A timer that was started. Dropping it gives it up.
#[derive(Debug)]
#[must_use = "a timer that is not awaited is cancelled"]
pub struct Sleep(Ticket);

impl Sleep {
    pub(crate) fn start(length: Duration) -> Self {
        let length = match u32::try_from(length.as_secs()) {
            Ok(seconds) => types::Duration { seconds, nanos: length.subsec_nanos() },
            Err(_) => types::Duration { seconds: u32::MAX, nanos: 0 },
        };
        Self(Ticket::new(host::timer(length)))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(|_| ())
    }
}

impl Transaction {
    /// Runs two futures at once and gives both outputs.
    pub async fn join<A: Future, B: Future>(&self, first: A, second: B) -> (A::Output, B::Output) {
        let (mut first, mut second) = (Part::new(first), Part::new(second));
        poll_fn(|context| done_if(first.advance(context) & second.advance(context))).await;
        (first.into_output(), second.into_output())
    }

    /// Runs futures at once and gives their outputs in the order of the futures.
    ///
    /// Each result costs a look at every future, which is nothing beside an operation up to some thousand of them.
    pub async fn join_all<I>(&self, futures: I) -> Vec<<I::Item as Future>::Output>
    where
        I: IntoIterator<Item: Future>,
    {
        let mut parts: Vec<_> = futures.into_iter().map(Part::new).collect();
        poll_fn(|context| done_if(parts.iter_mut().fold(true, |done, part| part.advance(context) & done))).await;
        parts.into_iter().map(Part::into_output).collect()
    }

    /// As [`Self::join`], but ends at the first error and drops the other future, which cancels its operations.
    ///
    /// # Errors
    /// The error that came first.
    pub async fn try_join<A, B, E>(
        &self,
        first: impl Future<Output = Result<A, E>>,
        second: impl Future<Output = Result<B, E>>,
    ) -> Result<(A, B), E> {
        let (mut first, mut second) = (Part::new(first), Part::new(second));
        poll_fn(|context| {
            let done = first.advance(context) & second.advance(context);
            done_if(done || first.has_failed() || second.has_failed())
        })
        .await;
        match (first.output, second.output) {
            (Some(Err(error)), _) | (_, Some(Err(error))) => Err(error),
            (first, second) => {
                let holds = "both are done, as none has failed";
                Ok((first.expect(holds)?, second.expect(holds)?))
            }
        }
    }

    /// As [`Self::join_all`], but ends at the first error and drops the other futures, which cancels their operations.
    ///
    /// # Errors
    /// The error that came first.
    pub async fn try_join_all<I, T, E>(&self, futures: I) -> Result<Vec<T>, E>
    where
        I: IntoIterator<Item: Future<Output = Result<T, E>>>,
    {
        let mut parts: Vec<_> = futures.into_iter().map(Part::new).collect();
        poll_fn(|context| {
            let mut done = true;
            for part in &mut parts {
                done &= part.advance(context);
                if part.has_failed() {
                    return Poll::Ready(());
                }
            }
            done_if(done)
        })
        .await;
        parts.into_iter().filter_map(|part| part.output).collect()
    }

    /// Runs two futures at once until one is done; the other is dropped, which cancels its operations.
    pub async fn race<A: Future, B: Future>(&self, first: A, second: B) -> Either<A::Output, B::Output> {
        let (mut first, mut second) = (pin!(first), pin!(second));
        poll_fn(|context| match first.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Either::First(output)),
            Poll::Pending => second.as_mut().poll(context).map(Either::Second),
        })
        .await
    }

    /// Runs futures at once until one is done and gives its place and output; the others are dropped, which cancels
    /// their operations. None if there are no futures.
    pub async fn race_all<I>(&self, futures: I) -> Option<(usize, <I::Item as Future>::Output)>
    where
        I: IntoIterator<Item: Future>,
    {
        let mut parts: Vec<_> = futures.into_iter().map(Part::new).collect();
        poll_fn(|context| match parts.iter_mut().position(|part| part.advance(context)) {
            Some(at) => Poll::Ready(Some((at, parts.swap_remove(at).into_output()))),
            None if parts.is_empty() => Poll::Ready(None),
            None => Poll::Pending,
        })
        .await
    }

    /// Runs a future for at most `length`, counted from here; then drops it, which cancels its operations.
    ///
    /// The output is [`TimedOut`] if it was not done in time.
    pub fn timeout<F: Future>(
        &self,
        length: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, TimedOut>> + use<F> {
        let (tx, sleep) = (*self, self.sleep(length));
        async move {
            match tx.race(future, sleep).await {
                Either::First(output) => Ok(output),
                Either::Second(()) => Err(TimedOut { after: length }),
            }
        }
    }
}

/// A future with room for its output.
struct Part<F: Future> {
    future: Pin<Box<F>>,
    output: Option<F::Output>,
}

impl<F: Future> Part<F> {
    fn new(future: F) -> Self {
        Self { future: Box::pin(future), output: None }
    }

    /// Polls unless the output is there already; whether it is there now.
    fn advance(&mut self, context: &mut Context<'_>) -> bool {
        if self.output.is_none()
            && let Poll::Ready(output) = self.future.as_mut().poll(context)
        {
            self.output = Some(output);
        }
        self.output.is_some()
    }

    fn into_output(self) -> F::Output {
        self.output.expect("taken only when it is there")
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Part<F> {
    fn has_failed(&self) -> bool {
        matches!(self.output, Some(Err(_)))
    }
}

fn done_if(done: bool) -> Poll<()> {
    if done { Poll::Ready(()) } else { Poll::Pending }
}
