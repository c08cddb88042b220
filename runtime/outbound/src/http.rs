//! One HTTP attempt. A redirect is an answer, and so is any status; no cookies, no proxies from the environment.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method};
use reprise_engine::{Answer, Headers};
use reqwest::{Client, ClientBuilder, Request, Response, Url, redirect, retry};

use crate::config::{OutboundConfig, OutboundError};
use crate::directory::{Place, host_of};
use crate::failure::{Unsendable, causes, too_long};
use crate::headers;
use crate::tls::Tls;

/// Pings a busy HTTP/2 connection that has fallen silent for so long; servers allow no less.
pub(crate) const PING_AFTER: Duration = Duration::from_secs(30);
/// Gives a connection up when a ping is not answered for so long.
pub(crate) const PONG_WITHIN: Duration = Duration::from_secs(10);
/// Sent as `user-agent`.
pub(crate) const USER_AGENT: &str = concat!("reprise/", env!("CARGO_PKG_VERSION"));
/// Closes connections that were not used for so long.
const IDLE: Duration = Duration::from_secs(60);

/// Whether the headers of an answer are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// They are.
    Headers,
    /// Status and body are enough.
    Body,
}

impl Keep {
    pub(crate) fn of(self, headers: impl FnOnce() -> Headers) -> Headers {
        match self {
            Self::Headers => headers(),
            Self::Body => Vec::new(),
        }
    }
}

/// Sends HTTP requests. One client per way to speak, each with its pool; a host is in one pool only.
#[derive(Debug)]
pub(crate) struct Http {
    /// HTTP/1.1 without TLS.
    plain: Client,
    /// HTTP/1.1 or HTTP/2 by ALPN.
    tls: Client,
    /// HTTP/2 at once.
    http2: Client,
    response_bytes_max: usize,
}

impl Http {
    pub(crate) fn new(config: &OutboundConfig, tls: &Tls) -> Result<Self, OutboundError> {
        let client = |protocols: &[&str]| {
            Client::builder()
                .tls_backend_preconfigured(tls.client(protocols))
                .user_agent(USER_AGENT)
                .redirect(redirect::Policy::none())
                .referer(false)
                .no_proxy()
                .tcp_nodelay(true)
                .connect_timeout(config.connect_timeout)
                .pool_max_idle_per_host(config.pool_idle_per_host)
                .pool_idle_timeout(IDLE)
                .http2_keep_alive_interval(PING_AFTER)
                .http2_keep_alive_timeout(PONG_WITHIN)
        };
        // HTTP/2 keeps reqwest's default: to repeat what the server says it has not looked at. HTTP/1.1 has no such
        // thing, and without the policy the request is not copied.
        let build = |builder: ClientBuilder| builder.build().map_err(OutboundError::HttpClient);
        Ok(Self {
            plain: build(client(&["http/1.1"]).http1_only().retry(retry::never().max_retries_per_request(0)))?,
            tls: build(client(&["h2", "http/1.1"]))?,
            http2: build(client(&["h2"]).http2_prior_knowledge())?,
            response_bytes_max: config.response_bytes_max,
        })
    }

    /// Sends one request and reads its answer whole. Never ends by itself: the caller sets the time.
    pub(crate) async fn send(&self, request: Request, place: Option<&Place>, host: &str, keep: Keep) -> Answer {
        let client = match (place, request.url().scheme()) {
            (Some(place), _) if place.http2_prior_knowledge => &self.http2,
            (_, "https") => &self.tls,
            _ => &self.plain,
        };
        match client.execute(request).await {
            Ok(response) => self.read(response, host, keep).await,
            Err(error) => Answer::Lost(lost(error, host)),
        }
    }

    async fn read(&self, mut response: Response, host: &str, keep: Keep) -> Answer {
        let most = self.response_bytes_max;
        let length = response.content_length().unwrap_or(0);
        if length > most as u64 {
            return Answer::Lost(too_long(host, most));
        }
        let mut body = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > most => return Answer::Lost(too_long(host, most)),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => {
                    let headers = keep.of(|| headers::of_answer(response.headers()));
                    return Answer::Http { status: response.status().as_u16(), headers, body };
                }
                Err(error) => {
                    let (bytes, why) = (body.len(), causes(&error.without_url()));
                    return Answer::Lost(format!("the answer from {host} broke off after {bytes} bytes: {why}"));
                }
            }
        }
    }
}

fn lost(error: reqwest::Error, host: &str) -> String {
    let start = if error.is_connect() { "can't connect to" } else { "no answer from" };
    format!("{start} {host}: {}", causes(&error.without_url()))
}

/// The request line and body, with `headers`.
pub(crate) fn request(method: &str, url: Url, headers: HeaderMap, body: &[u8]) -> Result<Request, Unsendable> {
    Ok(build(parse_method(method)?, url, headers, body))
}

/// The same for a guest's own request: any method that HTTP has.
pub(crate) fn request_as_it_is(method: &str, url: Url, headers: HeaderMap, body: &[u8]) -> Result<Request, Unsendable> {
    let wrong = || Unsendable::HttpMethod { method: method.chars().take(40).collect() };
    let parsed = Method::from_bytes(method.as_bytes()).ok().filter(|method| *method != Method::CONNECT);
    Ok(build(parsed.ok_or_else(wrong)?, url, headers, body))
}

/// Names the host as which the server is asked, where that is another than the one connected to.
pub(crate) fn ask_as(request: &mut Request, authority: Option<&str>) {
    if let Some(value) = authority.and_then(|authority| HeaderValue::from_str(authority).ok()) {
        request.headers_mut().insert(HOST, value);
    }
}

fn build(method: Method, url: Url, headers: HeaderMap, body: &[u8]) -> Request {
    // A server may refuse a body, even an empty one, where none is expected, and a POST that does not tell its length.
    let bare = matches!(method, Method::GET | Method::DELETE | Method::HEAD | Method::OPTIONS);
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    if !body.is_empty() {
        *request.body_mut() = Some(body.to_vec().into());
    } else if !bare {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    request
}

fn parse_method(text: &str) -> Result<Method, Unsendable> {
    let wrong = || Unsendable::HttpMethod { method: text.chars().take(40).collect() };
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| wrong())?;
    let usable = method != Method::CONNECT && !text.bytes().any(|b| b.is_ascii_lowercase());
    usable.then_some(method).ok_or_else(wrong)
}

/// `host:port` of a request, for messages.
pub(crate) fn host(request: &Request) -> String {
    host_of(request.url())
}
