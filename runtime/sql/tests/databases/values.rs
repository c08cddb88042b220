//! Parameters go where they are wanted, values come back as documented.

use reprise_engine::SqlValue::{Boolean, Bytes, Integer, Null, Real, Text};
use reprise_engine::{SqlValue, Statement};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Product, Subject, invalid, new_gid, rows};

fn text(text: &str) -> SqlValue {
    Text(text.into())
}

/// Writes a value into a column of a type and reads it back.
async fn round_trip(subject: &Subject, column: &str, value: SqlValue) -> Value {
    let table = format!("t{}", uuid::Uuid::now_v7().simple());
    subject.execute(&format!("CREATE TABLE {table} (v {column})")).await;
    let insert = subject.statement(&format!("INSERT INTO {table} (v) VALUES (?)"), vec![value], Some(1));
    let select = subject.statement(&format!("SELECT v FROM {table}"), vec![], Some(1));
    rows(subject.act(&new_gid(), vec![insert, select]).await)[1]["rows"][0]["v"].clone()
}

#[rstest]
#[case(Product::Sqlite, vec![
    ("INTEGER", Integer(i64::MAX), json!("9223372036854775807")),
    ("INTEGER", Integer(-5), json!(-5)),
    ("REAL", Real(0.5), json!(0.5)),
    ("TEXT", text("ä'\"\\"), json!("ä'\"\\")),
    ("BLOB", Bytes(vec![0, 255]), json!("AP8=")),
    ("BOOLEAN", Boolean(true), json!(true)),
    ("NUMERIC", text("10.50"), json!(10.5)),
    ("TEXT", Null, Value::Null),
])]
#[case(Product::Postgres, vec![
    ("smallint", Integer(-5), json!(-5)),
    ("int", Integer(7), json!(7)),
    ("bigint", Integer(9_007_199_254_740_992), json!("9007199254740992")),
    ("bigint", text("12"), json!(12)),
    ("numeric(10,2)", Integer(7), json!("7.00")),
    ("numeric(10,2)", text("10.50"), json!("10.50")),
    ("numeric", Real(0.1), json!("0.1")),
    ("numeric", text("12345678901234567890.000"), json!("12345678901234567890.000")),
    ("real", Real(0.5), json!(0.5)),
    ("double precision", Integer(3), json!(3.0)),
    ("text", text("ä'\"\\"), json!("ä'\"\\")),
    ("varchar(9)", Integer(5), json!("5")),
    ("char(3)", text("a"), json!("a  ")),
    ("boolean", Boolean(true), json!(true)),
    ("bytea", Bytes(vec![0, 255]), json!("AP8=")),
    ("uuid", text("018f4e1e-0000-7000-8000-000000000001"), json!("018f4e1e-0000-7000-8000-000000000001")),
    ("jsonb", text(r#"{"a": [1, 2.50]}"#), json!({ "a": [1, 2.50] })),
    ("json", text(r#"{"a": [1, null]}"#), json!({ "a": [1, null] })),
    ("date", text("2026-01-31"), json!("2026-01-31")),
    ("time", text("23:59:59.5"), json!("23:59:59.500")),
    ("timestamp", text("2026-01-31 23:59:59.5"), json!("2026-01-31T23:59:59.500")),
    ("timestamptz", text("2026-01-31T23:59:59.5+02:00"), json!("2026-01-31T21:59:59.500Z")),
    ("timestamptz", text("2026-01-31 23:59:59"), json!("2026-01-31T23:59:59Z")),
    ("int", Null, Value::Null),
    ("jsonb", Null, Value::Null),
])]
#[case(Product::MariaDb, vec![
    ("TINYINT(1)", Boolean(true), json!(true)),
    ("SMALLINT", Integer(-5), json!(-5)),
    ("INT UNSIGNED", Integer(7), json!(7)),
    ("BIGINT", Integer(i64::MIN), json!("-9223372036854775808")),
    ("DECIMAL(10,2)", text("10.5"), json!("10.50")),
    ("DECIMAL(10,2)", Integer(7), json!("7.00")),
    ("DOUBLE", Real(0.5), json!(0.5)),
    ("FLOAT", Real(0.5), json!(0.5)),
    ("VARCHAR(9)", text("ä'\"\\"), json!("ä'\"\\")),
    ("CHAR(36)", text("018f4e1e"), json!("018f4e1e")),
    ("UUID", text("018f4e1e-0000-7000-8000-000000000001"), json!("018f4e1e-0000-7000-8000-000000000001")),
    ("JSON", text(r#"{"a": 1}"#), json!(r#"{"a": 1}"#)),
    ("VARCHAR(9) COLLATE utf8mb4_bin", text("ä"), json!("ä")),
    ("VARBINARY(9)", Bytes(vec![0, 255]), json!("AP8=")),
    ("BLOB", Bytes(vec![1]), json!("AQ==")),
    ("DATE", text("2026-01-31"), json!("2026-01-31")),
    ("TIME(1)", text("-100:59:59.5"), json!("-100:59:59.5")),
    ("DATETIME(3)", text("2026-01-31 23:59:59.5"), json!("2026-01-31T23:59:59.500")),
    ("TIMESTAMP", text("2026-01-31 23:59:59"), json!("2026-01-31T23:59:59Z")),
    ("YEAR", Integer(2026), json!(2026)),
    ("BIT(3)", Integer(5), json!(5)),
    ("ENUM('a','b')", text("b"), json!("b")),
    ("INT", Null, Value::Null),
])]
#[tokio::test]
async fn values_survive(#[case] product: Product, #[case] cases: Vec<(&str, SqlValue, Value)>) {
    let subject = Subject::new(product).await;
    for (column, value, want) in cases {
        assert_eq!(round_trip(&subject, column, value.clone()).await, want, "{column} {value:?}");
    }
}

