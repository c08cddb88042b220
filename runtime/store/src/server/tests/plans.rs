//! The real query plans, with many finished executions: each query uses the index that it names, and sorts nothing.

use reprise_engine::{Phase, Seq, Timestamp};
use reprise_test_services::{mariadb, postgres};

use super::super::dialect::{Dialect, RowOf, Value};
use super::super::mysql::MySql;
use super::super::postgres::Postgres;
use super::super::{deployments, inbox, keys, node, read, rows, topics};
use super::{Activity, create, open};
use crate::{ListFilter, ServerStore, Store, Topic, Write};

const FINISHED: usize = 20_000;

fn questions() -> Vec<(String, Vec<Value<'static>>)> {
    let (name, int) = (Value::Text("transfer"), Value::Int(50));
    let mut questions = vec![
        (read::JOURNAL.to_owned(), read::journal_values(50, Seq(50), 50).into()),
        (read::EXECUTION.to_owned(), vec![Value::Text("g00000050")]),
        (read::ACTIVE.to_owned(), vec![int, int, int]),
        (read::LEFT_BEHIND.to_owned(), vec![int, int]),
        (node::ONE_LEFT.to_owned(), vec![int]),
        (read::DUE.to_owned(), vec![int, int, int, int, int]),
        (read::NEXT_WAKE.to_owned(), vec![]),
        (read::QUARANTINED.to_owned(), vec![name, int, int]),
        (deployments::VERSIONS.to_owned(), vec![name, int]),
        (inbox::LETTERS.to_owned(), vec![int, int]),
        (keys::NEXT.to_owned(), vec![Value::Text(keys::EXECUTION)]),
        (deployments::COMPONENT.to_owned(), vec![Value::Bytes(b"digest")]),
        (topics::ALL.to_owned(), vec![name, int]),
        (topics::ONE.to_owned(), vec![name]),
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

fn questions_of_keys() -> [String; 7] {
    let adopt = "UPDATE executions SET owner = 7 WHERE id {keys}";
    let questions =
        [read::JOURNAL_ENDS, read::STANDINGS, read::NEWEST, read::SETTLED, read::SOME, adopt, inbox::REMOVE];
    questions.map(str::to_owned)
}

async fn fill<D: Dialect>(store: &ServerStore<D>) {
    for first in (0..FINISHED).step_by(1000) {
        let batch: Vec<Write> =
            (first..first + 1000).map(|i| create(&format!("g{i:08}"), Activity::Finished)).collect();
        store.commit(&batch).await.expect("commits");
    }
    let letters = "INSERT INTO inbox (id, execution, content, created_at) SELECT id, id, digest, id FROM executions";
    store.shared.change(letters, &[]).await.expect("posts");
    let at = Timestamp(1);
    let topic = Topic { name: "transfer".into(), subscribers: "[]".into(), version: 1, created_at: at, updated_at: at };
    assert!(store.put_topic(&topic).await.expect("writes"));
}

/// What the plan says of the rows of a text with `{keys}`, for as many keys as a commit has writes.
async fn explain_keys<D: Dialect>(store: &ServerStore<D>, text: &str) -> Vec<RowOf<D>> {
    let ids: Vec<i64> = (1..257).collect();
    let mut connection = store.shared.readers.acquire().await.expect("connects");
    D::fetch_of(&mut connection, &D::text(&format!("EXPLAIN {text}")), &ids).await.expect("plans")
}

/// The indexes that a text names.
fn named(text: &str) -> Vec<&str> {
    let rest = text.split("/*").skip(1);
    rest.map(|rest| rest.split_once("*/").expect("ends").0).collect()
}

fn postgres_plan(rows: &[RowOf<Postgres>]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| rows::text::<Postgres>(row, 0).expect("text")).collect();
    lines.join("\n")
}

#[tokio::test]
async fn no_verb_scans_on_postgres() {
    let store = open::<Postgres>(&postgres().await, "plans").await;
    for round in ["empty", "filled", "analyzed"] {
        for (text, values) in questions() {
            let plan = store.shared.fetch(&format!("EXPLAIN {text}"), &values).await.expect("plans");
            let plan = postgres_plan(&plan);
            let index = |name: &str| if name == "PRIMARY" { "_pkey".to_owned() } else { name.to_owned() };
            // The planner may prefer any index to a named one while there is nothing to choose from.
            let uses = round == "empty" || named(&text).into_iter().all(|name| plan.contains(&index(name)));
            let sorts = round != "empty" && plan.contains("Sort");
            assert!(uses && !sorts && !plan.contains("Seq Scan"), "{round}: {text}\n{plan}");
        }
        for text in questions_of_keys() {
            let plan = postgres_plan(&explain_keys(&store, &text).await);
            assert!(!plan.contains("Seq Scan") && plan.contains("_pkey"), "{round}: {text}\n{plan}");
        }
        match round {
            "empty" => fill(&store).await,
            "filled" => _ = store.shared.fetch("ANALYZE", &[]).await.expect("analyzes"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn no_verb_scans_on_mariadb() {
    let store = open::<MySql>(&mariadb().await, "plans").await;
    for round in ["filled", "analyzed"] {
        match round {
            "filled" => fill(&store).await,
            _ => _ = store.shared.fetch("ANALYZE TABLE executions, journal, inbox", &[]).await.expect("analyzes"),
        }
        for (text, values) in questions() {
            let plan = store.shared.fetch(&format!("EXPLAIN {text}"), &values).await.expect("plans");
            assert_mariadb(&text, &plan, &named(&text));
        }
        for text in questions_of_keys() {
            assert_mariadb(&text, &explain_keys(&store, &text).await, &["PRIMARY"]);
        }
    }
}

fn assert_mariadb(text: &str, plan: &[RowOf<MySql>], named: &[&str]) {
    assert!(!plan.is_empty() && !named.is_empty(), "{text}");
    for row in plan {
        // id, select_type, table, type, possible_keys, key, key_len, ref, rows, Extra
        let [kind, key, extra] = [3, 5, 9].map(|i| MySql::bytes(row, i).expect("a column").unwrap_or_default());
        let [kind, key, extra] = [kind, key, extra].map(|bytes| String::from_utf8(bytes).expect("text"));
        // Of a table that is known to be empty there is no plan, nor of the end of an index.
        // Nor of a key that no row has.
        let nothing = ["no matching row in const table", "Select tables optimized away", "reading const tables"]
            .iter()
            .any(|reason| extra.contains(reason));
        let uses = named.contains(&key.as_str()) && kind != "ALL" && !extra.contains("filesort");
        assert!(uses || nothing, "{text}\n{kind} {key} {extra}");
    }
}
