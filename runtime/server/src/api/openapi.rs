//! The OpenAPI document, kept by hand; a test compares it with [`ROUTES`](super::ROUTES).

use axum::http::header;
use axum::response::IntoResponse;

const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /openapi.json`
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::{ProblemKind, ROUTES};

    #[test]
    fn every_route_is_described() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods").keys().filter(|key| *key != "parameters");
                methods.map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let routes = ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn every_reference_and_problem_is_defined() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).expect("JSON");
        for (at, _) in DOCUMENT.match_indices("\"$ref\": \"#") {
            let pointer = &DOCUMENT[at + "\"$ref\": \"#".len()..];
            let pointer = &pointer[..pointer.find('"').expect("closed")];
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        let slugs = document.pointer("/components/schemas/Problem/properties/type/enum").expect("an enum");
        let want: Vec<String> = ProblemKind::ALL.iter().map(|kind| format!("/problems/{}", kind.slug())).collect();
        assert_eq!(*slugs, serde_json::json!(want));
    }
}