#[tokio::test]
async fn postgres_has_types_of_its_own() {
    let subject = Subject::new(Product::Postgres).await;
    subject.execute("CREATE TYPE mood AS ENUM ('good', 'bad')").await;
    subject.execute("CREATE DOMAIN amount AS numeric(10,2) CHECK (VALUE > 0)").await;
    assert_eq!(round_trip(&subject, "mood", text("bad")).await, json!("bad"));
    assert_eq!(round_trip(&subject, "amount", Integer(3)).await, json!("3.00"));
    let cast = subject.statement("SELECT CAST(?::text AS inet)::text AS v", vec![text("10.0.0.1")], Some(1));
    assert_eq!(rows(subject.act(&new_gid(), vec![cast]).await)[0]["rows"][0]["v"], "10.0.0.1/32");
    for (sql, value, want) in [
        ("SELECT ?::inet::text AS v", text("10.0.0.1"), "$1::text::inet"),
        ("SELECT ?::int AS v", Integer(1 << 40), "parameter 1: an integer is given where the statement wants INT4"),
        ("SELECT ?::uuid AS v", text("x"), "write it like this: a UUID"),
        ("SELECT ?::int AS v", Bytes(vec![1]), "bytes is given"),
        ("SELECT ARRAY[?::int] AS v", Integer(1), "column `v` has the type INT4[]"),
        ("SELECT 1 AS v, ?::int AS v", Integer(1), "two columns named `v`"),
    ] {
        let statement = subject.statement(sql, vec![value], None);
        let error = invalid(subject.act(&new_gid(), vec![statement]).await);
        assert!(error.contains(want), "{sql}: {error}");
    }
}

#[rstest]
#[case(Product::Sqlite)]
#[case(Product::Postgres)]
#[case(Product::MariaDb)]
#[tokio::test]
async fn affected_rows_are_counted(#[case] product: Product) {
    let subject = Subject::new(product).await;
    let plain = |sql: &str| Statement { sql: sql.into(), parameters: vec![], affected: None };
    let mut statements = vec![
        plain("UPDATE account SET balance = balance + 1"),
        plain("SELECT id FROM account WHERE balance > 1"),
        plain("UPDATE account SET balance = 5 WHERE balance = 77"),
        plain("SELECT id, balance AS b FROM account WHERE 1 = 0"),
    ];
    if product != Product::MariaDb {
        statements.push(plain("DELETE FROM account WHERE id = 'bob' RETURNING balance"));
    }
    let reply = rows(subject.act(&new_gid(), statements).await);
    let mut want = json!([
        { "affected": 2, "rows": [] },
        { "affected": 1, "rows": [{ "id": "alice" }] },
        { "affected": 0, "rows": [] },
        { "affected": 0, "rows": [] },
    ]);
    if product != Product::MariaDb {
        want.as_array_mut().expect("a list").push(json!({ "affected": 1, "rows": [{ "balance": 1 }] }));
    }
    assert_eq!(reply, want);
}

/// A connection keeps plans of statements; a changed table must not make them wrong.
#[rstest]
#[case(Product::Postgres, ["int", "uuid", "text"])]
#[case(Product::MariaDb, ["INT", "CHAR(36)", "BLOB"])]
#[tokio::test]
async fn a_changed_table_is_noticed(#[case] product: Product, #[case] columns: [&str; 3]) {
    let subject = Subject::new(product).await;
    let id = "018f4e1e-0000-7000-8000-000000000001";
    for (column, value) in columns.into_iter().zip([Integer(5), text(id), text("x")]) {
        subject.execute("DROP TABLE IF EXISTS one").await;
        subject.execute(&format!("CREATE TABLE one (v {column})")).await;
        let insert = subject.statement("INSERT INTO one (v) VALUES (?)", vec![value], Some(1));
        let select = subject.statement("SELECT v FROM one", vec![], Some(1));
        let reply = rows(subject.act(&new_gid(), vec![insert, select]).await);
        let want = match column {
            "int" | "INT" => json!(5),
            "BLOB" => json!("eA=="),
            "text" => json!("x"),
            _ => json!(id),
        };
        assert_eq!(reply[1]["rows"][0]["v"], want, "{column}");
    }
}
