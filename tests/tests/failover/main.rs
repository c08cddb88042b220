//! Failover: three runtimes on one database server while transfers go on. Nodes are killed, frozen, cut off and
//! restarted, the server is too; every transfer that was acknowledged comes to its end, and the books are right to the
//! cent.

mod audit;
mod cases;
mod cluster;
mod load;

use anyhow::{Context as _, Result};
use reprise_tests::Books;
use rstest::rstest;
use tokio::sync::Mutex;

/// The cases time leases, and each has three runtimes: they run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

macro_rules! on_both {
    ($($case:ident)*) => {
        $(
            #[rstest]
            #[tokio::test(flavor = "multi_thread")]
            async fn $case(#[values(Books::Postgres, Books::MariaDb)] store: Books) -> Result<()> {
                let _one = ONE_AT_A_TIME.lock().await;
                println!("--- {} on {store:?}", stringify!($case));
                cases::$case(store).await.with_context(|| format!("{} on {store:?}", stringify!($case)))
            }
        )*
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_servers_dies_and_comes_back() -> Result<()> {
    let _one = ONE_AT_A_TIME.lock().await;
    println!("--- one_of_two_servers_dies_and_comes_back on Galera");
    cases::one_of_two_servers_dies_and_comes_back().await
}

on_both! {
    a_killed_node_is_replaced
    a_frozen_node_wakes_up_fenced
    a_node_cut_off_from_the_database_stops_sending
    a_node_cut_off_from_the_participants_waits
    nodes_are_replaced_one_by_one
    the_database_goes_and_comes_back
    any_node_answers
}
