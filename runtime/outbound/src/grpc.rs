//! One unary gRPC attempt, and the channels it goes through: one per endpoint, connected when first used, shared by
//! all calls.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::uri::{PathAndQuery, Scheme};
use lru::LruCache;
use reprise_engine::{Answer, Headers};
use tonic::client::Grpc as Client;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status, TimeoutExpired};
use url::Url;

use crate::codec::RawCodec;
use crate::config::OutboundConfig;
use crate::directory::host_of;
use crate::failure::{Unsendable, causes, too_long};
use crate::http::{Keep, PING_AFTER, PONG_WITHIN, USER_AGENT};
use crate::tls::Tls;

/// Channels kept for whole URLs; guests choose these, so their number is bounded.
const URL_CHANNELS_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("not 0");

/// The channel of one endpoint, connected when first used.
#[derive(Debug)]
pub(crate) struct LazyChannel {
    endpoint: Endpoint,
    channel: OnceLock<Channel>,
}

impl LazyChannel {
    pub(crate) fn get(&self) -> Channel {
        self.channel.get_or_init(|| self.endpoint.connect_lazy()).clone()
    }
}

/// How endpoints are connected to.
#[derive(Debug)]
pub(crate) struct Dialer {
    tls: Tls,
    connect_timeout: Duration,
}

impl Dialer {
    pub(crate) fn new(config: &OutboundConfig, tls: &Tls) -> Self {
        Self { tls: tls.clone(), connect_timeout: config.connect_timeout }
    }

    /// A channel to `url`. `authority`: a URL that says as what the server is asked, where that differs.
    pub(crate) fn lazy(&self, url: &str, authority: Option<&str>) -> Result<LazyChannel, String> {
        let mut endpoint = self.endpoint(url)?;
        if let Some(authority) = authority {
            endpoint = endpoint.origin(authority.parse().map_err(|e| causes(&e))?);
        }
        Ok(LazyChannel { endpoint, channel: OnceLock::new() })
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint, String> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
            .map_err(|e| causes(&e))?
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_WITHIN);
        if endpoint.uri().scheme() == Some(&Scheme::HTTPS) {
            return endpoint
                .tls_config_with_verifier(ClientTlsConfig::new(), self.tls.verifier())
                .map_err(|e| causes(&e));
        }
        Ok(endpoint)
    }
}

/// Keeps the channels of whole URLs.
#[derive(Debug)]
pub(crate) struct Channels {
    dialer: Arc<Dialer>,
    of_urls: Mutex<LruCache<String, (Channel, String)>>,
}

impl Channels {
    pub(crate) fn new(dialer: Arc<Dialer>) -> Self {
        Self { dialer, of_urls: Mutex::new(LruCache::new(URL_CHANNELS_MAX)) }
    }

    /// The channel of a URL, and its `host:port`.
    pub(crate) fn of_url(&self, text: &str) -> Result<(Channel, String), Unsendable> {
        let mut of_urls = self.of_urls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = of_urls.get(text) {
            return Ok(known.clone());
        }
        let url = Url::parse(text).map_err(|_| wrong_target(text))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unsendable::UserInfo);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong_target(text));
        }
        let channel = self.dialer.endpoint(url.as_str()).map_err(|_| wrong_target(text))?.connect_lazy();
        let made = (channel, host_of(&url));
        of_urls.put(text.to_owned(), made.clone());
        Ok(made)
    }
}

pub(crate) fn wrong_target(target: &str) -> Unsendable {
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let target = target[..end].rsplit_once('@').map_or(&target[..end], |(_, host)| host);
    Unsendable::GrpcTarget { target: target.chars().take(160).collect() }
}

/// The path of `package.Service/Method` below a participant's own path.
pub(crate) fn path(base_path: &str, method: &str) -> Result<PathAndQuery, Unsendable> {
    let wrong = || Unsendable::GrpcMethod { method: method.chars().take(160).collect() };
    let (service, name) = method.strip_prefix('/').unwrap_or(method).split_once('/').ok_or_else(wrong)?;
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b));
    if !plain(service) || !plain(name) {
        return Err(wrong());
    }
    PathAndQuery::try_from(format!("{base_path}/{service}/{name}")).map_err(|_| wrong())
}

