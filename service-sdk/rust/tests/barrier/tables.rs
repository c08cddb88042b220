//! The tables: made together, shared with DTM's clients, with gids that differ by case, and cleaned up.

use std::time::Duration;

use futures::future::join_all;
use reprise_barrier::{Barrier, BarrierDatabase, BarrierError, Branch, Called, Tables, begin, create_tables, forget};
use rstest::rstest;
use sqlx::{MySql, Postgres, Sqlite};

use crate::bench::{self, Counter, Kind, Sql, Then, again, connect_like, done, tables};

async fn create_together<DB: BarrierDatabase>(sql: Sql<DB>, name: &str) {
    let tables = Tables::new(name).expect("a name");
    let create = async || {
        let mut connection = connect_like(&sql.pool).await;
        create_tables::<DB>(&mut connection, &tables).await
    };
    for created in join_all((0..8).map(|_| create())).await {
        created.expect("creates, or finds them");
    }
    assert_eq!(sql.run(&format!("DELETE FROM {}", tables.barrier())).await, 0);
    assert_eq!(sql.run(&format!("DELETE FROM {}", tables.reply())).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_create_them_once() {
    create_together::<Sqlite>(bench::sqlite().await, "fresh").await;
    create_together::<Postgres>(bench::postgres().await, "fresh.barrier").await;
    create_together::<MySql>(bench::mariadb().await, "fresh").await;
}

/// As DTM's clients write and read: an empty branch of every kind, in the table's own words.
const DTM_ROWS: &str = "SELECT CONCAT(trans_type, ' ', branch_id, ' ', op, ' ', barrier_id, ' ', reason) \
                        FROM dtm_barrier.barrier WHERE gid = 'GID' ORDER BY id DESC LIMIT 1";

/// `insert`: how a DTM client claims a place; it sits on the table at its default place, whoever made that.
async fn shared_with_dtm<DB: BarrierDatabase>(sql: &Sql<DB>, gid: &str, insert: &str) {
    create_tables::<DB>(&mut sql.pool.acquire().await.expect("connects"), &Tables::default_of::<DB>())
        .await
        .expect("creates");
    let send = async |op: &str| {
        let branch = Branch::new("workflow", gid, "01", op).expect("valid");
        let mut transaction = begin(&sql.pool).await.expect("begins");
        let called = Sql::call(&mut transaction, &mut Barrier::new(branch), Then::Accepts).await.expect("works");
        transaction.commit().await.expect("commits");
        called
    };
    assert_eq!(sql.run(&insert.replace("GID", gid)).await, 1);
    assert_eq!(sql.run(&insert.replace("GID", gid)).await, 0);
    assert_eq!(send("action").await, Called::Repeat(None), "the DTM client did it");
    assert_eq!(send("rollback").await, done("-10"));
    let row = sql.text(&DTM_ROWS.replace("GID", gid)).await;
    assert_eq!(row.as_deref(), Some("workflow 01 rollback 01 rollback"));
}

const POSTGRES_INSERT: &str = "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) \
     VALUES ('workflow', 'GID', '01', 'action', '01', 'action') ON CONFLICT ON CONSTRAINT uniq_barrier DO NOTHING";

const MYSQL_INSERT: &str = "INSERT IGNORE INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) \
     VALUES ('workflow', 'GID', '01', 'action', '01', 'action')";

#[tokio::test]
async fn our_table_serves_dtms_clients() {
    shared_with_dtm::<Postgres>(&bench::postgres().await, "ours", POSTGRES_INSERT).await;
    let mariadb = bench::mariadb().await;
    let gid = unique_gid(&mariadb).await;
    shared_with_dtm::<MySql>(&mariadb, &gid, MYSQL_INSERT).await;
}

/// On MySQL `dtm_barrier` is a database of the server, which tests share.
async fn unique_gid(sql: &Sql<MySql>) -> String {
    sql.text("SELECT DATABASE()").await.expect("a database of its own")
}

#[tokio::test]
async fn a_table_without_defaults_for_the_times_serves_too() {
    let sql = bench::postgres().await;
    sql.run("CREATE SCHEMA dtm_barrier").await;
    sql.run(
        "CREATE TABLE dtm_barrier.barrier (id bigserial PRIMARY KEY, trans_type varchar(45), gid varchar(128), \
         branch_id varchar(128), op varchar(45), barrier_id varchar(45), reason varchar(45), \
         create_time timestamp(0) with time zone, update_time timestamp(0) with time zone, \
         CONSTRAINT uniq_barrier UNIQUE (gid, branch_id, op, barrier_id))",
    )
    .await;
    shared_with_dtm::<Postgres>(&sql, "theirs", POSTGRES_INSERT).await;
    let untimed = sql.text("SELECT count(*)::text FROM dtm_barrier.barrier WHERE create_time IS NULL").await;
    assert_eq!(untimed.as_deref(), Some("1"), "only the row of the DTM client has no time");
}

#[tokio::test]
async fn rows_are_created_without_the_right_to_create() {
    let sql = bench::postgres().await;
    let user = sql.text("SELECT 'user_' || md5(current_database())").await.expect("a name");
    let default = Tables::default_of::<Postgres>();
    create_tables::<Postgres>(&mut sql.pool.acquire().await.expect("connects"), &default).await.expect("creates");
    sql.run(&format!("CREATE ROLE {user}")).await;
    sql.run(&format!("GRANT USAGE ON SCHEMA dtm_barrier TO {user}")).await;
    for right in ["SELECT, INSERT, DELETE ON ALL TABLES", "USAGE ON ALL SEQUENCES"] {
        sql.run(&format!("GRANT {right} IN SCHEMA dtm_barrier TO {user}")).await;
    }
    sql.run(&format!("GRANT SELECT, UPDATE ON counter TO {user}")).await;

    let mut connection = sql.pool.acquire().await.expect("connects");
    Postgres::execute(&mut connection, format!("SET ROLE {user}"), &[]).await.expect("sets");
    create_tables::<Postgres>(&mut connection, &default).await.expect("finds them");
    let mut transaction = sqlx::Connection::begin(&mut *connection).await.expect("begins");
    let mut barrier = Barrier::new(bench::branch("g", "action"));
    assert_eq!(Sql::call(&mut transaction, &mut barrier, Then::Accepts).await.expect("works"), done("10"));
    transaction.rollback().await.expect("rolls back");
    Postgres::execute(&mut connection, "RESET ROLE".to_owned(), &[]).await.expect("resets");
    drop(connection);
    sql.run(&format!("DROP OWNED BY {user}")).await;
    sql.run(&format!("DROP ROLE {user}")).await;
}

#[rstest]
#[tokio::test]
async fn gids_that_differ_by_case_are_apart(#[values(Kind::Sqlite, Kind::Postgres, Kind::Redis)] kind: Kind) {
    let counter = Counter::new(kind).await;
    assert_eq!(counter.send("g", "action", Then::Accepts).await.expect("works"), done("10"));
    assert_eq!(counter.send("G", "rollback", Then::Accepts).await.expect("works"), Called::Empty);
    assert_eq!(counter.send("G2", "action", Then::Accepts).await.expect("works"), done("20"));
}

#[tokio::test]
async fn mysql_refuses_a_gid_that_its_table_takes_for_another() {
    let sql = bench::mariadb().await;
    assert_eq!(sql.send("g", "action", Then::Accepts).await.expect("works"), done("10"));
    for op in ["action", "rollback"] {
        let error = sql.send("G", op, Then::Accepts).await.expect_err("the same place");
        assert!(matches!(&error, BarrierError::GidAlias { gid, .. } if gid == "G"), "{op}: {error:?}");
    }
    assert_eq!(sql.value().await, "10");

    // What the error says to do.
    sql.run("ALTER TABLE barrier CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin").await;
    assert_eq!(sql.send("G", "action", Then::Accepts).await.expect("works"), done("20"));
    assert_eq!(sql.send("G", "action", Then::Accepts).await.expect("works"), again("20"));
    assert_eq!(sql.send("g", "rollback", Then::Accepts).await.expect("works"), done("10"));
}

/// `old`: an expression for a time two hours ago.
async fn forgets<DB: BarrierDatabase>(sql: Sql<DB>, old: &str) {
    let mut transaction = sql.begin().await;
    for number in 0..600 {
        let branch = bench::branch(&format!("old{number}"), "action");
        Sql::call(&mut transaction, &mut bench::barrier(branch), Then::Accepts).await.expect("works");
    }
    transaction.commit().await.expect("commits");
    for table in ["barrier", "barrier_reply"] {
        assert_eq!(sql.run(&format!("UPDATE {table} SET create_time = {old}")).await, 600);
    }
    sql.send("young", "action", Then::Accepts).await.expect("works");

    let mut connection = connect_like(&sql.pool).await;
    let hour = Duration::from_secs(3600);
    assert_eq!(forget::<DB>(&mut connection, &tables(), 3 * hour).await.expect("deletes"), 0);
    assert_eq!(forget::<DB>(&mut connection, &tables(), hour).await.expect("deletes"), 1200);
    assert_eq!(forget::<DB>(&mut connection, &tables(), hour).await.expect("deletes"), 0);
    assert_eq!(sql.send("young", "action", Then::Accepts).await.expect("works"), again("6010"));
    assert_eq!(sql.send("old1", "rollback", Then::Accepts).await.expect("works"), Called::Empty);
}

#[tokio::test]
async fn old_rows_are_forgotten_and_young_ones_stay() {
    forgets::<Sqlite>(bench::sqlite().await, "datetime('now', '-2 hours')").await;
    forgets::<Postgres>(bench::postgres().await, "CURRENT_TIMESTAMP - interval '2 hours'").await;
    forgets::<MySql>(bench::mariadb().await, "NOW() - INTERVAL 2 HOUR").await;
}
