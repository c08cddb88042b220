//! What each kind of error is answered with, and that nothing is changed then.

use std::time::Duration;

use reprise_engine::{Answer, Op, SqlValue, Statement};
use reprise_sql::{DatabaseConfig, Databases};
use rstest::rstest;
use serde_json::json;

use crate::support::{
    NAME, Product, Subject, invalid, lost, new_gid, open, open_with, perform, perform_within, refused, rows, sql,
};

fn plain(sql: &str) -> Statement {
    Statement { sql: sql.into(), parameters: vec![], affected: None }
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn the_data_says_no(#[case] product: Product) {
    let subject = Subject::new(product).await;
    subject
        .execute("CREATE TABLE payment (id INT PRIMARY KEY, account VARCHAR(20) NOT NULL REFERENCES account (id))")
        .await;
    for (sql, affected, want) in [
        ("UPDATE account SET balance = balance - 100 WHERE id = 'nobody'", Some(1), "affected 0 rows instead of 1"),
        ("INSERT INTO account VALUES ('bob', 1)", None, ""),
        ("INSERT INTO account VALUES ('eve', -1)", None, ""),
        ("INSERT INTO account VALUES ('eve', NULL)", None, ""),
        ("INSERT INTO payment VALUES (1, 'nobody')", None, ""),
    ] {
        let gid = new_gid();
        let failing = Statement { sql: sql.into(), parameters: vec![], affected };
        let refusal = refused(subject.act(&gid, vec![subject.add("bob", 7), failing.clone()]).await);
        assert_eq!(refusal["statement"], 2, "{sql}: {refusal}");
        assert!(refusal["message"].as_str().expect("text").contains(want), "{refusal}");
        if affected.is_some() {
            assert_eq!((&refusal["affected"], &refusal["expected"]), (&json!(0), &json!(1)));
        }
        assert_eq!(subject.balance("bob").await, 0, "{sql}");
        // A repeat gets the same answer, and the rollback has nothing to undo.
        assert_eq!(refused(subject.act(&gid, vec![subject.add("bob", 7)]).await), refusal);
        let undo = perform(&subject.databases, &gid, Op::Rollback, &sql_of(vec![subject.add("bob", -7)])).await;
        assert_eq!(rows(undo), json!([]));
        assert_eq!(subject.balance("bob").await, 0, "{sql}");
    }
}

fn sql_of(statements: Vec<Statement>) -> reprise_engine::Operation {
    sql(statements)
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn what_cannot_be_done_says_what_to_do(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let statement = |sql: &str, parameters| subject.statement(sql, parameters, None);
    for (bad, want) in [
        (plain("UPDATE account SOT balance = 1"), "syntax"),
        (plain("SELECT * FROM nowhere"), "nowhere"),
        (plain("SELECT nothing FROM account"), "nothing"),
        (statement("SELECT ? AS a", vec![]), "1 placeholders and 0 parameters"),
        (statement("SELECT 1 AS a", vec![SqlValue::Null]), "0 placeholders and 1 parameters"),
        (plain("COMMIT"), "`COMMIT` can't stand in an operation"),
        (plain("BEGIN"), "`BEGIN` can't stand"),
        (plain("CREATE TABLE x (a INT)"), "`CREATE` can't stand"),
        (plain("UPDATE account SET balance = 1; UPDATE account SET balance = 2"), ""),
        (plain("UPDATE account SET balance = 1; COMMIT"), ""),
        (plain("SELECT 1 AS a, 2 AS a"), "two columns named `a`"),
    ] {
        let error = invalid(subject.act(&new_gid(), vec![subject.add("bob", 7), bad.clone()]).await);
        assert!(
            error.contains("statement 2") && error.contains("`ledger`") && error.contains(want),
            "{bad:?}: {error}"
        );
        assert_eq!(subject.balance("bob").await, 0, "{bad:?}");
    }
    let many = vec![SqlValue::Text("x".repeat(20_000))];
    let error =
        invalid(subject.act(&new_gid(), vec![subject.add("bob", 7), statement(MANY[product as usize], many)]).await);
    assert!(error.contains("limits.response_bytes"), "{error}");
    assert_eq!(subject.balance("bob").await, 0);
    // It was nothing: the same gid can still act.
    let gid = new_gid();
    invalid(subject.act(&gid, vec![plain("SELECT * FROM nowhere")]).await);
    rows(subject.act(&gid, vec![subject.add("bob", 7)]).await);
}

const MANY: [&str; 3] = ["SELECT ? AS a", "SELECT ?::text AS a", "SELECT ? AS a"];

#[tokio::test]
async fn a_procedure_cannot_commit() {
    let subject = Subject::new(Product::Postgres).await;
    subject
        .execute("CREATE PROCEDURE pay() LANGUAGE plpgsql AS $$ BEGIN UPDATE account SET balance = 1; COMMIT; END $$")
        .await;
    for call in ["CALL pay()", "DO $$ BEGIN UPDATE account SET balance = 1; COMMIT; END $$"] {
        let error = invalid(subject.act(&new_gid(), vec![plain(call)]).await);
        assert!(error.contains("must not end the transaction"), "{error}");
    }
    assert_eq!(subject.balance("alice").await, 100);
    let raise = "DO $$ BEGIN RAISE EXCEPTION 'too poor'; END $$";
    assert_eq!(refused(subject.act(&new_gid(), vec![plain(raise)]).await)["message"], "too poor");
    subject.execute("ALTER TABLE account ADD rank INT UNIQUE DEFERRABLE INITIALLY DEFERRED").await;
    let refusal = refused(subject.act(&new_gid(), vec![plain("UPDATE account SET rank = 1")]).await);
    assert_eq!((&refusal["code"], &refusal["constraint"]), (&json!("23505"), &json!("account_rank_key")));
}

#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn a_user_without_the_right_is_told(#[case] product: Product) {
    let subject = Subject::new(product).await;
    subject.act(&new_gid(), vec![]).await;
    let user = format!("u{}", &uuid::Uuid::now_v7().simple().to_string()[16..]);
    let grants = match product {
        Product::Postgres => format!(
            "CREATE USER {user}; GRANT SELECT, INSERT, UPDATE, DELETE ON barrier, barrier_reply TO {user}; \
             GRANT USAGE ON SEQUENCE barrier_seq TO {user}"
        ),
        Product::MariaDb | Product::Sqlite => format!(
            "CREATE USER {user}; GRANT SELECT, INSERT, UPDATE, DELETE ON barrier TO {user}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON barrier_reply TO {user}"
        ),
    };
    subject.execute(&grants).await;
    let mut url = url::Url::parse(&subject.url).expect("a URL");
    url.set_username(&user).expect("it has a host");
    let poor = open(url.as_str());
    let statement = match product {
        Product::Postgres => subject.add("bob", 1),
        // Databases whose names begin with `test_` are everybody's there.
        Product::MariaDb | Product::Sqlite => plain("SELECT Host FROM mysql.global_priv"),
    };
    let error = invalid(perform(&poor, &new_gid(), Op::Action, &sql(vec![statement])).await);
    assert!(error.contains("statement 1") && error.contains("grant it"), "{error}");
}

#[tokio::test]
async fn barrier_tables_that_cannot_be_made_are_explained() {
    let subject = Subject::new(Product::Postgres).await;
    let config = DatabaseConfig { barrier_table: Some("nowhere.barrier".into()), ..DatabaseConfig::at(&subject.url) };
    let poor = format!("u{}", &uuid::Uuid::now_v7().simple().to_string()[16..]);
    subject.execute(&format!("CREATE USER {poor}")).await;
    let mut url = url::Url::parse(&config.url).expect("a URL");
    url.set_username(&poor).expect("it has a host");
    let databases = open_with(DatabaseConfig { url: url.into(), ..config });
    let error = invalid(perform(&databases, &new_gid(), Op::Action, &sql(vec![])).await);
    assert!(error.contains("barrier tables") && error.contains("docs/sql.md"), "{error}");
}

#[tokio::test]
async fn nobody_is_reached_and_nothing_is_given_away() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://me:s3cret@127.0.0.1:{port}/x");
        let config = DatabaseConfig { connect_timeout_ms: 200, ..DatabaseConfig::at(url) };
        let shown = format!("{config:?}");
        let databases = open_with(config);
        let error = lost(perform(&databases, &new_gid(), Op::Action, &sql(vec![])).await);
        let look = databases.prepared(NAME).await.expect_err("nobody is there");
        for text in [shown, error, look, format!("{databases:?}")] {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
    let error = invalid(perform(&Databases::default(), "g", Op::Action, &sql(vec![])).await);
    assert!(error.contains("configured: none") && error.contains("[databases.ledger]"), "{error}");
}

#[test]
fn bad_settings_are_named_without_the_url() {
    let with = |url: &str| DatabaseConfig::at(url);
    for (config, want) in [
        (with("oracle://me:s3cret@x"), "has to begin with postgres://"),
        (with("postgres://me:s3cret@x:port/y"), "`url` can't be used"),
        (DatabaseConfig { connections: 0, ..with("sqlite:x") }, "`connections`"),
        (DatabaseConfig { barrier_table: Some("a b".into()), ..with("sqlite:x") }, "`barrier_table`"),
    ] {
        let error = Databases::new([(NAME.to_owned(), config)].into()).expect_err("wrong").to_string();
        assert!(error.contains(want) && error.contains("`ledger`") && !error.contains("s3cret"), "{error}");
    }
}

/// Two operations that take two rows in opposite order: one is the victim, and its next attempt succeeds.
#[rstest]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn the_victim_of_a_deadlock_tries_again(#[case] product: Product) {
    let subject = Subject::new(product).await;
    subject.execute("UPDATE account SET balance = 1000").await;
    let pause = match product {
        Product::Postgres => plain("SELECT pg_sleep(0.3)::text AS s"),
        Product::MariaDb | Product::Sqlite => plain("SELECT SLEEP(0.3) AS s"),
    };
    let way = |from: &str, to: &str| vec![subject.add(from, -1), pause.clone(), subject.add(to, 1)];
    let (one, two) = (new_gid(), new_gid());
    let (first, second) = tokio::join!(subject.act(&one, way("alice", "bob")), subject.act(&two, way("bob", "alice")));
    let victims = [&first, &second].into_iter().filter(|answer| matches!(answer, Answer::Lost(_))).count();
    assert_eq!(victims, 1, "{first:?} {second:?}");
    rows(subject.act(&one, way("alice", "bob")).await);
    rows(subject.act(&two, way("bob", "alice")).await);
    assert_eq!((subject.balance("alice").await, subject.balance("bob").await), (1000, 1000));
}

