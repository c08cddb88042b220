//! Requests: from what the guest has put together to an operation of the execution.

use reprise_engine::Operation;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Method, Scheme};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;

use super::is_hop_by_hop;

/// A request without its body.
pub(super) struct Head {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    pub(super) fn new(request: HostOutgoingRequest) -> Result<Self, ErrorCode> {
        let method = method(request.method)?;
        let scheme = scheme(request.scheme)?;
        let authority =
            request.authority.filter(|authority| !authority.is_empty()).ok_or(ErrorCode::HttpRequestUriInvalid)?;
        let path = request.path_with_query.unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { method, url: format!("{scheme}://{authority}{slash}{path}"), headers: headers(&request.headers) })
    }

    pub(super) fn with_body(self, body: Vec<u8>) -> Operation {
        let Self { method, url, headers } = self;
        Operation::Request { method, url, headers, body }
    }
}

/// What the header `content-length` promises. The type of the headers admits one, and only digits.
pub(super) fn content_length(headers: &FieldMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn method(method: Method) -> Result<String, ErrorCode> {
    Ok(match method {
        Method::Get => "GET".into(),
        Method::Head => "HEAD".into(),
        Method::Post => "POST".into(),
        Method::Put => "PUT".into(),
        Method::Delete => "DELETE".into(),
        Method::Options => "OPTIONS".into(),
        Method::Trace => "TRACE".into(),
        Method::Patch => "PATCH".into(),
        // A tunnel is no request that could be recorded.
        Method::Connect => return Err(ErrorCode::HttpRequestMethodInvalid),
        Method::Other(method) if method.eq_ignore_ascii_case("connect") => {
            return Err(ErrorCode::HttpRequestMethodInvalid);
        }
        Method::Other(method) => method,
    })
}

fn scheme(scheme: Option<Scheme>) -> Result<&'static str, ErrorCode> {
    match scheme {
        Some(Scheme::Http) => Ok("http"),
        Some(Scheme::Https) | None => Ok("https"),
        Some(Scheme::Other(scheme)) if scheme.eq_ignore_ascii_case("http") => Ok("http"),
        Some(Scheme::Other(scheme)) if scheme.eq_ignore_ascii_case("https") => Ok("https"),
        Some(Scheme::Other(_)) => Err(ErrorCode::HttpProtocolError),
    }
}

/// In the guest's order; several values of one name stand together.
fn headers(fields: &FieldMap) -> Vec<(String, Vec<u8>)> {
    let own = |name: &http::HeaderName| {
        is_hop_by_hop(name) || *name == http::header::HOST || *name == http::header::CONTENT_LENGTH
    };
    fields
        .iter()
        .filter(|(name, _)| !own(name))
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(scheme: Option<Scheme>, authority: Option<&str>, path: Option<&str>) -> Result<String, String> {
        let request = HostOutgoingRequest {
            method: Method::Get,
            scheme,
            authority: authority.map(Into::into),
            path_with_query: path.map(Into::into),
            headers: FieldMap::default(),
            body: None,
        };
        Head::new(request).map(|head| head.url).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn urls_are_whole() {
        let host = Some("shop:8080");
        for (scheme, authority, path, want) in [
            (None, host, None, "https://shop:8080/"),
            (Some(Scheme::Http), host, Some("/a?b=c"), "http://shop:8080/a?b=c"),
            (Some(Scheme::Other("HTTP".into())), host, Some("?q"), "http://shop:8080/?q"),
            (Some(Scheme::Other("ftp".into())), host, None, "ErrorCode::HttpProtocolError"),
            (Some(Scheme::Http), None, Some("/"), "ErrorCode::HttpRequestUriInvalid"),
            (Some(Scheme::Http), Some(""), Some("/"), "ErrorCode::HttpRequestUriInvalid"),
        ] {
            let got = url(scheme, authority, path).unwrap_or_else(|error| error);
            assert_eq!(got, want);
        }
    }
}
