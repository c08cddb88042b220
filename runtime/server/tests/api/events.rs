//! The live journal.

use std::time::Duration;

use axum::body::Body;
use futures::StreamExt as _;

use crate::face::Face;
use crate::guests;

/// Ids and names of the events in a stream's text.
fn events(text: &str) -> Vec<(u32, String)> {
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {event:?}")).to_owned()
    };
    let events = text.split("\n\n").filter(|event| event.lines().any(|line| line.starts_with("data:")));
    events.map(|event| (field(event, "id: ").parse().expect("a number"), field(event, "event: "))).collect()
}

#[tokio::test]
async fn entries_arrive_as_they_become_durable_and_the_stream_ends() {
    let face = Face::with(&[("sleeping", guests::sleeping())]).await;
    face.post("/v1/executions/a?workflow=sleeping", "1").await.succeeded();
    let opened = face.open("GET", "/v1/executions/a/events", &[], Body::empty()).await;
    assert_eq!(opened.0.headers()["content-type"], "text/event-stream");
    let mut stream = opened.0.into_body().into_data_stream();
    let first = stream.next().await.expect("an event").expect("no error");
    assert!(String::from_utf8_lossy(&first).contains("event: started"));
    assert_eq!(face.get("/v1/executions/a").await.succeeded()["phase"], "running", "it was told before the end");
    let mut text = String::from_utf8_lossy(&first).into_owned();
    while let Some(chunk) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&chunk.expect("no error")));
    }
    let kinds = ["started", "timer-fired", "timer-fired", "timer-fired", "returned", "closed"];
    let want: Vec<(u32, String)> = (0..).zip(kinds.map(str::to_owned)).collect();
    assert_eq!(events(&text), want);
    let again = face.get("/v1/executions/a/events").await;
    assert_eq!(events(&again.text()), want, "a closed execution is told from its journal");
}

#[tokio::test]
async fn a_client_goes_on_where_it_was() {
    let face = Face::with(&[("echo", guests::echo())]).await;
    face.post("/v1/executions/a?workflow=echo&wait=true", "1").await.succeeded();
    for (path, headers, want) in [
        ("/v1/executions/a/events?from=1", &[][..], &[1, 2][..]),
        ("/v1/executions/a/events", &["last-event-id: 1"], &[2]),
        ("/v1/executions/a/events?from=0", &["last-event-id: 1"], &[2]),
        ("/v1/executions/a/events?from=3", &[], &[]),
    ] {
        let answer = face.call("GET", path, headers, Body::empty()).await;
        let ids: Vec<u32> = events(&answer.text()).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, want, "{path} {headers:?}");
    }
}

#[tokio::test]
async fn a_slow_client_misses_nothing() {
    let face = Face::with(&[("long", guests::sleeping_long()), ("echo", guests::echo())]).await;
    face.post("/v1/executions/slow?workflow=long", "1").await.succeeded();
    let opened = face.open("GET", "/v1/executions/slow/events", &[], Body::empty()).await;
    let mut stream = opened.0.into_body().into_data_stream();
    // More news than are kept for one who does not read.
    for i in 0..1_200 {
        face.post(&format!("/v1/executions/e{i}?workflow=echo"), "1").await.succeeded();
    }
    let first = stream.next().await.expect("an event").expect("no error");
    assert!(String::from_utf8_lossy(&first).contains("event: started"));
}

#[tokio::test]
async fn a_stream_ends_when_the_node_stops() {
    let face = Face::with(&[("long", guests::sleeping_long())]).await;
    face.post("/v1/executions/a?workflow=long", "1").await.succeeded();
    let opened = face.open("GET", "/v1/executions/a/events", &[], Body::empty()).await;
    face.stop.cancel();
    let read = tokio::time::timeout(Duration::from_secs(10), opened.read()).await.expect("it ends");
    assert_eq!(events(&read.text()).len(), 1);
}
