//! One attempt of any operation, within its time.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use reprise_discovery::Discovery;
use reprise_engine::{Answer, BranchOptions, Operation};
use reprise_sql::{Databases, SqlCall};
use reqwest::Request;
use tokio::time::{Instant, timeout_at};
use tonic::transport::Channel;
use url::Url;

use crate::call::Call;
use crate::config::{OutboundConfig, OutboundError};
use crate::directory::{At, Directory, Place, Target, plain_host};
use crate::failure::Unsendable;
use crate::group::{Group, Groups, Turn};
use crate::grpc::{self, Channels, Dialer, GrpcCall, wrong_target};
use crate::headers;
use crate::http::{self, Http, Keep};
use crate::identity::Identity;
use crate::location::{as_it_is, locate, shown};
use crate::tls::Tls;

/// Performs operations. One per process: it holds the connections.
#[derive(Debug)]
pub struct Outbound {
    directory: Directory,
    http: Http,
    channels: Channels,
    groups: Groups,
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
        let dialer = Arc::new(Dialer::new(&config, &tls));
        let mut groups = Groups::new(Discovery::new(&config.discovery)?, Arc::clone(&dialer));
        Ok(Self {
            directory: Directory::new(&config, &dialer, &mut groups)?,
            http: Http::new(&config, &tls)?,
            channels: Channels::new(dialer),
            groups,
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
        let keep = if call.options.reads_headers() { Keep::Headers } else { Keep::Body };
        let build = |place: Option<&Place>, url: Url| {
            let own = place.map(|place| &place.headers);
            let headers = headers::assemble(&headers::HTTP, own, call.options, &identity)?;
            http::request(method, url, headers, body)
        };
        let (place, url) = match target {
            Target::Participant(place, _) => match &place.at {
                At::Url(home) => (Some(place), locate(target, &home.base, &identity)?),
                At::Group(group) => {
                    let patience = self.patience(call.options, Some(place));
                    let turn = match patience.turn(group).await {
                        Ok(turn) => turn,
                        Err(nobody) => return Ok(nobody),
                    };
                    let base = format!("{}://{}", group.scheme(), turn.address());
                    let mut request = build(Some(place), locate(target, &base, &identity)?)?;
                    http::ask_as(&mut request, turn.address().authority());
                    let sent = self.http.send(request, Some(place), turn.address().as_str(), keep);
                    let answer = patience.answer(sent, turn.address().as_str()).await;
                    turn.ended(&answer);
                    return Ok(answer);
                }
            },
            Target::Url(_) => {
                let url = locate(target, "", &identity)?;
                (self.directory.owner(&url)?, url)
            }
            Target::Name(name) => {
                name.parse::<reprise_discovery::Target>()?;
                return Err(Unsendable::NameInHttp { target: shown(target) });
            }
        };
        Ok(self.send(call, build(place, url)?, place, keep).await)
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
        let url = if place.is_some() { locate(Target::Url(url), "", &identity)? } else { plain };
        let headers = headers::of_request(place.map(|place| &place.headers), headers, call.options, &identity)?;
        let request = http::request_as_it_is(method, url, headers, body)?;
        Ok(self.send(call, request, place, Keep::Headers).await)
    }

    async fn send(&self, call: &Call<'_>, request: Request, place: Option<&Place>, keep: Keep) -> Answer {
        let host = place.map_or_else(|| Cow::Owned(http::host(&request)), |place| Cow::Borrowed(place.host.as_str()));
        let patience = self.patience(call.options, place);
        patience.answer(self.http.send(request, place, &host, keep), &host).await
    }

    async fn grpc(&self, call: &Call<'_>, target: &str, method: &str, message: &[u8]) -> Result<Answer, Unsendable> {
        let target = plain_host(target);
        let (place, way) = self.way(self.directory.find(&target)?)?;
        let path = grpc::path(place.filter(|_| !way.is_whole).map_or("", Place::base_path), method)?;
        let identity = Identity::of(call);
        let metadata = headers::assemble(&headers::GRPC, place.map(|place| &place.headers), call.options, &identity)?;
        let patience = self.patience(call.options, place);
        let (channel, host, turn) = match way.to {
            To::Channel(channel, host) => (channel, host, None),
            To::Group(group) => match patience.turn(&group).await {
                Ok(turn) => (turn.channel(), Cow::Owned(turn.address().to_string()), Some(turn)),
                Err(nobody) => return Ok(nobody),
            },
        };
        let response_bytes_max = self.response_bytes_max;
        let keep = if call.options.reads_headers() { Keep::Headers } else { Keep::Body };
        let timeout = if turn.is_some() { patience.left() } else { patience.limit };
        let ready = GrpcCall { channel, path, metadata, message, timeout, response_bytes_max, keep };
        let sent = async { ready.send(&host).await.unwrap_or_else(|| patience.over(&host)) };
        let answer = patience.answer(sent, &host).await;
        if let Some(turn) = turn {
            turn.ended(&answer);
        }
        Ok(answer)
    }

    /// Where a gRPC call goes.
    fn way<'a>(&'a self, target: Target<'a, '_>) -> Result<(Option<&'a Place>, Way<'a>), Unsendable> {
        Ok(match target {
            Target::Participant(place, "" | "/") => {
                let to = match &place.at {
                    At::Url(home) => To::Channel(home.channel.get(), Cow::Borrowed(&place.host)),
                    At::Group(group) => To::Group(Arc::clone(group)),
                };
                (Some(place), Way { to, is_whole: false })
            }
            Target::Participant(place, rest) => return Err(wrong_target(&format!("{}{rest}", place.name))),
            Target::Url(url) => {
                let (channel, host) = self.channels.of_url(url)?;
                (self.directory.owner(&as_it_is(url)?)?, Way { to: To::Channel(channel, host.into()), is_whole: true })
            }
            Target::Name(name) => {
                let name = name.parse()?;
                let place = self.directory.owner_of_name(&name)?;
                (place, Way { to: To::Group(self.groups.of(&name)), is_whole: true })
            }
        })
    }

