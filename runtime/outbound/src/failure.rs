//! Errors as short text: why an operation can't be sent, why an answer was lost. No secrets: neither user info nor
//! queries of URLs, nor header values.

use std::error::Error;

use reprise_discovery::TargetError;
use thiserror::Error;

/// Why an operation can't be sent as it stands. Final: the same operation fails the same way each time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unsendable {
    #[error(
        "no participant `{name}`; configured: {known}. Add [participants.{name}] with url = \"http://host:port\" to the \
         configuration, or name a whole http(s) URL"
    )]
    Participant { name: String, known: String },
    #[error("whole URLs are switched off (allow_urls = false); add [participants.NAME] and call NAME/path")]
    UrlsOff,
    #[error("`{target}` is no usable URL: {reason}")]
    Url { target: String, reason: String },
    #[error("the URL of a call must not hold a user or password; set headers of a participant in the configuration")]
    UserInfo,
    #[error("`{target}` leaves the participant's path `{base}`; write the path without `..`")]
    Outside { target: String, base: String },
    #[error("`{method}` is no HTTP method; use GET, POST, PUT, PATCH, DELETE or another token in upper case")]
    HttpMethod { method: String },
    #[error("`{method}` is no gRPC method; write package.Service/Method")]
    GrpcMethod { method: String },
    #[error("gRPC target `{target}` is neither a participant nor http(s)://host:port")]
    GrpcTarget { target: String },
    #[error("{0}")]
    Name(#[from] TargetError),
    #[error(
        "an HTTP operation can't name `{target}` itself, because the path begins nowhere; add [participants.NAME] with it \
         as url and call NAME/path"
    )]
    NameInHttp { target: String },
    #[error("header `{name}` {reason}")]
    Header { name: String, reason: &'static str },
}

/// Layers that say nothing: each of them only wraps what is below.
const WRAPPERS: [&str; 4] = ["error sending request", "client error (", "transport error", "error trying to connect"];

/// The chain of causes in one line, wrappers and repetitions left out.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(layer) = next {
        let own = layer.to_string();
        next = layer.source();
        let wrapper = next.is_some() && WRAPPERS.iter().any(|start| own.starts_with(start));
        if wrapper || text.ends_with(&own) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&own);
    }
    text
}

/// What to say when a response is longer than allowed: the participant acted, only its answer is not usable.
pub(crate) fn too_long(host: &str, bytes_max: usize) -> String {
    format!("the answer from {host} is longer than {bytes_max} bytes; shorten it or raise limits.response_bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn causes_leave_out_wrappers_and_repetitions() {
        for (layers, want) in [
            (&["error sending request", "client error (Connect)", "tcp", "refused"][..], "tcp: refused"),
            (&["transport error"], "transport error"),
            (&["tcp: refused", "refused"], "tcp: refused"),
        ] {
            let chain = layers.iter().rev().fold(None, |source, text| Some(Box::new(Layer { text, source })));
            assert_eq!(causes(chain.expect("not empty").as_ref()), want);
        }
    }
}
