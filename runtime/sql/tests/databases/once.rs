//! An operation takes effect once, whatever happens to its answer.

use reprise_engine::{Answer, Op, Statement};
use reprise_sql::DatabaseConfig;
use rstest::rstest;
use serde_json::json;

use crate::proxy::{Cut, cut};
use crate::support::{Product, Subject, lost, new_gid, open, open_with, perform, refused, rows, sql};

fn read(subject: &Subject) -> Statement {
    subject.statement("SELECT balance FROM account WHERE id = 'bob'", vec![], Some(1))
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_repeat_gets_the_first_reply(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    let statements = vec![subject.add("bob", 7), read(&subject)];
    let reply = rows(subject.act(&gid, statements.clone()).await);
    assert_eq!(reply, json!([{ "affected": 1, "rows": [] }, { "affected": 1, "rows": [{ "balance": 7 }] }]));
    subject.execute("UPDATE account SET balance = 50 WHERE id = 'bob'").await;
    assert_eq!(rows(subject.act(&gid, statements).await), reply);
    assert_eq!(subject.balance("bob").await, 50);
    // Its rollback undoes it once.
    let undo = sql(vec![subject.add("bob", -7)]);
    for _ in 0..2 {
        rows(perform(&subject.databases, &gid, Op::Rollback, &undo).await);
        assert_eq!(subject.balance("bob").await, 43);
    }
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_late_action_is_refused_after_its_rollback(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    let undo = sql(vec![subject.add("bob", -7)]);
    for _ in 0..2 {
        assert_eq!(rows(perform(&subject.databases, &gid, Op::Rollback, &undo).await), json!([]));
        let refusal = refused(subject.act(&gid, vec![subject.add("bob", 7)]).await);
        assert!(refusal["message"].as_str().expect("text").contains("rollback was here first"), "{refusal}");
    }
    assert_eq!(subject.balance("bob").await, 0);
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn phase_two_is_repeated_until_it_succeeds(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    rows(subject.act(&gid, vec![subject.add("bob", 7)]).await);
    let undo = sql(vec![subject.add("bob", -70)]);
    refused(perform(&subject.databases, &gid, Op::Rollback, &undo).await);
    subject.execute("UPDATE account SET balance = 100 WHERE id = 'bob'").await;
    rows(perform(&subject.databases, &gid, Op::Rollback, &undo).await);
    rows(perform(&subject.databases, &gid, Op::Rollback, &undo).await);
    assert_eq!(subject.balance("bob").await, 30);
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_refused_notification_is_asked_again(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    let notify = sql(vec![subject.add("bob", -70)]);
    refused(perform(&subject.databases, &gid, Op::Finish, &notify).await);
    subject.execute("UPDATE account SET balance = 100 WHERE id = 'bob'").await;
    for _ in 0..2 {
        rows(perform(&subject.databases, &gid, Op::Finish, &notify).await);
        assert_eq!(subject.balance("bob").await, 30);
    }
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_refusal_stays_what_it_was(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let gid = new_gid();
    let refusal = refused(subject.act(&gid, vec![subject.add("bob", -70)]).await);
    assert_eq!(refused(subject.act(&gid, vec![subject.add("nobody", 7)]).await), refusal);
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn copies_at_one_time_act_once(#[case] product: Product) {
    let subject = Subject::new(product).await;
    rows(subject.act(&new_gid(), vec![]).await);
    let gid = new_gid();
    let copies = (0..8).map(|_| subject.act(&gid, vec![subject.add("bob", 7), read(&subject)]));
    let answers = futures::future::join_all(copies).await;
    let replies: Vec<_> = answers.into_iter().filter(|answer| !matches!(answer, Answer::Lost(_))).map(rows).collect();
    assert!(!replies.is_empty() && replies.iter().all(|reply| reply[1]["rows"] == json!([{ "balance": 7 }])));
    assert_eq!(subject.balance("bob").await, 7);
}

#[rstest]
#[case(Product::Postgres, Cut::Before)]
#[case(Product::Postgres, Cut::After)]
#[case(Product::MariaDb, Cut::Before)]
#[case(Product::MariaDb, Cut::After)]
#[tokio::test]
async fn a_lost_commit_is_found_out(#[case] product: Product, #[case] when: Cut) {
    let subject = Subject::new(product).await;
    rows(subject.act(&new_gid(), vec![]).await);
    let databases = open(&cut(&subject.url, "COMMIT", when).await);
    let gid = new_gid();
    let operation = sql(vec![subject.add("bob", 7), read(&subject)]);
    let text = lost(perform(&databases, &gid, Op::Action, &operation).await);
    assert!(text.contains("the answer to COMMIT was lost"), "{text}");
    assert_eq!(subject.balance("bob").await, if when == Cut::After { 7 } else { 0 });
    let reply = rows(perform(&databases, &gid, Op::Action, &operation).await);
    assert_eq!(reply[1]["rows"], json!([{ "balance": 7 }]));
    assert_eq!(subject.balance("bob").await, 7);
}

/// The connection is killed while a statement runs.
#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_killed_connection_is_lost(#[case] product: Product) {
    let subject = Subject::new(product).await;
    rows(subject.act(&new_gid(), vec![]).await);
    let suicide = match product {
        Product::Postgres => "SELECT pg_terminate_backend(pg_backend_pid()) AS s",
        Product::MariaDb | Product::Sqlite => "SELECT 1 AS s FROM (SELECT SLEEP(0)) AS x WHERE 1 = 0",
    };
    if product == Product::MariaDb {
        // Nobody kills itself there: a statement that waits is killed from outside.
        subject.execute("CREATE TABLE gate (id INT PRIMARY KEY)").await;
        subject.execute("INSERT INTO gate VALUES (1)").await;
    }
    let gid = new_gid();
    let statement = |sql: &str| subject.statement(sql, vec![], None);
    if product == Product::Postgres {
        lost(subject.act(&gid, vec![subject.add("bob", 7), statement(suicide)]).await);
    } else {
        let waits = subject.act(&gid, vec![subject.add("bob", 7), statement("SELECT SLEEP(20) AS s")]);
        let kill = async {
            let find = "SELECT COALESCE(MAX(id), 0) FROM information_schema.processlist \
                        WHERE db = DATABASE() AND info LIKE 'SELECT SLEEP(20)%'";
            loop {
                match subject.number(find).await {
                    0 => tokio::task::yield_now().await,
                    id => return subject.execute(&format!("KILL {id}")).await,
                }
            }
        };
        let (answer, ()) = tokio::join!(waits, kill);
        lost(answer);
    }
    assert_eq!(subject.balance("bob").await, 0);
    rows(subject.act(&gid, vec![subject.add("bob", 7)]).await);
    assert_eq!(subject.balance("bob").await, 7);
}

/// Where nothing else is configured, the tables are DTM's, made at the first use by whoever comes first.
#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn the_usual_tables_are_made(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let databases = open_with(DatabaseConfig::at(&subject.url));
    let gid = new_gid();
    let operation = sql(vec![subject.add("bob", 7)]);
    let copies = (0..4).map(|_| perform(&databases, &gid, Op::Action, &operation));
    for answer in futures::future::join_all(copies).await {
        assert_eq!(rows(answer)[0]["affected"], 1);
    }
    let table = if product == Product::Sqlite { "barrier" } else { "dtm_barrier.barrier" };
    assert_eq!(subject.number(&format!("SELECT COUNT(*) FROM {table} WHERE gid = '{gid}'")).await, 1);
    assert_eq!(subject.balance("bob").await, 7);
}
