//! A scope: while a future is polled, what ordinary HTTP clients ask for belongs to a branch.

use std::{cell::Cell, future::poll_fn, pin::pin, task::Poll};

use crate::{branch::Branch, host, session};

thread_local! {
    /// The branch whose scope is being polled.
    static CURRENT: Cell<Option<u32>> = const { Cell::new(None) };
}

impl Branch {
    /// Runs `future`; the requests of ordinary HTTP clients in it (`wasi:http`) are actions of this branch and carry its
    /// parameters. Elsewhere each gets a branch of its own, and other futures that run meanwhile are not in the scope.
    ///
    /// One request may change something, and what undoes it is registered before; more may follow that only read.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        let (id, mut future) = (self.id(), pin!(future));
        poll_fn(|context| within(id, || future.as_mut().poll(context))).await
    }
}

/// Enters the scope for one poll.
fn within<T>(branch: u32, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    let before = CURRENT.replace(Some(branch));
    enter(Some(branch));
    let polled = poll();
    CURRENT.set(before);
    enter(before);
    polled
}

fn enter(branch: Option<u32>) {
    session::note(branch, host::scope(branch));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Failure, Participant, Transaction,
        testing::{Answer, TestHost},
    };

    #[test]
    fn scopes_nest_and_do_not_reach_other_futures() {
        async fn look(tx: &Transaction) -> Result<Vec<Option<u32>>, Failure> {
            let before = CURRENT.get();
            tx.branch().call(Participant::named("shop").get("/price")).await?;
            Ok(vec![before, CURRENT.get()])
        }
        async fn workflow(tx: &Transaction, (): ()) -> Result<[Vec<Option<u32>>; 3], Failure> {
            let (outer, inner) = (tx.branch(), tx.branch());
            let within = outer.scope(async {
                let nested = inner.scope(look(tx)).await?;
                Ok::<_, Failure>([nested, look(tx).await?])
            });
            let (within, beside) = tx.join(within, look(tx)).await;
            let [nested, within] = within?;
            Ok([nested, within, beside?])
        }
        let run = TestHost::new().on("GET shop/price", |_| Answer::ok()).run(workflow, ());
        assert_eq!(run.result, Ok([vec![Some(2), Some(2)], vec![Some(1), Some(1)], vec![None, None]]));
    }
}
