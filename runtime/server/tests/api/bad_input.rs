//! Bad input: each kind has its status, its problem and a text that says what to do.

use crate::face::{COMPONENT_BYTES_MAX, Face, INPUT_BYTES_MAX};
use crate::guests;

#[tokio::test]
async fn bad_uploads_are_told_apart() {
    let face = Face::new().await;
    let component = guests::echo();
    let cut_off = component[..component.len() / 2].to_vec();
    let module = wat::parse_str("(module)").expect("WAT");
    let large = vec![0; COMPONENT_BYTES_MAX + 1];
    let invalid = |text| (422, "invalid-component", text);
    for (name, body, (status, slug, texts)) in [
        ("w", b"hello".to_vec(), invalid(&["no WebAssembly", "send the component itself"][..])),
        ("w", Vec::new(), invalid(&["empty"])),
        ("w", module, invalid(&["core module", "does not export `run`", "`cabi_realloc`"])),
        ("w", cut_off, invalid(&["invalid"])),
        ("w", guests::component("(component)"), invalid(&["does not export `run`", "exports nothing"])),
        ("w", guests::without_run(), invalid(&["does not export `run`", "`start`"])),
        ("w", guests::importing("foo:bar/baz"), invalid(&["foo:bar/baz", "may import"])),
        ("w", guests::importing("wasi:http/incoming-handler@0.2.3"), invalid(&["wasi:http/incoming-handler"])),
        ("w", large, (413, "component-too-large", &["limits.component_bytes", "1048577", "1048576"])),
        ("a%20b", component.clone(), (400, "invalid-name", &["workflow name \"a b\"", "A-Z"])),
        ("%ff", component, (400, "invalid-name", &["UTF-8"])),
    ] {
        let answer = face.call("PUT", &format!("/v1/workflows/{name}"), &[], body).await;
        answer.is_problem(status, slug, texts);
    }
    assert_eq!(face.get("/v1/workflows").await.succeeded()["workflows"], serde_json::json!([]), "nothing is kept");
}

#[tokio::test]
async fn a_body_without_length_is_bounded_too() {
    let face = Face::new().await;
    let chunks = (0..=COMPONENT_BYTES_MAX / 1024).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 1024]));
    let body = axum::body::Body::from_stream(futures::stream::iter(chunks));
    let answer = face.call("PUT", "/v1/workflows/w", &[], body).await;
    answer.is_problem(413, "component-too-large", &["1048576 bytes", "this one has more", "limits.component_bytes"]);
    assert_eq!(answer.json()["setting"], "limits.component_bytes");
}

#[tokio::test]
async fn bad_triggers_are_told_apart() {
    let face = Face::with(&[("echo", guests::echo())]).await;
    face.post("/v1/executions/used?workflow=echo&wait=true", "1").await.succeeded();
    let long = "x".repeat(129);
    let large = format!("\"{}\"", "x".repeat(INPUT_BYTES_MAX));
    for (path, input, (status, slug, texts)) in [
        ("a%20b?workflow=echo", "1", (400, "invalid-name", &["gid \"a b\"", "1 to 128"][..])),
        (&format!("{long}?workflow=echo"), "1", (400, "invalid-name", &["gid", "1 to 128"])),
        ("g?workflow=nobody", "1", (404, "unknown-workflow", &["`nobody`", "PUT /v1/workflows/nobody"])),
        ("g?workflow=a%20b", "1", (400, "invalid-query", &["workflow name \"a b\""])),
        ("g", "1", (400, "invalid-query", &["missing field `workflow`"])),
        ("g?workflow=echo&wiat=3s", "1", (400, "invalid-query", &["unknown field `wiat`", "`wait`"])),
        ("g?workflow=echo&wait=30", "1", (400, "invalid-query", &["wait \"30\"", "30s"])),
        ("g?workflow=echo&on_trap=ignore", "1", (400, "invalid-query", &["`ignore`", "`rollback`"])),
        ("g?workflow=echo", "{\"a\": ", (400, "not-json", &["not JSON", "line 1", "application/octet-stream"])),
        ("g?workflow=echo", "", (400, "not-json", &["not JSON"])),
        ("g?workflow=echo", &large, (413, "input-too-large", &["limits.input_bytes", "10002", "10000"])),
        ("used?workflow=echo", "2", (409, "gid-in-use", &["`used`", "another input"])),
        ("used?workflow=other", "1", (409, "gid-in-use", &["`used`", "`echo`", "`other`"])),
    ] {
        let answer = face.post(&format!("/v1/executions/{path}"), input).await;
        if path == "used?workflow=other" && answer.status == 404 {
            // A workflow that does not exist is said first; the gid stays what it is.
            continue;
        }
        answer.is_problem(status, slug, texts);
    }
    let other = face.deploy("other", guests::other_echo()).await;
    assert_eq!(other["version"], 1);
    let answer = face.post("/v1/executions/used?workflow=other", "1").await;
    answer.is_problem(409, "gid-in-use", &["`used`", "`echo`", "`other`"]);
    assert_eq!(answer.json()["gid"], "used");
    face.get("/v1/executions/g").await.is_problem(404, "unknown-execution", &["`g`"]);
}

#[tokio::test]
async fn bad_questions_are_told_apart() {
    let face = Face::with(&[("echo", guests::echo())]).await;
    face.post("/v1/executions/g?workflow=echo&wait=true", "1").await.succeeded();
    for (path, (status, slug, texts)) in [
        ("/v1/executions/a%20b", (400, "invalid-name", &["gid"][..])),
        ("/v1/executions/none", (404, "unknown-execution", &["`none`"])),
        ("/v1/executions/none?wait=1s", (404, "unknown-execution", &["`none`"])),
        ("/v1/executions/none/journal", (404, "unknown-execution", &["`none`"])),
        ("/v1/executions/none/events", (404, "unknown-execution", &["`none`"])),
        ("/v1/executions/none/output", (404, "unknown-execution", &["`none`"])),
        ("/v1/executions/g/journal?limit=0", (400, "invalid-query", &["limit 0", "1 to 1000"])),
        ("/v1/executions/g/journal?from=x", (400, "invalid-query", &["from"])),
        ("/v1/executions?limit=501", (400, "invalid-query", &["limit 501", "1 to 500"])),
        ("/v1/executions?phase=done", (400, "invalid-query", &["phase \"done\"", "succeeded"])),
        ("/v1/executions?activity=x", (400, "invalid-query", &["activity \"x\"", "quarantined"])),
        ("/v1/executions?after=x", (400, "invalid-query", &["after \"x\"", "`next`"])),
        ("/v1/executions?color=red", (400, "invalid-query", &["unknown field `color`", "`phase`"])),
        ("/v1/workflows/none", (404, "unknown-workflow", &["`none`"])),
        ("/v2", (404, "unknown-path", &["/v2", "/openapi.json"])),
    ] {
        face.get(path).await.is_problem(status, slug, texts);
    }
    let id = ["last-event-id: x"];
    let answer = face.call("GET", "/v1/executions/g/events", &id, axum::body::Body::empty()).await;
    answer.is_problem(400, "invalid-query", &["last-event-id"]);
}
