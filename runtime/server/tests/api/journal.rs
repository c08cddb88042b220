//! Journals, page by page, with and without damage.

use std::sync::Arc;

use reprise_coordinator::CoordinatorConfig;
use serde_json::json;

use crate::face::Face;
use crate::faults::FaultyStore;
use crate::guests;

#[tokio::test]
async fn a_journal_is_read_in_pages() {
    let face = Face::with(&[("sleeping", guests::sleeping())]).await;
    face.post("/v1/executions/a?workflow=sleeping&wait=true", r#"{"x": 1}"#).await.succeeded();
    let whole = face.get("/v1/executions/a/journal").await.succeeded();
    let entries = whole["entries"].as_array().expect("a list");
    let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["started", "timer-fired", "timer-fired", "timer-fired", "returned", "closed"]);
    assert_eq!(entries[0]["entry"]["input"], json!({ "x": 1 }));
    assert_eq!(entries[4]["entry"]["output"], json!({ "x": 1 }));
    assert_eq!(entries[1]["entry"]["length_ms"], 300);
    assert_eq!(whole["next"], json!(null));
    let page = face.get("/v1/executions/a/journal?from=1&limit=2").await.succeeded();
    assert_eq!(page["entries"], json!([entries[1], entries[2]]));
    assert_eq!(page["next"], 3);
    let page = face.get("/v1/executions/a/journal?from=9").await.succeeded();
    assert_eq!((&page["entries"], &page["next"]), (&json!([]), &json!(null)));
}

#[tokio::test]
async fn a_damaged_entry_hides_nothing_else() {
    let store = Arc::new(FaultyStore::default());
    let face = Face::on(store.clone(), CoordinatorConfig::default(), Default::default()).await;
    face.deploy("echo", guests::echo()).await;
    face.post("/v1/executions/a?workflow=echo&wait=true", "1").await.succeeded();
    face.post("/v1/executions/b?workflow=echo&wait=true", "1").await.succeeded();
    store.damage("a", 1);
    let journal = face.get("/v1/executions/a/journal").await.succeeded();
    let entries = journal["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), 3);
    assert!(entries[1]["error"].as_str().expect("an error").contains("damaged"), "{journal}");
    assert_eq!((&entries[0]["kind"], &entries[2]["kind"]), (&json!("started"), &json!("closed")));
    let status = face.get("/v1/executions/a").await.succeeded();
    assert!(status["journal_error"].as_str().expect("an error").contains("entry 1"), "{status}");
    assert_eq!((&status["phase"], &status["output"]), (&json!("succeeded"), &json!(1)));
    let other = face.get("/v1/executions/b").await.succeeded();
    assert_eq!((other.get("journal_error"), &other["entries"]), (None, &json!(3)));
    let events = face.get("/v1/executions/a/events").await;
    assert_eq!(events.text().matches("event: ").count(), 3, "{}", events.text());
}
