//! One attempt of any operation, within its time.

use std::borrow::Cow;
use std::time::Duration;

use reprise_engine::{Answer, BranchOptions, Operation};
use reprise_sql::{Databases, SqlCall};
use reqwest::Request;

use crate::call::Call;
use crate::config::{OutboundConfig, OutboundError};
use crate::directory::{Directory, Place, Target};
use crate::failure::Unsendable;
use crate::grpc::{self, Channels, GrpcCall};
use crate::headers;
use crate::http::{self, Http, Keep};
use crate::identity::Identity;
use crate::location::{as_it_is, locate};
use crate::tls::Tls;

/// Performs operations. One per process: it holds the connections.
#[derive(Debug)]
pub struct Outbound {
    directory: Directory,
    http: Http,
    channels: Channels,
    databases: Databases,
    default_timeout: Duration,
    response_bytes_max: usize,
}

impl Outbound {
    /// Checks the settings and gets the clients ready; connects to nobody.
    ///
    /// # Errors
    /// [`OutboundError`]: settings that can't be used; the text says which and what to write instead.
    pub fn new(config: OutboundConfig) -> Result<Self, OutboundError> {
        let tls = Tls::new()?;
        let channels = Channels::new(&config, &tls);
        Ok(Self {
            directory: Directory::new(&config, &channels)?,
            http: Http::new(&config, &tls)?,
            channels,
            databases: Databases::new(config.databases)?,
            default_timeout: config.default_timeout,
            response_bytes_max: config.response_bytes_max,
        })
    }

    /// Makes one attempt and says what was answered: [`Answer::Lost`] if nothing usable came in time, and
    /// [`Answer::Invalid`] if the operation can't be sent as it stands. Needs a tokio runtime.
    ///
    /// Dropping the future gives the attempt up; the participant may have acted on it.
    pub async fn perform(&self, call: Call<'_>) -> Answer {
        // Each on the heap: together they would be as large as the largest of them, and be moved from caller to caller.
        let attempt = match call.operation {
            Operation::Http { method, target, body } => Box::pin(self.http(&call, method, target, body)).await,
            Operation::Grpc { target, method, message } => Box::pin(self.grpc(&call, target, method, message)).await,
            Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => Ok(Box::pin(self.sql(&call)).await),
            Operation::Request { method, url, headers, body } => {
                Box::pin(self.request(&call, method, url, headers, body)).await
            }
        };
        attempt.unwrap_or_else(|unsendable| Answer::Invalid(unsendable.to_string()))
    }

    async fn http(&self, call: &Call<'_>, method: &str, target: &str, body: &[u8]) -> Result<Answer, Unsendable> {
        let target = self.directory.find(target)?;
        let identity = Identity::of(call);
        let url = locate(target, &identity)?;
        let place = match target {
            Target::Participant(place, _) => Some(place),
            Target::Url(_) => self.directory.owner(&url)?,
        };
        let headers = headers::assemble(&headers::HTTP, place.map(|place| &place.headers), call.options, &identity)?;
        let request = http::request(method, url, headers, body)?;
        let keep = if call.options.reads_headers() { Keep::Headers } else { Keep::Body };
        Ok(self.send(call, request, place, keep).await)
    }

    /// A request that a guest's own HTTP client made. A participant gets the branch parameters in the query too, where
    /// barriers read them; anybody else gets the URL as it is, for it may refuse parameters that it does not know.
    async fn request(
        &self,
        call: &Call<'_>,
        method: &str,
        url: &str,
        headers: &[(String, Vec<u8>)],
        body: &[u8],
    ) -> Result<Answer, Unsendable> {
        let identity = Identity::of(call);
        let plain = as_it_is(url)?;
        let place = self.directory.owner(&plain)?;
        let url = if place.is_some() { locate(Target::Url(url), &identity)? } else { plain };
        let headers = headers::of_request(place.map(|place| &place.headers), headers, call.options, &identity)?;
        let request = http::request_as_it_is(method, url, headers, body)?;
        Ok(self.send(call, request, place, Keep::Headers).await)
    }

    async fn send(&self, call: &Call<'_>, request: Request, place: Option<&Place>, keep: Keep) -> Answer {
        let host = place.map_or_else(|| Cow::Owned(http::host(&request)), |place| Cow::Borrowed(place.host.as_str()));
        let limit = self.timeout(call.options, place);
        let answer = tokio::time::timeout(limit, self.http.send(request, place, &host, keep)).await;
        answer.unwrap_or_else(|_| too_late(limit, &host))
    }

    async fn grpc(&self, call: &Call<'_>, target: &str, method: &str, message: &[u8]) -> Result<Answer, Unsendable> {
        let target = self.directory.find(target)?;
        let (channel, host) = self.channels.of(target)?;
        let (place, base_path) = match target {
            Target::Participant(place, _) => (Some(place), place.base_path.as_str()),
            Target::Url(url) => (self.directory.owner(&as_it_is(url)?)?, ""),
        };
        let path = grpc::path(base_path, method)?;
        let identity = Identity::of(call);
        let metadata = headers::assemble(&headers::GRPC, place.map(|place| &place.headers), call.options, &identity)?;
        let limit = self.timeout(call.options, place);
        let response_bytes_max = self.response_bytes_max;
        let keep = if call.options.reads_headers() { Keep::Headers } else { Keep::Body };
        let ready = GrpcCall { channel, path, metadata, message, timeout: limit, response_bytes_max, keep };
        let answer = tokio::time::timeout(limit, ready.send(&host)).await;
        Ok(answer.ok().flatten().unwrap_or_else(|| too_late(limit, &host)))
    }

    async fn sql(&self, call: &Call<'_>) -> Answer {
        let Call { gid, branch, op, operation, options, must_succeed, .. } = *call;
        let timeout = self.timeout(options, None);
        let reply_bytes_max = self.response_bytes_max;
        self.databases.perform(SqlCall { gid, branch, op, operation, must_succeed, timeout, reply_bytes_max }).await
    }

    /// The databases that SQL and XA operations name.
    #[must_use]
    pub const fn databases(&self) -> &Databases {
        &self.databases
    }

    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }

    fn timeout(&self, options: &BranchOptions, place: Option<&Place>) -> Duration {
        let of_branch = options.timeout_ms.map(|ms| Duration::from_millis(u64::from(ms)));
        of_branch.or_else(|| place?.timeout).unwrap_or(self.default_timeout)
    }
}

fn too_late(limit: Duration, host: &str) -> Answer {
    Answer::Lost(format!("no answer within {} ms from {host}", limit.as_millis()))
}
