//! Routes: what is announced exists, what does not exist says so.

use axum::body::Body;
use reprise::api::ROUTES;

use crate::face::Face;

#[tokio::test]
async fn every_announced_route_exists() {
    let face = Face::new().await;
    for (method, path) in ROUTES {
        let path = path.replace("{name}", "w").replace("{gid}", "g").replace("{slug}", "busy");
        let answer = face.call(method, &path, &[], Body::empty()).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        let unknown = answer.status == 404 && answer.json()["type"] == "/problems/unknown-path";
        assert!(!unknown, "{method} {path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_with_the_right_ones() {
    let face = Face::new().await;
    let answer = face.call("DELETE", "/v1/workflows/w", &[], Body::empty()).await;
    answer.is_problem(405, "wrong-method", &["DELETE", "/v1/workflows/w"]);
    for method in ["GET", "PUT"] {
        assert!(answer.header("allow").contains(method), "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn health_and_the_documents_answer() {
    let face = Face::new().await;
    assert_eq!(face.get("/health").await.succeeded()["status"], "ok");
    assert_eq!(face.get("/openapi.json").await.succeeded()["openapi"], "3.1.0");
    assert_eq!(face.get("/problems/busy").await.succeeded()["status"], 503);
}
