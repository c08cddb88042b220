//! The real query plans, with many finished executions: each query uses the index that it names, and sorts nothing.

use reprise_engine::Phase;
use reprise_test_services::{mariadb, postgres};
use sqlx::Row as _;

use super::super::dialect::{Dialect, RowOf, Value};
use super::super::mysql::MySql;
use super::super::postgres::{self, Postgres};
use super::super::{deployments, read, rows};
use super::{Activity, create, open};
use crate::{ListFilter, ServerStore, Store, Write};

const FINISHED: usize = 20_000;

fn questions() -> Vec<(String, Vec<Value<'static>>)> {
    let (name, int) = (Value::Text("transfer"), Value::Int(50));
    let mut questions = vec![
        (read::JOURNAL.to_owned(), vec![int, int, int]),
        (read::EXECUTION.to_owned(), vec![Value::Text("g00000050")]),
        (read::ACTIVE.to_owned(), vec![int, int]),
        (read::DUE.to_owned(), vec![int, int]),
        (read::NEXT_WAKE.to_owned(), vec![]),
        (read::QUARANTINED.to_owned(), vec![name, int, int]),
        (deployments::VERSIONS.to_owned(), vec![name, int]),
        (deployments::COMPONENT.to_owned(), vec![Value::Bytes(b"digest")]),
    ];
    let phases = [Phase::Running, Phase::Committing, Phase::RollingBack, Phase::Succeeded, Phase::Failed];
    let activities = [Activity::Active, Activity::Parked, Activity::Quarantined, Activity::Finished];
    for phase in std::iter::once(None).chain(phases.map(Some)) {
        for activity in std::iter::once(None).chain(activities.map(Some)) {
            let filter = ListFilter { workflow: None, phase, activity, before: None, limit: 50 };
            questions.push((read::list_text(&filter), vec![Value::Int(i64::MAX), int]));
            let filter = ListFilter { workflow: Some("transfer".parse().expect("a workflow name")), ..filter };
            questions.push((read::list_text(&filter), vec![Value::Int(i64::MAX), name, int]));
        }
    }
    questions
}

async fn fill<D: Dialect>(store: &ServerStore<D>) {
    for first in (0..FINISHED).step_by(1000) {
        let batch: Vec<Write> =
            (first..first + 1000).map(|i| create(&format!("g{i:08}"), Activity::Finished)).collect();
        store.commit(&batch).await.expect("commits");
    }
}

/// The rows of the plan, and the index that the text names.
async fn explain<D: Dialect>(store: &ServerStore<D>, text: &str, values: &[Value<'_>]) -> (Vec<RowOf<D>>, String) {
    let plan = store.fetch(&format!("EXPLAIN {text}"), values).await.expect("plans");
    let named = text.split_once("/*").and_then(|(_, rest)| rest.split_once("*/")).expect("names its index").0;
    (plan, named.to_owned())
}

#[tokio::test]
async fn no_verb_scans_on_postgres() {
    let store = open::<Postgres>(&postgres().await, "plans").await;
    for round in ["empty", "filled", "analyzed"] {
        for (text, values) in questions() {
            let (plan, named) = explain(&store, &text, &values).await;
            let lines: Vec<String> = plan.iter().map(|row| rows::text::<Postgres>(row, 0).expect("text")).collect();
            let plan = lines.join("\n");
            let index = if named == "PRIMARY" { "_pkey" } else { &named };
            // The planner may prefer any index to a named one while there is nothing to choose from.
            let uses = round == "empty" || plan.contains(index);
            let sorts = round != "empty" && plan.contains("Sort");
            assert!(uses && !sorts && !plan.contains("Seq Scan"), "{round}: {text}\n{plan}");
        }
        match round {
            "empty" => fill(&store).await,
            "filled" => _ = store.fetch("ANALYZE", &[]).await.expect("analyzes"),
            _ => {}
        }
    }
    let mut connection = store.readers.acquire().await.expect("connects");
    let ids: Vec<i64> = (1..257).collect();
    let text = format!("EXPLAIN {}", postgres::JOURNAL_ENDS);
    let plan = sqlx::query(sqlx::AssertSqlSafe(text)).bind(&ids).fetch_all(&mut *connection).await.expect("plans");
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(!plan.join("\n").contains("Seq Scan"), "{}", plan.join("\n"));
}

#[tokio::test]
async fn no_verb_scans_on_mariadb() {
    let store = open::<MySql>(&mariadb().await, "plans").await;
    for round in ["filled", "analyzed"] {
        match round {
            "filled" => fill(&store).await,
            _ => _ = store.fetch("ANALYZE TABLE executions, journal", &[]).await.expect("analyzes"),
        }
        for (text, values) in questions() {
            let (plan, named) = explain(&store, &text, &values).await;
            for row in &plan {
                // id, select_type, table, type, possible_keys, key, key_len, ref, rows, Extra
                let [kind, key, extra] = [3, 5, 9].map(|i| MySql::bytes(row, i).expect("a column").unwrap_or_default());
                let [kind, key, extra] = [kind, key, extra].map(|bytes| String::from_utf8(bytes).expect("text"));
                // Of a table that is known to be empty there is no plan.
                let nothing = extra.contains("no matching row in const table");
                let uses = key == named && kind != "ALL" && !extra.contains("filesort");
                assert!(uses || nothing, "{round}: {text}\n{kind} {key} {extra}");
            }
        }
    }
}
