//! Join, race, timeout and foreign combinators: what runs at once, in which order, and what is cancelled.

use std::time::Duration;

use reprise_guest::{
    CallError, Either, Failure, Options, Participant, Transaction,
    testing::{Answer, TestHost, TestRun},
};

/// Three services that take one, two and three seconds.
fn host() -> TestHost {
    let after = |seconds| move |_: &_| Answer::json(&seconds).after(Duration::from_secs(seconds));
    TestHost::new().on("POST a/x", after(3)).on("POST b/x", after(1)).on("POST c/x", after(2))
}

fn call(tx: &Transaction, name: &str) -> reprise_guest::Call {
    let participant = Participant::named(name);
    tx.branch().on_rollback(participant.post("undo")).call(participant.post("x"))
}

fn seconds<O>(run: &TestRun<O>) -> u64 {
    run.elapsed.as_secs()
}

#[test]
fn joined_calls_run_at_once_and_keep_their_places() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(u64, u64), Failure> {
        let (a, b) = tx.join(call(tx, "a"), call(tx, "b")).await;
        Ok((a?.json()?, b?.json()?))
    }
    let run = host().run(workflow, ());
    assert_eq!(seconds(&run), 3);
    assert_eq!(run.result, Ok((3, 1)));
    assert_eq!(run.trace, ["01 action POST a/x: success", "02 action POST b/x: success"]);
}

#[test]
fn sequential_calls_take_their_time_one_after_the_other() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        call(tx, "a").await?;
        call(tx, "b").await?;
        Ok(())
    }
    assert_eq!(seconds(&host().run(workflow, ())), 4);
}

#[test]
fn join_all_takes_any_number() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<Vec<u64>, Failure> {
        let replies = tx.join_all(["a", "b", "c", "a"].map(|name| call(tx, name))).await;
        replies.into_iter().map(|reply| Ok(reply?.json()?)).collect()
    }
    let run = host().run(workflow, ());
    assert_eq!(seconds(&run), 3);
    assert_eq!(run.result, Ok(vec![3, 1, 2, 3]));
}

#[test]
fn the_first_error_ends_try_join_all_and_cancels_the_rest() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), Failure> {
        tx.try_join_all(["a", "b", "c"].map(|name| call(tx, name))).await?;
        Ok(())
    }
    let refuse = |_: &_| Answer::failure("no").after(Duration::from_millis(1_500));
    let run = host().on("POST b/x", refuse).run(workflow, ());
    assert_eq!(run.result.expect_err("refused").details, b"no");
    assert_eq!(run.elapsed, Duration::from_millis(1_500));
    assert_eq!(
        run.trace[3..],
        ["03 rollback POST c/undo: success", "01 rollback POST a/undo: success"],
        "the refused branch has nothing to undo, the cancelled ones are in doubt"
    );
}

#[test]
fn try_join_gives_both_or_the_error() {
    async fn workflow(tx: &Transaction, names: (String, String)) -> Result<(), CallError> {
        tx.try_join(call(tx, &names.0), call(tx, &names.1)).await.map(|_| ())
    }
    let host = || host().on("POST no/x", |_| Answer::failure("no"));
    assert_eq!(host().run(workflow, ("a", "b")).result, Ok(()));
    assert!(host().run(workflow, ("a", "no")).result.is_err());
    assert!(host().run(workflow, ("no", "a")).result.is_err());
}

#[test]
fn losers_of_a_race_are_cancelled() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<String, Failure> {
        let Either::Second(reply) = tx.race(call(tx, "a"), call(tx, "b")).await else {
            return Err(Failure::new("a is slower"));
        };
        reply?;
        let names = ["a", "b", "c"];
        let Some((place, _)) = tx.race_all(names.map(|name| call(tx, name))).await else {
            return Err(Failure::new("there are three"));
        };
        Ok(names[place].to_owned())
    }
    let run = host().run(workflow, ());
    assert_eq!(run.result.as_deref(), Ok("b"));
    assert_eq!(seconds(&run), 2);
}

#[test]
fn a_timeout_cancels_what_is_too_slow() {
    async fn workflow(tx: &Transaction, limit: u64) -> Result<u64, Failure> {
        Ok(tx.timeout(Duration::from_secs(limit), call(tx, "c")).await??.json()?)
    }
    assert_eq!(host().run(workflow, 5).result, Ok(2));
    let run = host().run(workflow, 1);
    assert_eq!(run.result.expect_err("too slow").message, "not done within 1s");
    assert_eq!(run.trace[1], "01 rollback POST c/undo: success");
}

#[test]
fn sleeping_moves_the_clock_of_the_transaction() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<u64, Failure> {
        let start = tx.now();
        tx.sleep(Duration::from_secs(86_400)).await;
        Ok(tx.now().duration_since(start)?.as_secs())
    }
    assert_eq!(host().run(workflow, ()).result, Ok(86_400));
}

#[test]
fn futures_of_other_crates_are_woken() {
    use futures::{StreamExt, channel::oneshot, stream::FuturesUnordered};

    async fn workflow(tx: &Transaction, (): ()) -> Result<Vec<u64>, Failure> {
        let mut calls: FuturesUnordered<_> = ["a", "b", "c"].into_iter().map(|name| call(tx, name)).collect();
        let (send, receive) = oneshot::channel();
        let gather = async {
            let mut order = Vec::new();
            while let Some(reply) = calls.next().await {
                order.push(reply?.json()?);
            }
            send.send(order).map_err(|_| Failure::new("nobody listens"))
        };
        let (received, gathered) = tx.join(receive, gather).await;
        gathered?;
        Ok(received?)
    }
    assert_eq!(host().run(workflow, ()).result, Ok(vec![1, 2, 3]));
}

#[test]
#[should_panic(expected = "nothing can ever wake it")]
fn a_future_that_nothing_wakes_is_named() {
    async fn workflow(_: &Transaction, (): ()) -> Result<(), Failure> {
        std::future::pending().await
    }
    host().run(workflow, ());
}

#[test]
fn retries_follow_the_options() {
    async fn workflow(tx: &Transaction, options: u8) -> Result<(), CallError> {
        let options = match options {
            0 => Options::new().attempts(3),
            1 => Options::new().deadline(Duration::from_secs(2)),
            _ => Options::new().timeout(Duration::from_secs(1)).attempts(1),
        };
        tx.branch().options(options).read_only().call(Participant::named("d").post("x")).await.map(|_| ())
    }
    let failing = || TestHost::new().on("POST d/x", |_| Answer::unknown("down"));
    let run = failing().run(workflow, 0);
    assert_eq!(run.result.expect_err("exhausted").message, "no success within the allowed attempts: 3 attempts: down");
    assert_eq!((run.calls.len(), run.elapsed), (3, Duration::from_millis(1_500)));
    let run = failing().run(workflow, 1);
    assert_eq!(run.result.expect_err("late").message, "no success before the deadline: 3 attempts: down");
    let slow = TestHost::new().on("POST d/x", |_| Answer::ok().after(Duration::from_secs(9)));
    let run = slow.run(workflow, 2);
    assert_eq!(run.elapsed, Duration::from_secs(1));
    assert_eq!(
        run.result.expect_err("slow").message,
        "no success within the allowed attempts: 1 attempt: no answer within 1s"
    );
}
