//! Uploads that are refused, each with its own text.

use reprise_host::{ComponentError, Host, HostConfig};

use crate::guests::{ECHO, PROBE, component, config, host};

async fn refused(bytes: Vec<u8>) -> ComponentError {
    host().prepare(bytes).await.expect_err("it is no workflow")
}

async fn refused_text(text: &str) -> String {
    refused(component(text)).await.to_string()
}

#[tokio::test]
async fn what_is_no_component() {
    assert_eq!(refused(Vec::new()).await, ComponentError::Empty);
    assert_eq!(refused(b"PK\x03\x04".to_vec()).await, ComponentError::NotWasm);
    assert_eq!(refused(b"(component)".to_vec()).await, ComponentError::NotWasm);
    assert!(matches!(refused(component("(module)")).await, ComponentError::CoreModule(_)));
    assert!(matches!(refused(b"\0asm".to_vec()).await, ComponentError::Invalid(_)));
}

#[tokio::test]
async fn what_is_cut_off_or_too_large() {
    let half = PROBE[..PROBE.len() / 2].to_vec();
    let error = refused(half).await;
    assert!(matches!(&error, ComponentError::Invalid(_)), "{error:?}");
    let small = Host::new(HostConfig { component_bytes_max: 1_000, ..config() }).expect("a good configuration");
    let error = small.prepare(PROBE.clone()).await.expect_err("it is larger");
    assert_eq!(error, ComponentError::TooLarge { bytes: PROBE.len(), max: 1_000 });
}

#[tokio::test]
async fn what_exports_something_else() {
    let text = refused_text("(component)").await;
    assert!(text.ends_with("it exports nothing"), "{text}");
    let renamed = ECHO.replace("(func (export \"run\") (param \"input\"", "(func (export \"start\") (param \"input\"");
    let text = refused_text(&renamed).await;
    assert!(text.contains("does not export `run`") && text.contains("`start`"), "{text}");
    let other = r#"(component
        (core module $m (func (export "run") (param i32) (result i32) (local.get 0)))
        (core instance $i (instantiate $m))
        (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;
    let text = refused_text(other).await;
    assert!(text.contains("found    run: func(n: u32) -> u32"), "{text}");
    assert!(text.contains("expected run: func(input: list<u8>) -> result<list<u8>, failure>"), "{text}");
}

#[tokio::test]
async fn a_handle_of_another_type() {
    let end = ECHO.rfind(')').expect("it ends");
    let text = format!(
        r#"{}
          (core module $h (func (export "handle") (param i32)))
          (core instance $j (instantiate $h))
          (func (export "handle") (param "x" u32) (canon lift (core func $j "handle"))))"#,
        &ECHO[..end]
    );
    let text = refused_text(&text).await;
    assert!(text.contains("export `handle`") && text.contains("found    handle: func(x: u32)"), "{text}");
}

#[tokio::test]
async fn imports_that_nobody_answers_are_named() {
    let with = |imports: &str| ECHO.replacen("(component", &format!("(component {imports}"), 1);
    let text = refused_text(&with(
        r#"(import "wasi:http/incoming-handler@0.2.10" (instance))
           (import "wasi:http/outgoing-handler@0.2.10" (instance))
           (import "foo:bar/baz" (instance))
           (import "wasi:io/poll@0.2.3" (instance))"#,
    ))
    .await;
    assert!(text.contains("wasi:http/incoming-handler@0.2.10, foo:bar/baz"), "{text}");
    assert!(!text.contains("wasi:io/poll") && !text.contains("outgoing-handler@0.2.10"), "those are served: {text}");
    assert!(text.contains("no HTTP server"), "{text}");
    let text = refused_text(&with(r#"(import "wasi:clocks/types@0.3.0" (instance))"#)).await;
    assert!(text.contains("WASI 0.2 is served"), "{text}");
    let text =
        refused_text(&with(r#"(import "reprise:workflow/time@0.1.9" (instance (export "next-century" (func))))"#))
            .await;
    assert!(text.contains("can't be linked") && text.contains("next-century"), "{text}");
}

#[tokio::test]
async fn memory_beyond_the_pool_is_refused_at_once() {
    let large = ECHO.replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 60000)");
    let text = refused_text(&large).await;
    assert!(text.contains("memory"), "{text}");
}
