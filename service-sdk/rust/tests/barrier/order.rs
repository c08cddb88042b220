//! DTM's barrier semantics row by row: every order in which a branch's operations can arrive, on all four databases.

use reprise_barrier::{Branch, Called};
use rstest::rstest;

use crate::bench::{Counter, Kind, Then, again, branch, done, refused, refused_again};

/// What is sent, and what it comes to: `done 10` ran and replied so, `again 10` repeats that, `again` has no reply.
type Arrivals = &'static [(&'static str, &'static str)];

#[rstest]
#[case::once(&[("action", "done 10")], "10")]
#[case::repeat(&[("action", "done 10"), ("action", "again 10"), ("action", "again 10")], "10")]
#[case::undone(&[("action", "done 10"), ("rollback", "done 0")], "0")]
#[case::undone_twice(&[("action", "done 10"), ("rollback", "done 0"), ("rollback", "again 0")], "0")]
#[case::repeat_after_undone(&[("action", "done 10"), ("rollback", "done 0"), ("action", "again 10")], "0")]
#[case::empty(&[("rollback", "empty")], "0")]
#[case::empty_twice(&[("rollback", "empty"), ("rollback", "again")], "0")]
#[case::late(&[("rollback", "empty"), ("action", "late")], "0")]
#[case::late_twice(&[("rollback", "empty"), ("action", "late"), ("action", "late")], "0")]
#[case::empty_late_again(&[("rollback", "empty"), ("action", "late"), ("rollback", "again")], "0")]
#[case::commit(&[("action", "done 10"), ("commit", "done 20"), ("commit", "again 20")], "20")]
#[case::commit_alone(&[("commit", "done 10"), ("commit", "again 10")], "10")]
#[case::saga(&[("action", "done 10"), ("compensate", "done 0"), ("compensate", "again 0")], "0")]
#[case::saga_out_of_order(&[("compensate", "empty"), ("action", "late")], "0")]
#[case::tcc_confirmed(&[("try", "done 10"), ("confirm", "done 20"), ("confirm", "again 20"), ("try", "again 10")], "20")]
#[case::tcc_cancelled(&[("try", "done 10"), ("cancel", "done 0"), ("cancel", "again 0")], "0")]
#[case::tcc_out_of_order(&[("cancel", "empty"), ("try", "late"), ("cancel", "again")], "0")]
#[case::cancel_undoes_no_action(&[("action", "done 10"), ("cancel", "empty")], "10")]
#[case::message_twice(&[("msg", "done 10"), ("msg", "again 10")], "10")]
#[tokio::test]
async fn arrivals(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
    #[case] sent: Arrivals,
    #[case] end: &str,
) {
    let counter = Counter::new(kind).await;
    for (op, want) in sent {
        let got = counter.send("g", op, Then::Accepts).await.expect("the database works");
        let want = match want.split_once(' ') {
            Some(("done", reply)) => done(reply),
            Some(("again", reply)) => again(reply),
            None if *want == "again" => Called::Repeat(None),
            None if *want == "empty" => Called::Empty,
            None if *want == "late" => Called::Late,
            _ => panic!("{want} is no outcome"),
        };
        assert_eq!(got, want, "{op} of {sent:?}");
    }
    assert_eq!(counter.value().await, end);
}

#[rstest]
#[tokio::test]
async fn a_refused_action_is_refused_again_and_has_nothing_to_undo(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    assert_eq!(counter.send("g", "action", Then::Refuses).await.expect("works"), refused());
    assert_eq!(counter.send("g", "action", Then::Accepts).await.expect("works"), refused_again());
    assert_eq!(counter.send("g", "rollback", Then::Accepts).await.expect("works"), Called::Empty);
    assert_eq!(counter.send("g", "action", Then::Accepts).await.expect("works"), refused_again());
    assert_eq!(counter.value().await, "0");
}

#[rstest]
#[tokio::test]
async fn a_refusal_in_phase_two_is_not_kept(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    for (gid, phase_two, end) in [("g", "rollback", "0"), ("h", "commit", "20")] {
        assert_eq!(counter.send(gid, "action", Then::Accepts).await.expect("works"), done("10"));
        assert_eq!(counter.send(gid, phase_two, Then::Refuses).await.expect("works"), refused());
        assert_eq!(counter.value().await, "10");
        assert_eq!(counter.send(gid, phase_two, Then::Accepts).await.expect("works"), done(end));
    }
}

#[rstest]
#[tokio::test]
async fn what_breaks_leaves_no_trace(#[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind) {
    let counter = Counter::new(kind).await;
    counter.send("g", "action", Then::Breaks).await.expect_err("broken");
    assert_eq!(counter.value().await, "0");
    assert_eq!(counter.send("g", "rollback", Then::Accepts).await.expect("works"), Called::Empty);

    counter.send("h", "action", Then::Breaks).await.expect_err("broken");
    assert_eq!(counter.send("h", "action", Then::Accepts).await.expect("works"), done("10"));
    counter.send("h", "rollback", Then::Breaks).await.expect_err("broken");
    assert_eq!(counter.send("h", "rollback", Then::Accepts).await.expect("works"), done("0"));
}

#[rstest]
#[tokio::test]
async fn calls_of_one_request_count_up(#[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind) {
    let counter = Counter::new(kind).await;
    let mut first = counter.barrier(branch("g", "action"));
    assert_eq!(counter.call(&mut first, Then::Accepts).await.expect("works"), done("10"));
    assert_eq!(counter.call(&mut first, Then::Accepts).await.expect("works"), done("20"));
    let mut repeat = counter.barrier(branch("g", "action"));
    assert_eq!(counter.call(&mut repeat, Then::Accepts).await.expect("works"), again("10"));
    assert_eq!(counter.call(&mut repeat, Then::Accepts).await.expect("works"), again("20"));
    assert_eq!(counter.value().await, "20");
}

#[rstest]
#[tokio::test]
async fn branches_and_their_sub_branches_are_apart(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::MariaDb, Kind::Redis)] kind: Kind,
) {
    let counter = Counter::new(kind).await;
    for (gid, branch_id, value) in [("g", "02", "10"), ("g", "02-01", "20"), ("h", "02", "30")] {
        let branch = Branch::new("workflow", gid, branch_id, "action").expect("valid");
        let called = counter.call(&mut counter.barrier(branch), Then::Accepts).await.expect("works");
        assert_eq!(called, done(value), "{gid} {branch_id}");
    }
}
