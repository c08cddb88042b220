//! One attempt of any operation, within its time.

use std::borrow::Cow;
use std::time::Duration;

use reprise_engine::{Answer, BranchOptions, Operation};

use crate::call::Call;
use crate::config::{OutboundConfig, OutboundError};
use crate::directory::{Directory, Place};
use crate::failure::Unsendable;
use crate::grpc::{self, Channels, GrpcCall};
use crate::headers;
use crate::http::{self, Http};
use crate::identity::Identity;
use crate::location::locate;
use crate::tls::Tls;

/// Performs operations. One per process: it holds the connections.
#[derive(Debug)]
pub struct Outbound {
    directory: Directory,
    http: Http,
    channels: Channels,
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
            default_timeout: config.default_timeout,
            response_bytes_max: config.response_bytes_max,
        })
    }

    /// Makes one attempt and says what was answered: [`Answer::Lost`] if nothing usable came in time, and
    /// [`Answer::Invalid`] if the operation can't be sent as it stands. Needs a tokio runtime.
    ///
    /// Dropping the future gives the attempt up; the participant may have acted on it.
    pub async fn perform(&self, call: Call<'_>) -> Answer {
        let attempt = match call.operation {
            Operation::Http { method, target, body } => self.http(&call, method, target, body).await,
            Operation::Grpc { target, method, message } => self.grpc(&call, target, method, message).await,
            Operation::Sql(sql) | Operation::Xa(sql) => Err(Unsendable::Database { database: sql.database.clone() }),
        };
        attempt.unwrap_or_else(|unsendable| Answer::Invalid(unsendable.to_string()))
    }

    async fn http(&self, call: &Call<'_>, method: &str, target: &str, body: &[u8]) -> Result<Answer, Unsendable> {
        let target = self.directory.find(target)?;
        let place = target.place();
        let identity = Identity::of(call);
        let headers = headers::assemble(&headers::HTTP, place.map(|place| &place.headers), call.options, &identity)?;
        let request = http::request(method, locate(target, &identity)?, headers, body)?;
        let host = place.map_or_else(|| Cow::Owned(http::host(&request)), |place| Cow::Borrowed(place.host.as_str()));
        let limit = self.timeout(call.options, place);
        let answer = tokio::time::timeout(limit, self.http.send(request, place, &host)).await;
        Ok(answer.unwrap_or_else(|_| too_late(limit, &host)))
    }

    async fn grpc(&self, call: &Call<'_>, target: &str, method: &str, message: &[u8]) -> Result<Answer, Unsendable> {
        let target = self.directory.find(target)?;
        let place = target.place();
        let path = grpc::path(place.map_or("", |place| &place.base_path), method)?;
        let identity = Identity::of(call);
        let metadata = headers::assemble(&headers::GRPC, place.map(|place| &place.headers), call.options, &identity)?;
        let (channel, host) = self.channels.of(target)?;
        let limit = self.timeout(call.options, place);
        let ready =
            GrpcCall { channel, path, metadata, message, timeout: limit, response_bytes_max: self.response_bytes_max };
        let answer = tokio::time::timeout(limit, ready.send(&host)).await;
        Ok(answer.ok().flatten().unwrap_or_else(|| too_late(limit, &host)))
    }

    fn timeout(&self, options: &BranchOptions, place: Option<&Place>) -> Duration {
        let of_branch = options.timeout_ms.map(|ms| Duration::from_millis(u64::from(ms)));
        of_branch.or_else(|| place?.timeout).unwrap_or(self.default_timeout)
    }
}

fn too_late(limit: Duration, host: &str) -> Answer {
    Answer::Lost(format!("no answer within {} ms from {host}", limit.as_millis()))
}
