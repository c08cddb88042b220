//! Places without sqlx's transactions: what a program does that runs the local transaction itself.

use reprise_barrier::{
    BarrierDatabase,
    place::{Claim, Place},
};
use sqlx::{MySql, Postgres, Sqlite};

use crate::bench::{self, Sql, branch, connect_like, tables};

async fn statements<DB: BarrierDatabase>(connection: &mut DB::Connection, texts: &[&str]) {
    for text in texts {
        sqlx_run::<DB>(connection, text).await;
    }
}

async fn sqlx_run<DB: BarrierDatabase>(connection: &mut DB::Connection, text: &str) {
    DB::execute(connection, text.to_owned(), &[]).await.unwrap_or_else(|error| panic!("{text}: {error}"));
}

/// Between `start` and `end`: an action is claimed, replies, and is found again.
async fn round<DB: BarrierDatabase>(sql: Sql<DB>, start: &[&str], end: &[&str]) {
    let (action, rollback, tables) = (branch("g", "action"), branch("g", "rollback"), tables());
    let mut connection = connect_like(&sql.pool).await;

    statements::<DB>(&mut connection, start).await;
    let place = Place::new(&action, "01", &tables);
    assert_eq!(place.load_refusal::<DB>(&mut connection).await.expect("reads"), None);
    assert_eq!(place.claim::<DB>(&mut connection, "action").await.expect("claims"), Claim::New);
    assert_eq!(place.claim::<DB>(&mut connection, "action").await.expect("claims"), Claim::Taken);
    place.save_reply::<DB>(&mut connection, r#"{"Ok":1}"#).await.expect("saves");
    statements::<DB>(&mut connection, end).await;

    statements::<DB>(&mut connection, start).await;
    assert_eq!(place.claim::<DB>(&mut connection, "action").await.expect("claims"), Claim::Taken);
    assert_eq!(place.load_reply::<DB>(&mut connection).await.expect("reads").as_deref(), Some(r#"{"Ok":1}"#));
    let undo = Place::new(&rollback, "01", &tables);
    assert_eq!(undo.claim::<DB>(&mut connection, "rollback").await.expect("claims"), Claim::New);
    assert_eq!(undo.reason::<DB>(&mut connection, "action").await.expect("reads").as_deref(), Some("action"));
    assert_eq!(undo.reason::<DB>(&mut connection, "rollback").await.expect("reads").as_deref(), Some("rollback"));
    assert_eq!(undo.reason::<DB>(&mut connection, "commit").await.expect("reads"), None);
    undo.release::<DB>(&mut connection, "rollback").await.expect("deletes");
    assert_eq!(undo.reason::<DB>(&mut connection, "rollback").await.expect("reads"), None);
    statements::<DB>(&mut connection, end).await;
}

#[tokio::test]
async fn on_a_plain_connection() {
    round::<Sqlite>(bench::sqlite().await, &["BEGIN IMMEDIATE"], &["COMMIT"]).await;
    round::<Postgres>(bench::postgres().await, &["BEGIN"], &["COMMIT"]).await;
}

#[tokio::test]
async fn inside_an_xa_transaction() {
    let end = ["XA END 'g-01'", "XA PREPARE 'g-01'", "XA COMMIT 'g-01'"];
    round::<MySql>(bench::mariadb().await, &["XA START 'g-01'"], &end).await;
}