#[tokio::test]
async fn a_serialization_failure_is_tried_again() {
    let subject = Subject::new(Product::Postgres).await;
    let pause = plain("SELECT pg_sleep(0.3)::text AS s");
    let level = plain("SET LOCAL lock_timeout = '2s'");
    subject.execute("DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_isolation = serializable'; END $$").await;
    let read = plain("SELECT sum(balance)::bigint AS s FROM account");
    let all = |id: &str| vec![level.clone(), read.clone(), pause.clone(), subject.add(id, 1)];
    let databases = open(&subject.url);
    let (one, two) = (new_gid(), new_gid());
    let (on_alice, on_bob) = (sql(all("alice")), sql(all("bob")));
    perform(&databases, &new_gid(), Op::Action, &sql(vec![])).await;
    let (first, second) =
        tokio::join!(perform(&databases, &one, Op::Action, &on_alice), perform(&databases, &two, Op::Action, &on_bob));
    let victims = [&first, &second].into_iter().filter(|answer| matches!(answer, Answer::Lost(_))).count();
    assert_eq!(victims, 1, "{first:?} {second:?}");
    rows(perform(&databases, &one, Op::Action, &on_alice).await);
    rows(perform(&databases, &two, Op::Action, &on_bob).await);
    assert_eq!((subject.balance("alice").await, subject.balance("bob").await), (101, 1));
}