    async fn sql(&self, call: &Call<'_>) -> Answer {
        let Call { gid, branch, op, operation, options, must_succeed, .. } = *call;
        let timeout = self.patience(options, None).limit;
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

    fn patience(&self, options: &BranchOptions, place: Option<&Place>) -> Patience {
        let of_branch = options.timeout_ms.map(|ms| Duration::from_millis(u64::from(ms)));
        let limit = of_branch.or_else(|| place?.timeout).unwrap_or(self.default_timeout);
        Patience { limit, until: Instant::now() + limit }
    }
}

/// Where a gRPC call goes.
struct Way<'a> {
    to: To<'a>,
    /// Whether the operation named it whole; then a participant's own path is not part of it.
    is_whole: bool,
}

enum To<'a> {
    /// One endpoint, and its `host:port`.
    Channel(Channel, Cow<'a, str>),
    /// One of several.
    Group(Arc<Group>),
}

/// The time of one attempt: to find out whom to call, to connect, to be answered.
#[derive(Debug, Clone, Copy)]
struct Patience {
    limit: Duration,
    until: Instant,
}

impl Patience {
    /// The process whose turn it is; else what the attempt came to.
    async fn turn(self, group: &Group) -> Result<Turn, Answer> {
        let turn = timeout_at(self.until, group.turn()).await.map_err(|_| self.over(group.text()))?;
        turn.map_err(Answer::Lost)
    }

    async fn answer(self, sent: impl Future<Output = Answer>, host: &str) -> Answer {
        timeout_at(self.until, sent).await.unwrap_or_else(|_| self.over(host))
    }

    fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn over(self, host: &str) -> Answer {
        Answer::Lost(format!("no answer within {} ms from {host}", self.limit.as_millis()))
    }
}
