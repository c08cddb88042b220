//! The real query plans, on an empty file and on one with many finished executions: no scan.

use rusqlite::Connection;

use super::super::{deployments, read, statements, writer};
use super::{append, create, created, open};
use crate::{Activity, ListFilter, SqliteStore, Store, Write, Written};
use reprise_engine::{Phase, Seq};

const FINISHED: usize = 50_000;

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        read::JOURNAL,
        read::EXECUTION,
        read::ROW,
        read::ACTIVE,
        read::DUE,
        read::NEXT_WAKE,
        read::QUARANTINED,
        deployments::VERSIONS,
        deployments::COMPONENT,
        writer::NEWEST_KEY,
        statements::INSERT_EXECUTION,
        statements::INSERT_ENTRIES,
        statements::UPDATE_EXECUTION,
        statements::JOURNAL_END,
    ]
    .map(str::to_owned)
    .into();
    let phases = [Phase::Running, Phase::Committing, Phase::RollingBack, Phase::Succeeded, Phase::Failed];
    let activities = [Activity::Active, Activity::Parked, Activity::Quarantined, Activity::Finished];
    for workflow in [None, Some("transfer".parse().expect("a workflow name"))] {
        for phase in std::iter::once(None).chain(phases.map(Some)) {
            for activity in std::iter::once(None).chain(activities.map(Some)) {
                let workflow = workflow.clone();
                texts.push(read::list_text(&ListFilter { workflow, phase, activity, before: None, limit: 50 }));
            }
        }
    }
    texts
}

fn check(store: &SqliteStore) {
    let plan_of = |connection: &Connection| {
        for text in texts() {
            check_plan(connection, &text);
        }
        Ok(())
    };
    store.file.readers.ask(plan_of).expect("plans");
}

fn check_plan(connection: &Connection, text: &str) {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).expect("plans");
    let nothing = std::iter::repeat_n(rusqlite::types::Null, statement.parameter_count());
    let steps = statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get("detail")).expect("plans");
    for step in steps {
        let step: String = step.expect("a step");
        let tables = ["executions", "journal", "deployments", "components"];
        let scan = tables.iter().any(|table| step.starts_with(&format!("SCAN {table}")));
        let sort = step.contains("TEMP B-TREE");
        assert!(!scan && !sort, "{step}\n{text}");
    }
}

#[tokio::test]
async fn no_verb_scans_executions_or_journals() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(&directory).await;
    check(&store);
    fill(&store).await;
    check(&store);
    // Statistics, should somebody run ANALYZE, change no plan for the worse.
    store.file.writer().connection().execute_batch("ANALYZE").expect("analyzes");
    store.close().await.expect("closes");
    let store = open(&directory).await;
    check(&store);

    let key = created(&store, "one-more").await;
    assert_eq!(key.0, FINISHED as i64 + 1);
    assert_eq!(store.commit(&[append(key, 2)]).await.expect("commits"), [Written::Appended]);
    assert_eq!(store.journal(key, Seq(0), 9).await.expect("reads").len(), 3);
}

async fn fill(store: &SqliteStore) {
    for first in (0..FINISHED).step_by(1000) {
        let batch: Vec<Write> =
            (first..first + 1000).map(|i| create(&format!("g{i:08}"), Activity::Finished)).collect();
        store.commit(&batch).await.expect("commits");
    }
    let count = "SELECT count(*) FROM executions INDEXED BY executions_activity WHERE activity <> 3";
    let open_work: i64 = store.file.writer().connection().query_row(count, [], |row| row.get(0)).expect("counts");
    assert_eq!(open_work, 0);
}