#[rstest]
#[case(Product::Sqlite, "")]
#[case(Product::Postgres, "SELECT pg_sleep(30)::text AS s")]
#[case(Product::MariaDb, "SELECT SLEEP(30) AS s")]
#[tokio::test]
async fn an_attempt_that_takes_too_long_leaves_nothing(#[case] product: Product, #[case] slow: &str) {
    let subject = Subject::new(product).await;
    let slow = match product {
        Product::Sqlite => plain(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) AS m FROM n",
        ),
        Product::Postgres | Product::MariaDb => plain(slow),
    };
    rows(subject.act(&new_gid(), vec![]).await);
    let (gid, brief) = (new_gid(), Duration::from_millis(300));
    let operation = sql(vec![subject.add("bob", 7), slow]);
    let text = lost(perform_within(&subject.databases, &gid, Op::Action, &operation, brief).await);
    assert!(text.contains("`ledger`"), "{text}");
    // The server gives the row free by itself, and the place with it.
    rows(subject.act(&gid, vec![subject.add("bob", 7)]).await);
    assert_eq!(subject.balance("bob").await, 7);
}

#[tokio::test]
async fn too_many_connections_pass() {
    let subject = Subject::new(Product::Postgres).await;
    rows(subject.act(&new_gid(), vec![]).await);
    let slow = plain("SELECT pg_sleep(1)::text AS s");
    let config = DatabaseConfig { connections: 1, connect_timeout_ms: 200, ..DatabaseConfig::at(&subject.url) };
    let databases = open_with(DatabaseConfig { barrier_table: Some("barrier".into()), ..config });
    let (one, two) = (new_gid(), new_gid());
    let operation = sql(vec![slow]);
    let first = perform(&databases, &one, Op::Action, &operation);
    let second = perform(&databases, &two, Op::Action, &operation);
    let (first, second) = tokio::join!(first, second);
    let late = if matches!(first, Answer::Lost(_)) { first } else { second };
    assert!(lost(late).contains("no connection in time"));
}
