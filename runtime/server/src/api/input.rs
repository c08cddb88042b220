//! The input of a trigger: JSON unless the client says it is raw bytes.

use axum::http::{HeaderMap, header};
use serde::de::IgnoredAny;

use super::problem::{Problem, ProblemKind};

/// Raw bytes, passed to the workflow as they are.
const RAW: &str = "application/octet-stream";

/// Checks that an input is what its content type says. JSON is due unless it is `application/octet-stream` (so that
/// `curl -d '{..}'` works, whose content type is a form's); no body at all is a valid input.
pub(super) fn check(headers: &HeaderMap, input: &[u8]) -> Result<(), Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case(RAW)) {
        return Ok(());
    }
    let json = essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    if input.is_empty() && !json {
        return Ok(());
    }
    let why = match std::str::from_utf8(input) {
        Ok(text) => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => return Ok(()),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    let detail = format!("the input is not JSON: {why}; correct it, or send raw bytes with `content-type: {RAW}`");
    Err(Problem::new(ProblemKind::NotJson, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_due_unless_said_otherwise() {
        for (content_type, input, valid) in [
            (None, &b""[..], true),
            (None, b"{}", true),
            (None, b"{", false),
            (None, b"\"\xff\"", false),
            (Some("application/json"), b"[1, 2]", true),
            (Some("application/json; charset=utf-8"), b"{} x", false),
            (Some("application/json"), b"", false),
            (Some("application/x-www-form-urlencoded"), b"{}", true),
            (Some("application/octet-stream"), b"\xff", true),
            (Some("Application/Octet-Stream; x=1"), b"\xff", true),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(content_type) = content_type {
                headers.insert(header::CONTENT_TYPE, content_type.parse().expect("valid"));
            }
            assert_eq!(check(&headers, input).is_ok(), valid, "{content_type:?} {input:?}");
        }
    }
}
