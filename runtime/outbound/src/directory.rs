//! The participants, checked and ready for use, and what a target names: one of them, or a whole URL.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderMap;
use reprise_engine::{BranchOptions, Operation};
use url::{Origin, Url};

use crate::config::{OutboundConfig, OutboundError, Participant};
use crate::failure::Unsendable;
use crate::gate::Gate;
use crate::grpc::{Channels, LazyChannel};
use crate::headers;
use crate::policy::Policies;

/// A participant, ready for use.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    origin: Origin,
    /// URL without a slash at its end; targets' paths follow.
    pub(crate) base: String,
    /// Path of `base`, without a slash at its end.
    pub(crate) base_path: String,
    /// `host:port`, for messages.
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Option<Duration>,
    pub(crate) http2_prior_knowledge: bool,
    pub(crate) channel: LazyChannel,
    pub(crate) policies: Policies,
    /// What lies under the options of every call.
    pub(crate) options: BranchOptions,
    pub(crate) gate: Gate,
}

/// What a target names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'d, 't> {
    /// A participant, and what follows its name: empty, `/path` or `?query`.
    Participant(&'d Place, &'t str),
    /// A whole URL, not parsed yet.
    Url(&'t str),
}

impl Place {
    /// Whether `url` is the participant's or below it.
    fn owns(&self, url: &Url) -> bool {
        let below = url.path().strip_prefix(self.base_path.as_str());
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && url.origin() == self.origin
    }
}

/// All participants by name.
#[derive(Debug)]
pub(crate) struct Directory {
    places: BTreeMap<String, Place>,
    allow_urls: bool,
}

impl Directory {
    pub(crate) fn new(config: &OutboundConfig, channels: &Channels) -> Result<Self, OutboundError> {
        let places = config
            .participants
            .iter()
            .map(|(name, participant)| {
                let wrong = |reason| OutboundError::Participant { name: name.clone(), reason };
                place(name, participant, channels).map(|place| (name.clone(), place)).map_err(wrong)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { places, allow_urls: config.allow_urls })
    }

    /// Finds whom `target` names.
    pub(crate) fn find<'d, 't>(&'d self, target: &'t str) -> Result<Target<'d, 't>, Unsendable> {
        if is_url(target) {
            return Ok(Target::Url(target));
        }
        let end = target.find(['/', '?', '#']).unwrap_or(target.len());
        let (name, rest) = target.split_at(end);
        match self.places.get(name) {
            Some(place) => Ok(Target::Participant(place, rest)),
            None => Err(Unsendable::Participant { name: name.chars().take(80).collect(), known: self.known() }),
        }
    }

    /// Whose `url` is: that of the participant with the longest path above it; none if it is nobody's and whole URLs
    /// may be called. Must be asked about the very URL that is sent, parsed: then no credentials go to anybody else.
    pub(crate) fn owner(&self, url: &Url) -> Result<Option<&Place>, Unsendable> {
        let owners = self.places.values().filter(|place| place.owns(url));
        match owners.min_by_key(|place| Reverse(place.base_path.len())) {
            Some(place) => Ok(Some(place)),
            None if self.allow_urls => Ok(None),
            None => Err(Unsendable::UrlsOff),
        }
    }

    /// The participant that an operation calls; none if it calls nobody we know, or can't be sent at all.
    pub(crate) fn place_of(&self, operation: &Operation) -> Option<&Place> {
        let url = match operation {
            Operation::Http { target, .. } | Operation::Grpc { target, .. } => match self.find(target).ok()? {
                Target::Participant(place, _) => return Some(place),
                Target::Url(url) => url,
            },
            Operation::Request { url, .. } => url,
            Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => return None,
        };
        self.owner(&Url::parse(url).ok()?).ok()?
    }

    pub(crate) fn place(&self, name: &str) -> Option<&Place> {
        self.places.get(name)
    }

    /// All of them, by name.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    /// Their names, for messages.
    pub(crate) fn known(&self) -> String {
        let names: Vec<&str> = self.places.keys().map(String::as_str).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

fn is_url(target: &str) -> bool {
    let starts = |scheme: &str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("http://") || starts("https://")
}

fn place(name: &str, participant: &Participant, channels: &Channels) -> Result<Place, String> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return Err("its name must be made of A-Z a-z 0-9 _ . -".into());
    }
    if participant.timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err("timeout_ms is 0; use 1 or more, or leave it out".into());
    }
    let policies = participant.policies();
    let options = policies.options()?;
    policies.check_bounds()?;
    let url = base_url(&participant.url)?;
    let base = url.as_str().trim_end_matches('/').to_owned();
    let channel = channels.lazy(&url)?;
    Ok(Place {
        name: name.to_owned(),
        origin: url.origin(),
        base,
        base_path: url.path().trim_end_matches('/').to_owned(),
        host: host_of(&url),
        headers: constant_headers(participant)?,
        timeout: participant.timeout,
        http2_prior_knowledge: participant.http2_prior_knowledge,
        channel,
        gate: Gate::new(&policies),
        policies,
        options,
    })
}

fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("url can't be read: {e}; write http(s)://host:port"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("url has the scheme `{}`; write http(s)://host:port", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("url holds a user or password; set headers.authorization instead".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("url has a query or fragment; leave it out, targets bring their own".into());
    }
    Ok(url)
}

fn constant_headers(participant: &Participant) -> Result<HeaderMap, String> {
    let mut constant = HeaderMap::with_capacity(participant.headers.len());
    for (name, value) in &participant.headers {
        let (name, mut value) = headers::parse(name, value).map_err(|e| e.to_string())?;
        value.set_sensitive(true);
        constant.insert(name, value);
    }
    Ok(constant)
}

/// `host:port` of a URL, for messages.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