/// One call, ready to go.
pub(crate) struct GrpcCall<'a> {
    pub(crate) channel: Channel,
    pub(crate) path: PathAndQuery,
    pub(crate) metadata: HeaderMap,
    pub(crate) message: &'a [u8],
    /// Told to the server, so that it need not work on for nobody.
    pub(crate) timeout: Duration,
    pub(crate) response_bytes_max: usize,
    pub(crate) keep: Keep,
}

impl GrpcCall<'_> {
    /// Makes the call; none if the time was up first.
    pub(crate) async fn send(self, host: &str) -> Option<Answer> {
        let mut client = Client::new(self.channel).max_decoding_message_size(self.response_bytes_max);
        let mut request = tonic::Request::new(self.message.to_vec());
        *request.metadata_mut() = MetadataMap::from_headers(self.metadata);
        request.set_timeout(self.timeout);
        if let Err(error) = client.ready().await {
            return Some(Answer::Lost(lost(&error, host)));
        }
        let codec = RawCodec { message_bytes: self.message.len() };
        match client.unary(request, self.path, codec).await {
            Ok(response) => {
                let headers = self.keep.of(|| answered(response.metadata()));
                Some(Answer::Grpc { code: 0, headers, body: response.into_inner() })
            }
            Err(status) => refused(&status, host, self.response_bytes_max, self.keep),
        }
    }
}

/// Tells what the server said from what happened on the way: only the latter has a source.
fn refused(status: &Status, host: &str, response_bytes_max: usize, keep: Keep) -> Option<Answer> {
    if let Some(source) = status.source() {
        return (!is_timeout(source)).then(|| Answer::Lost(lost(source, host)));
    }
    // tonic's decoder has no other way to say it; the test `a_long_message_is_lost` watches over the text.
    if status.code() == Code::OutOfRange && status.message().starts_with("Error, decoded message length too large") {
        return Some(Answer::Lost(too_long(host, response_bytes_max)));
    }
    let code = u16::try_from(i32::from(status.code())).unwrap_or(2);
    let headers = keep.of(|| {
        let mut headers = answered(status.metadata());
        if !status.details().is_empty() {
            headers.push((Status::GRPC_STATUS_DETAILS.to_string(), status.details().to_vec()));
        }
        headers
    });
    Some(Answer::Grpc { code, headers, body: status.message().as_bytes().to_vec() })
}

/// Metadata and trailers; the values of `-bin` names are the bytes themselves. One that is no base64 stays as it came.
fn answered(metadata: &MetadataMap) -> Headers {
    let value = |entry| match entry {
        KeyAndValueRef::Ascii(name, value) => (name.to_string(), value.as_bytes().to_vec()),
        KeyAndValueRef::Binary(name, value) => {
            let bytes = value.to_bytes().map_or_else(|_| value.as_encoded_bytes().to_vec(), |bytes| bytes.to_vec());
            (name.to_string(), bytes)
        }
    };
    metadata.iter().map(value).collect()
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    error.is::<TimeoutExpired>() || error.source().is_some_and(is_timeout)
}

fn lost(error: &dyn Error, host: &str) -> String {
    format!("no answer from {host}: {}", causes(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_become_paths() {
        for (base, method, want) in [
            ("", "bank.Bank/Pay", Some("/bank.Bank/Pay")),
            ("", "/bank.Bank/Pay", Some("/bank.Bank/Pay")),
            ("/base", "bank.Bank/Pay", Some("/base/bank.Bank/Pay")),
            ("", "Pay", None),
            ("", "bank.Bank/", None),
            ("", "bank.Bank/Pay/More", None),
            ("", "bank.Bank/Pay?x=1", None),
            ("", "../Pay x", None),
        ] {
            assert_eq!(path(base, method).ok().as_ref().map(PathAndQuery::as_str), want, "{method}");
        }
    }
}
