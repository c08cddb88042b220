//! The participants, checked and ready for use, and what a target names: one of them, a whole URL, a name for discovery.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use reprise_discovery::Address;
use reprise_engine::{BranchOptions, Operation};
use url::{Origin, Url};

use crate::config::{OutboundConfig, OutboundError, Participant};
use crate::failure::Unsendable;
use crate::gate::Gate;
use crate::group::{Group, Groups};
use crate::grpc::{Dialer, LazyChannel};
use crate::headers;
use crate::policy::Policies;

/// A participant, ready for use.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) at: At,
    /// `host:port`, or what discovery is asked for; for messages.
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Option<Duration>,
    pub(crate) http2_prior_knowledge: bool,
    pub(crate) policies: Policies,
    /// What lies under the options of every call.
    pub(crate) options: BranchOptions,
    pub(crate) gate: Gate,
}

/// Where a participant is.
#[derive(Debug)]
pub(crate) enum At {
    /// At its URL.
    Url(Box<Home>),
    /// Wherever its processes are at the moment.
    Group(Arc<Group>),
}

/// A participant's URL.
#[derive(Debug)]
pub(crate) struct Home {
    origin: Origin,
    /// URL without a slash at its end; targets' paths follow.
    pub(crate) base: String,
    /// Path of `base`, without a slash at its end.
    pub(crate) base_path: String,
    pub(crate) channel: LazyChannel,
}

/// What a target names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'d, 't> {
    /// A participant, and what follows its name: empty, `/path` or `?query`.
    Participant(&'d Place, &'t str),
    /// A whole URL, not parsed yet.
    Url(&'t str),
    /// A name for discovery, not parsed yet.
    Name(&'t str),
}

impl Place {
    /// The path in front of every target's path.
    pub(crate) fn base_path(&self) -> &str {
        match &self.at {
            At::Url(home) => &home.base_path,
            At::Group(_) => "",
        }
    }

    /// Whether `url` is the participant's or below it.
    fn owns(&self, url: &Url) -> bool {
        let At::Url(home) = &self.at else { return false };
        let below = url.path().strip_prefix(home.base_path.as_str());
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && url.origin() == home.origin
    }

    fn is_named(&self, name: &reprise_discovery::Target) -> bool {
        match &self.at {
            At::Url(_) => false,
            At::Group(group) => group.target() == name,
        }
    }
}

/// All participants by name.
#[derive(Debug)]
pub(crate) struct Directory {
    places: BTreeMap<String, Place>,
    allow_urls: bool,
}

impl Directory {
    pub(crate) fn new(config: &OutboundConfig, dialer: &Dialer, groups: &mut Groups) -> Result<Self, OutboundError> {
        let places = config
            .participants
            .iter()
            .map(|(name, participant)| {
                let wrong = |reason| OutboundError::Participant { name: name.clone(), reason };
                place(name, participant, dialer, groups).map(|place| (name.clone(), place)).map_err(wrong)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { places, allow_urls: config.allow_urls })
    }

    /// Finds whom `target` names.
    pub(crate) fn find<'d, 't>(&'d self, target: &'t str) -> Result<Target<'d, 't>, Unsendable> {
        if is_url(target) {
            return Ok(Target::Url(target));
        }
        if reprise_discovery::Target::is_meant(target) {
            return Ok(Target::Name(target));
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
        match owners.min_by_key(|place| Reverse(place.base_path().len())) {
            Some(place) => Ok(Some(place)),
            None if self.allow_urls => Ok(None),
            None => Err(Unsendable::UrlsOff),
        }
    }

    /// Whose `name` is: the participant's with the very name; none if it is nobody's and may be called all the same.
    pub(crate) fn owner_of_name(&self, name: &reprise_discovery::Target) -> Result<Option<&Place>, Unsendable> {
        match self.places.values().find(|place| place.is_named(name)) {
            Some(place) => Ok(Some(place)),
            None if self.allow_urls => Ok(None),
            None => Err(Unsendable::UrlsOff),
        }
    }

    /// The participant that an operation calls; none if it calls nobody we know, or can't be sent at all.
    pub(crate) fn place_of(&self, operation: &Operation) -> Option<&Place> {
        let target = match operation {
            Operation::Http { target, .. } => Cow::Borrowed(target.as_str()),
            Operation::Grpc { target, .. } => plain_host(target),
            Operation::Request { url, .. } => Cow::Borrowed(url.as_str()),
            Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => return None,
        };
        match self.find(&target).ok()? {
            Target::Participant(place, _) => Some(place),
            Target::Url(url) => self.owner(&Url::parse(url).ok()?).ok()?,
            Target::Name(name) => self.owner_of_name(&name.parse().ok()?).ok()?,
        }
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

/// `host:port` of a gRPC target as the URL it is short for; anything else as it is. No participant's name has a colon.
pub(crate) fn plain_host(target: &str) -> Cow<'_, str> {
    let short = target.contains(':') && !target.contains('/') && target.parse::<Address>().is_ok();
    if short { format!("http://{target}").into() } else { target.into() }
}

fn place(name: &str, participant: &Participant, dialer: &Dialer, groups: &mut Groups) -> Result<Place, String> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return Err("its name must be made of A-Z a-z 0-9 _ . -".into());
    }
    if participant.timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err("timeout_ms is 0; use 1 or more, or leave it out".into());
    }
    let policies = participant.policies();
    let options = policies.options()?;
    policies.check_bounds()?;
    let (at, host) = at(&participant.url, dialer, groups)?;
    Ok(Place {
        name: name.to_owned(),
        at,
        host,
        headers: constant_headers(participant)?,
        timeout: participant.timeout,
        http2_prior_knowledge: participant.http2_prior_knowledge,
        gate: Gate::new(&policies),
        policies,
        options,
    })
}

fn at(url: &str, dialer: &Dialer, groups: &mut Groups) -> Result<(At, String), String> {
    if reprise_discovery::Target::is_meant(url) {
        let group = groups.of_participant(url.parse().map_err(|e| format!("url: {e}"))?);
        let host = group.text().to_owned();
        return Ok((At::Group(group), host));
    }
    let url = base_url(url)?;
    let home = Home {
        origin: url.origin(),
        base: url.as_str().trim_end_matches('/').to_owned(),
        base_path: url.path().trim_end_matches('/').to_owned(),
        channel: dialer.lazy(url.as_str(), None)?,
    };
    Ok((At::Url(Box::new(home)), host_of(&url)))
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
